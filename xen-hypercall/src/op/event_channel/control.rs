//! The page of the FIFO ABI by which Xen tells one processor of its queues.

use core::sync::atomic::AtomicU32;

use static_assertions::const_assert_eq;

use crate::SharedPage;
use crate::place::Place;

/// How urgent a port's events are: 0 is served first, 15 last.
///
/// # Xen
/// `EVTCHN_FIFO_PRIORITY_*` of `event_channel.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Priority(u8);

const HIGHEST: u8 = 0;
const DEFAULT: u8 = 7;
const LOWEST: u8 = 15;

impl Priority {
    /// Served before all others.
    pub const HIGHEST: Self = Self(HIGHEST);
    /// What a port has until it is given another.
    pub const DEFAULT: Self = Self(DEFAULT);
    /// Served after all others.
    pub const LOWEST: Self = Self(LOWEST);

    /// Makes a priority; `None` above 15.
    #[inline]
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= LOWEST { Some(Self(number)) } else { None }
    }

    /// Returns the number.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u32 {
        #[expect(clippy::as_conversions, reason = "widening in a constant function, where From is not to be had")]
        let number = self.0 as u32;
        number
    }
}

/// Queues of a processor, one a priority.
const QUEUES: usize = 16;

// Where things lie in a control block: the patterns below say it once more.
const READY: usize = 0;
const HEAD: usize = 8;
const CONTROL_SIZE: usize = 72;
/// Bytes from one block to the next: whole cache lines, since each is another processor's.
const STRIDE: usize = 128;
const_assert_eq!(READY + 4 + 4, HEAD);
const_assert_eq!(HEAD + 4 * QUEUES, CONTROL_SIZE);

/// The control block of one processor: a place of 128 bytes in a page, of which Xen uses 72.
///
/// Xen sets ready bits and heads; the guest clears ready bits.
///
/// # Xen
/// `evtchn_fifo_control_block` of `event_channel.h`.
#[doc(alias = "evtchn_fifo_control_block")]
#[derive(Debug, Clone, Copy)]
pub struct ControlBlock<'a> {
    place: Place<'a, STRIDE>,
    words: &'a [AtomicU32; CONTROL_SIZE / 4],
}

impl<'a> ControlBlock<'a> {
    /// Places for control blocks in one page.
    pub const PLACES: usize = Place::<STRIDE>::ALL;

    /// Names a place in a page, which must be zero there; `None` from [`ControlBlock::PLACES`] on.
    #[inline]
    #[must_use]
    pub fn new(page: &'a SharedPage, place: usize) -> Option<Self> {
        let place = Place::new(page, place)?;
        Some(Self { place, words: place.at(0) })
    }

    /// Returns the page, and the byte in it where the block begins.
    #[inline]
    pub(super) const fn location(self) -> (&'a SharedPage, usize) {
        self.place.location()
    }

    /// Returns the bits of the queues that have events: set by Xen, taken by the guest; those above bit 15 mean nothing.
    #[inline]
    #[must_use]
    pub const fn ready(self) -> &'a AtomicU32 {
        let [ready, _, _heads @ ..] = self.words;
        ready
    }

    /// Returns the port numbers with which the queues begin, one a priority: written by Xen, 0 for none.
    #[inline]
    #[must_use]
    pub const fn heads(self) -> &'a [AtomicU32; QUEUES] {
        let [_ready, _, heads @ ..] = self.words;
        heads
    }
}

#[cfg(test)]
mod tests {
    use super::{ControlBlock, LOWEST, Priority};

    #[test]
    fn there_are_sixteen_priorities() {
        assert_eq!(Priority::new(LOWEST).map(Priority::number), Some(15));
        assert_eq!(Priority::new(0), Some(Priority::HIGHEST));
        assert_eq!([16, u8::MAX].map(Priority::new), [None, None]);
        assert_eq!(ControlBlock::PLACES, 32);
    }
}
