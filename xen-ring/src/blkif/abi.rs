//! The three layouts of a slot, and the ring's protocol.

use core::fmt::Debug;
use core::marker::PhantomData;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::answer::Response;
use super::indirect::SegmentLimit;
use super::request::{BadRequest, Operation, Request};
use crate::{Protocol, RequestId};

/// A layout of slots and answers; which one a front uses, it says in its node `protocol`.
#[expect(private_bounds, reason = "nobody else implements it")]
pub trait Abi: Layout<Self::Slot, Self::Answer> {
    /// A slot.
    type Slot: FromBytes + IntoBytes + Immutable + Copy + Debug;
    /// An answer.
    type Answer: FromBytes + IntoBytes + Immutable + Copy + Debug;
}

/// What a layout does to slots and answers; `codec` has the code.
pub(super) trait Layout<S, A> {
    /// Makes a slot, without id.
    fn request(request: &Request) -> S;
    /// Checks what a slot asks.
    fn asked(slot: &S, limit: SegmentLimit) -> Result<Request, BadRequest>;
    fn id(slot: &S) -> RequestId;
    fn stamp(slot: &mut S, id: RequestId);
    fn asked_for(slot: &S) -> AskedFor;
    fn answer(response: &Response) -> A;
    fn response(answer: &A) -> Response;
}

/// The layout of this machine.
#[cfg(not(target_arch = "x86"))]
pub type Native = super::X86_64;
/// The layout of this machine.
#[cfg(target_arch = "x86")]
pub type Native = super::X86_32;

/// The protocol of a block ring: ids of 64 bits, answers in any order.
#[derive(Debug)]
pub struct Blkif<A = Native>(PhantomData<fn() -> A>);

/// What a slot asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What the answer is to name.
    pub id: RequestId,
    /// What the answer is to name, too.
    pub operation: Operation,
    /// What is to be done, or why it cannot be.
    pub what: Result<Request, BadRequest>,
}

/// What an answer must agree with.
///
/// The header says that an answer has the operation of its request. Of an indirect request some backs, Linux's among them,
/// name what it does by its segments instead; both are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedFor {
    /// The operation of the slot.
    pub(super) operation: Operation,
    /// What it does by its segments, if it is indirect; otherwise the same.
    pub(super) inner: Operation,
}

impl<A: Abi> Blkif<A> {
    /// Makes a slot of a request; its id is for the ring to write.
    ///
    /// # Errors
    /// If no back could do it: see [`BadRequest`].
    pub fn request(request: &Request) -> Result<A::Slot, BadRequest> {
        request.check().map(|request| A::request(&request))
    }

    /// Reads a slot, of which this is a private copy.
    ///
    /// A back answers what cannot be done, too.
    #[must_use]
    pub fn asked(slot: &A::Slot, limit: SegmentLimit) -> Asked {
        Asked { id: A::id(slot), operation: A::asked_for(slot).operation, what: A::asked(slot, limit) }
    }

    /// Makes an answer; its padding is zero.
    #[must_use]
    pub fn answer(response: &Response) -> A::Answer {
        A::answer(response)
    }

    /// Reads an answer, of which this is a private copy.
    #[must_use]
    pub fn response(answer: &A::Answer) -> Response {
        A::response(answer)
    }
}

impl<A: Abi> Protocol for Blkif<A> {
    type Request = A::Slot;
    type Response = A::Answer;
    type Kind = AskedFor;
    const ID_BITS: u32 = 64;

    #[inline]
    fn stamp(slot: &mut A::Slot, id: RequestId) {
        A::stamp(slot, id);
    }

    #[inline]
    fn kind(slot: &A::Slot) -> AskedFor {
        A::asked_for(slot)
    }

    #[inline]
    fn id(answer: &A::Answer) -> Option<RequestId> {
        Some(A::response(answer).id)
    }

    #[inline]
    fn answers(answer: &A::Answer, asked: AskedFor) -> bool {
        let operation = A::response(answer).operation;
        operation == asked.operation || operation == asked.inner
    }
}
