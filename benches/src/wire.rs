//! The two protocols that are measured: block requests of 112 bytes, and slots of 16 bytes.

use xen_ring::{Protocol, RequestId};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A protocol whose requests and responses can be made and read without knowing it.
pub trait Wire: Protocol<Kind = u8> + 'static {
    /// Makes a request of which `value` is the part that differs.
    fn ask(value: u32) -> Self::Request;
    /// Returns id, operation and value of a request.
    fn asked(request: &Self::Request) -> (u64, u8, u32);
    /// Makes an answer to a request.
    fn reply(id: u64, operation: u8, status: i16) -> Self::Response;
    /// Returns the status of an answer.
    fn status(response: &Self::Response) -> i16;
}

/// `struct blkif_request` of `io/blkif.h`, 64 bits.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct BlockRequest {
    operation: u8,
    segments: u8,
    handle: u16,
    pad: u32,
    id: u64,
    sector: u64,
    segment: [u64; 11],
}

/// `struct blkif_response` of `io/blkif.h`, 64 bits.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct BlockResponse {
    id: u64,
    operation: u8,
    pad: u8,
    status: i16,
    pad2: u32,
}

/// The block protocol.
#[derive(Debug)]
pub struct Block;

impl Protocol for Block {
    type Request = BlockRequest;
    type Response = BlockResponse;
    type Kind = u8;
    const ID_BITS: u32 = 64;

    fn stamp(request: &mut BlockRequest, id: RequestId) {
        request.id = id.0;
    }

    fn kind(request: &BlockRequest) -> u8 {
        request.operation
    }

    fn id(response: &BlockResponse) -> Option<RequestId> {
        Some(RequestId(response.id))
    }

    fn answers(response: &BlockResponse, asked: u8) -> bool {
        response.operation == asked
    }
}

impl Wire for Block {
    fn ask(value: u32) -> BlockRequest {
        let [operation, segments] = [0, 1];
        BlockRequest { operation, segments, handle: 0, pad: 0, id: 0, sector: value.into(), segment: [0; 11] }
    }

    fn asked(request: &BlockRequest) -> (u64, u8, u32) {
        (request.id, request.operation, request.sector as u32)
    }

    fn reply(id: u64, operation: u8, status: i16) -> BlockResponse {
        BlockResponse { id, operation, pad: 0, status, pad2: 0 }
    }

    fn status(response: &BlockResponse) -> i16 {
        response.status
    }
}

/// `small_request_t` of `c/side.c`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct SmallRequest {
    id: u64,
    operation: u32,
    value: u32,
}

/// `small_response_t` of `c/side.c`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct SmallResponse {
    id: u64,
    operation: u32,
    status: i32,
}

/// The protocol of 16-byte slots.
#[derive(Debug)]
pub struct Small;

impl Protocol for Small {
    type Request = SmallRequest;
    type Response = SmallResponse;
    type Kind = u8;
    const ID_BITS: u32 = 64;

    fn stamp(request: &mut SmallRequest, id: RequestId) {
        request.id = id.0;
    }

    fn kind(request: &SmallRequest) -> u8 {
        request.operation as u8
    }

    fn id(response: &SmallResponse) -> Option<RequestId> {
        Some(RequestId(response.id))
    }

    fn answers(response: &SmallResponse, asked: u8) -> bool {
        response.operation == asked.into()
    }
}

impl Wire for Small {
    fn ask(value: u32) -> SmallRequest {
        SmallRequest { id: 0, operation: 1, value }
    }

    fn asked(request: &SmallRequest) -> (u64, u8, u32) {
        (request.id, request.operation as u8, request.value)
    }

    fn reply(id: u64, operation: u8, status: i16) -> SmallResponse {
        SmallResponse { id, operation: operation.into(), status: status.into() }
    }

    fn status(response: &SmallResponse) -> i16 {
        response.status as i16
    }
}
