//! What the tests share: real pages, tables that live as long as a test, and a protocol.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use core::ptr::NonNull;

use xen_hypercall::{Gfn, SharedPage, SharedPages};
use xen_ring::{Protocol, RequestId, Requests};
use zerocopy::{FromBytes, Immutable, IntoBytes};

#[repr(align(4096))]
struct Bytes([u8; 4096]);

/// Gives a real, zeroed page that lives as long as the test.
pub fn page() -> &'static SharedPage {
    let ptr = NonNull::from(Box::leak(Box::new(Bytes([0; 4096])))).cast();
    // SAFETY: leaked, aligned, zeroed and reached by nobody else.
    Box::leak(Box::new(unsafe { SharedPage::new(ptr, Gfn(1)) }))
}

/// Gives `PAGES` real, zeroed pages in a row that live as long as the test.
pub fn pages<const PAGES: usize>() -> &'static SharedPages<'static> {
    let bytes: &mut [Bytes] = Vec::leak((0..PAGES).map(|_| Bytes([0; 4096])).collect());
    let gfns = Vec::leak((1..).take(PAGES).map(Gfn).collect());
    // SAFETY: leaked, aligned, zeroed and reached by nobody else.
    Box::leak(Box::new(unsafe { SharedPages::new(NonNull::from(bytes).cast(), gfns) }))
}

/// Gives an empty table that lives as long as the test.
pub fn table<P: Protocol, T, const N: usize>() -> &'static mut Requests<P, T, N> {
    Box::leak(Box::default())
}

/// A request or a response of the test's protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Message {
    pub id: u64,
    pub operation: u32,
    pub value: u32,
}

pub fn message(operation: u32, value: u32) -> Message {
    Message { id: 0, operation, value }
}

/// A protocol whose ids have `BITS` bits.
#[derive(Debug)]
pub struct Test<const BITS: u32>;

impl<const BITS: u32> Protocol for Test<BITS> {
    type Request = Message;
    type Response = Message;
    type Kind = u32;
    const ID_BITS: u32 = BITS;

    fn stamp(request: &mut Message, id: RequestId) {
        request.id = id.0;
    }

    fn kind(request: &Message) -> u32 {
        request.operation
    }

    fn id(response: &Message) -> Option<RequestId> {
        Some(RequestId(response.id))
    }

    fn answers(response: &Message, asked: u32) -> bool {
        response.operation == asked
    }
}

/// `rsp_prod` of `io/ring.h`.
pub const RSP_PROD: usize = 8;
