//! What a device says about its slot ring: wire types, ids, and what an answer must agree with.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The wire types of one device's slot ring.
///
/// An implementer describes layouts and copies fields; it never sees shared memory, only private copies.
pub trait Protocol {
    /// What the front asks.
    type Request: FromBytes + IntoBytes + Immutable;
    /// What the back answers.
    type Response: FromBytes + IntoBytes + Immutable;
    /// What an answer must agree with its request in, for instance the operation; `()` if nothing.
    type Kind: Copy + fmt::Debug;
    /// Width of the id on the wire, in bits: the lower half names a place, the upper half a generation of its use.
    const ID_BITS: u32;

    /// Writes the id into a request.
    fn stamp(request: &mut Self::Request, id: RequestId);
    /// Returns what the answer must agree with.
    fn kind(request: &Self::Request) -> Self::Kind;
    /// Reads the id of an answer.
    fn id(response: &Self::Response) -> RequestId;
    /// Tells whether an answer fits what was asked.
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

    pub(crate) fn pack(self, place: u32, generation: u32) -> RequestId {
        RequestId((self.trim(generation) << self.half) | u64::from(place))
    }

    /// Returns the place that an id names.
    pub(crate) const fn place(self, id: RequestId) -> u64 {
        id.0 & self.places().wrapping_sub(1)
    }

    /// Tells whether an id carries this generation, or one that looks the same at this width.
    pub(crate) fn is_of(self, id: RequestId, generation: u32) -> bool {
        id.0 >> self.half == self.trim(generation)
    }

    fn trim(self, generation: u32) -> u64 {
        u64::from(generation) & self.places().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::IdWidth;

    /// Under Miri only every so many generations are tried.
    const STEP: usize = if cfg!(miri) { 257 } else { 1 };

    #[test]
    fn r12_generations_differ_as_long_as_the_width_allows() {
        for (half, period) in [(8, 256), (16, 65536)] {
            let width = IdWidth { half };
            let id = width.pack(255, 7);
            assert_eq!(width.place(id), 255);
            assert!(width.is_of(id, 7) && width.is_of(id, 7 + period));
            assert!((8..7 + period).step_by(STEP).all(|generation| !width.is_of(id, generation)));
        }
        let width = IdWidth { half: 32 };
        let id = width.pack(u32::MAX, u32::MAX);
        assert_eq!((id.0, width.place(id)), (u64::MAX, u64::from(u32::MAX)));
        assert!(width.is_of(id, u32::MAX) && !width.is_of(id, 0));
    }
}
