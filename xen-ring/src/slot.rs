//! Where slots lie in the page of a slot ring, and how they are copied.

use core::fmt;
use core::marker::PhantomData;

use xen_hypercall::PAGE_SIZE;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::index::{Index, wide};
use crate::{Protocol, Words};

pub(crate) const REQ_PROD: usize = 0;
pub(crate) const REQ_EVENT: usize = 4;
pub(crate) const RSP_PROD: usize = 8;
pub(crate) const RSP_EVENT: usize = 12;
const FIRST: usize = 64;

/// The largest order of pages of one ring: 512 pages.
pub const MAX_ORDER: u32 = 9;

/// How many slots a ring of `P` has: a power of two.
///
/// Both ends must use the same number; peers of other makes use [`Slots::FULL`], or [`Slots::of_order`] where a ring has
/// more pages.
///
/// # Xen
/// `__CONST_RING_SIZE` of `io/ring.h`.
#[doc(alias("__RING_SIZE", "__CONST_RING_SIZE"))]
pub struct Slots<P> {
    /// As wide as an address, so that a place needs no widening.
    mask: usize,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol> Slots<P> {
    /// As many slots as one page holds.
    pub const FULL: Self = Self::of(fitting(Self::SIZE, PAGE_SIZE));

    /// Bytes of a slot, which is a union of request and response.
    const SIZE: usize = {
        let align = max(align_of::<P::Request>(), align_of::<P::Response>());
        max(size_of::<P::Request>(), size_of::<P::Response>()).next_multiple_of(align)
    };

    const fn of(count: u32) -> Self {
        Self { mask: wide(count).wrapping_sub(1), protocol: PhantomData }
    }

    /// Makes a number of slots, if it is a power of two and not above what [`MAX_ORDER`] allows.
    #[must_use]
    pub const fn new(count: u32) -> Option<Self> {
        if count.is_power_of_two() && count <= fitting(Self::SIZE, PAGE_SIZE << MAX_ORDER) {
            return Some(Self::of(count));
        }
        None
    }

    /// Makes as many slots as 2 to the power of `order` pages hold, if it is not above [`MAX_ORDER`].
    ///
    /// # Xen
    /// `ring-page-order` and `max-ring-page-order` of `io/blkif.h`.
    #[must_use]
    pub const fn of_order(order: u32) -> Option<Self> {
        if order > MAX_ORDER {
            return None;
        }
        Some(Self::of(fitting(Self::SIZE, PAGE_SIZE << order)))
    }

    /// # Panics
    /// If the memory is too short for the slots.
    pub(crate) fn assert_within<W: Words>(self, words: &W) {
        let end = wide(self.count()).wrapping_mul(Self::SIZE).wrapping_add(FIRST);
        assert!(end <= words.size(), "the slots are within the memory");
    }

    /// Returns the number.
    #[must_use]
    pub const fn count(self) -> u32 {
        low(self.mask).wrapping_add(1)
    }

    /// Returns the place of an index.
    #[inline]
    pub(crate) const fn place(self, at: Index) -> usize {
        wide(at.raw()) & self.mask
    }

    #[inline]
    const fn offset(self, place: usize) -> usize {
        place.wrapping_mul(Self::SIZE).wrapping_add(FIRST)
    }

    /// Whether one of request and answer is whole words of 64 bits, and the other is not: then both go by words of 32, for
    /// atomics of two sizes in one place are hard to reason about.
    const MIXED: bool = size_of::<P::Request>().is_multiple_of(8) != size_of::<P::Response>().is_multiple_of(8);

    /// Copies the slot at a place out of the page, once.
    #[inline]
    pub(crate) fn read<T: FromBytes + IntoBytes, W: Words>(self, page: &W, place: usize) -> T {
        let mut copy = T::new_zeroed();
        let offset = self.offset(place);
        if Self::MIXED {
            let words = copy.as_mut_bytes().chunks_mut(4);
            words.zip((offset..).step_by(4)).for_each(|(word, at)| page.slot_in(at, word));
        } else {
            page.slot_in(offset, copy.as_mut_bytes());
        }
        copy
    }

    #[inline]
    pub(crate) fn write<T: IntoBytes + Immutable, W: Words>(self, page: &W, place: usize, value: &T) {
        let offset = self.offset(place);
        if Self::MIXED {
            let words = value.as_bytes().chunks(4);
            words.zip((offset..).step_by(4)).for_each(|(word, at)| page.slot_out(at, word));
        } else {
            page.slot_out(offset, value.as_bytes());
        }
    }
}

impl<P> Clone for Slots<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Slots<P> {}

impl<P> fmt::Debug for Slots<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slots").field(&self.mask.wrapping_add(1)).finish()
    }
}

/// Counts the slots of `size` bytes in so many bytes behind the header, rounded down to a power of two.
const fn fitting(size: usize, bytes: usize) -> u32 {
    assert!(size > 0 && size <= PAGE_SIZE.wrapping_sub(FIRST), "a slot fits the page");
    let Some(count) = bytes.wrapping_sub(FIRST).checked_div(size) else { return 0 };
    let mut power: u32 = 1;
    while wide(power) <= count >> 1 {
        power = power.wrapping_shl(1);
    }
    power
}

#[expect(clippy::as_conversions, reason = "a count of slots, which was 32 bits")]
const fn low(mask: usize) -> u32 {
    (mask & 0xffff_ffff) as u32
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Bytes of a slot, and slots in a page, of the rings of `io/blkif.h` and `io/netif.h` (tx, rx).
const KNOWN: [(usize, u32); 3] = [(112, 32), (12, 256), (8, 256)];
const _: () = {
    let [block, sent, received] = KNOWN;
    assert!(
        fitting(block.0, PAGE_SIZE) == block.1
            && fitting(sent.0, PAGE_SIZE) == sent.1
            && fitting(received.0, PAGE_SIZE) == received.1
    );
};
const _: () = assert!(
    fitting(1, PAGE_SIZE) == 2048
        && fitting(2016, PAGE_SIZE) == 2
        && fitting(2017, PAGE_SIZE) == 1
        && fitting(4032, PAGE_SIZE) == 1
);
