//! What a device says about its slot ring: wire types, ids, and what an answer must agree with.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The wire types of one device's slot ring.
///
/// An implementer describes layouts and copies fields; it never sees shared memory, only private copies.
///
/// - Block rings match answers by id: 64 bits, `IN_ORDER` false. Each of the layouts (native, x86_32, x86_64) is a protocol
///   of its own.
/// - Transmit rings of the network match by an id of 16 bits. Where `Request` is a slot's worth of bytes, an extra info is one
///   too; it is staged by [`Vacancy::stage_unnamed`](crate::Vacancy::stage_unnamed), and a response with status `NULL` has
///   no id: [`Protocol::id`] returns `None`, and the oldest slot without id is settled.
/// - Receive rings of the network are `IN_ORDER`: answer number `n` takes request number `n`. An extra info among the
///   answers has no id and settles the buffer of its slot, which comes back to be posted again. That a slot is one is known
///   from the slot before it: [`Complete::poll_unnamed`](crate::Complete::poll_unnamed).
#[doc(alias = "DEFINE_RING_TYPES")]
pub trait Protocol {
    /// What the front asks.
    type Request: FromBytes + IntoBytes + Immutable;
    /// What the back answers.
    type Response: FromBytes + IntoBytes + Immutable;
    /// What an answer must agree with its request in, for instance the operation; `()` if nothing.
    type Kind: Copy + fmt::Debug;
    /// Width of the id on the wire, in bits: the lower half names a place, the upper half a generation of its use.
    const ID_BITS: u32;
    /// Whether answer number `n` settles request number `n`; an id, if there is one, must agree.
    const IN_ORDER: bool = false;

    /// Writes the id into a request.
    fn stamp(request: &mut Self::Request, id: RequestId);
    /// Returns what the answer must agree with.
    fn kind(request: &Self::Request) -> Self::Kind;
    /// The same of what is staged without id: where answers are matched by id, this tells it from what has one.
    fn kind_unnamed(request: &Self::Request) -> Self::Kind {
        Self::kind(request)
    }
    /// Tells whether what was asked has an id, so that a replay stages it as it was.
    fn is_named(_: Self::Kind) -> bool {
        true
    }
    /// Reads the id of an answer, or `None` if its slot carries none.
    fn id(response: &Self::Response) -> Option<RequestId>;
    /// Tells whether an answer that names a request fits what was asked.
    fn answers(response: &Self::Response, asked: Self::Kind) -> bool;
}

/// The id of a request on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How the bits of an id are shared out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdWidth {
    half: u32,
}

impl IdWidth {
    pub(crate) const fn of<P: Protocol>() -> Self {
        const { assert!(P::ID_BITS.is_multiple_of(2) && P::ID_BITS >= 2 && P::ID_BITS <= 64, "an even width") }
        Self { half: P::ID_BITS >> 1 }
    }

    /// Returns how many places an id can name.
    pub(crate) const fn places(self) -> u64 {
        1 << self.half
    }

    /// Returns by how much the id of a place grows from one use to the next: by one generation.
    pub(crate) const fn step(self) -> u64 {
        1 << self.half
    }

    /// Returns as much of an id as goes over the wire.
    pub(crate) const fn wire(self, id: u64) -> RequestId {
        // All bits of both halves; a shift by 64 would be one too many.
        let upper = self.places().wrapping_sub(1) << self.half;
        RequestId(id & (upper | self.places().wrapping_sub(1)))
    }

    /// Returns the place that an id names; `None` if there cannot be one.
    pub(crate) fn place(self, id: RequestId) -> Option<usize> {
        usize::try_from(id.0 & self.places().wrapping_sub(1)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{IdWidth, RequestId};

    /// Under Miri only every so many generations are tried.
    const STEP: usize = if cfg!(miri) { 257 } else { 1 };

    #[test]
    fn r12_generations_differ_as_long_as_the_width_allows() {
        for (half, period) in [(8, 256), (16, 65536)] {
            let width = IdWidth { half };
            let id = |generation: u64| width.wire(255 + width.step() * generation);
            assert_eq!((id(7), width.place(id(7))), (RequestId(7 * period + 255), Some(255)));
            assert_eq!(id(7), id(7 + period));
            assert!((8..7 + period).step_by(STEP).all(|generation| id(generation) != id(7)));
        }
        let width = IdWidth { half: 32 };
        assert_eq!(
            (width.wire(u64::MAX), width.place(RequestId(u64::MAX))),
            (RequestId(u64::MAX), usize::try_from(u32::MAX).ok())
        );
        assert_eq!(width.wire(5_u64.wrapping_sub(width.step())), RequestId((u64::from(u32::MAX) << 32) | 5));
    }
}
