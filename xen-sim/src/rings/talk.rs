//! A protocol for tests: requests and answers look alike.

use crate::adversary::{CANARY, Memory, Shape, put, word};
use core::ops::Range;
use xen_ring::{Protocol, RequestId};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A request or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Message {
    /// Names the request.
    pub id: u64,
    /// What an answer must agree with.
    pub operation: u32,
    /// Anything.
    pub value: u32,
}

/// A protocol whose ids have `BITS` bits.
#[derive(Debug)]
pub struct Talk<const BITS: u32>;

impl<const BITS: u32> Protocol for Talk<BITS> {
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

/// What a request ties up: a number, and what the peer must not see.
#[derive(Debug)]
pub struct Token {
    /// Which request it was.
    pub number: u32,
    /// What it asked.
    pub operation: u32,
    private: [u8; 16],
}

impl Token {
    pub(super) const fn new(number: u32, operation: u32) -> Self {
        Self { number, operation, private: [CANARY; 16] }
    }

    /// Checks that it is whole and gives its number.
    pub(super) fn number(self) -> u32 {
        assert_eq!(self.private, [CANARY; 16], "a token comes back as it went");
        self.number
    }
}

/// `req_prod` of `io/ring.h`.
pub const REQ_PROD: usize = 0;
/// `req_event` of it.
pub const REQ_EVENT: usize = 4;
/// `rsp_prod` of it.
pub const RSP_PROD: usize = 8;
/// `rsp_event` of it.
pub const RSP_EVENT: usize = 12;

/// Where the slot for index `at` lies in a ring of so many slots.
#[must_use]
pub fn slot(at: u32, count: u32) -> Range<usize> {
    let place = usize::try_from(at % count).unwrap_or_default();
    64 + place * 16..80 + place * 16
}

/// Reads the message at index `at`, as the peer sees it.
#[must_use]
pub fn message_at(memory: &Memory, at: u32, count: u32) -> Message {
    let start = slot(at, count).start;
    memory.with(|bytes| Message {
        id: u64::from(word(bytes, start)) | u64::from(word(bytes, start + 4)) << 32,
        operation: word(bytes, start + 8),
        value: word(bytes, start + 12),
    })
}

impl Message {
    /// Lets the peer write the message at index `at`.
    pub fn write(&self, memory: &Memory, at: u32, count: u32) {
        memory.with(|bytes| bytes[slot(at, count)].copy_from_slice(self.as_bytes()));
    }
}

/// Describes a ring of so many slots, of which the first two or three are in use, to the adversary.
#[must_use]
pub fn shape(count: u32) -> Shape {
    Shape {
        words: vec![REQ_PROD, REQ_EVENT, RSP_PROD, RSP_EVENT],
        size: count,
        header: 0..64,
        slots: (0..count.min(3)).map(|at| slot(at, count)).collect(),
        fields: [0, 8],
    }
}

/// Lets the peer move a word by one.
pub(super) fn bump(memory: &Memory, offset: usize) {
    memory.with(|bytes| put(bytes, offset, word(bytes, offset).wrapping_add(1)));
}
