//! The seam between the algorithms and memory: what a ring does to a page, and no more.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU32, fence};

use xen_hypercall::{Circle, PAGE_SIZE, SharedPage, SharedPages};

use crate::index::wide;

/// Memory that a peer may change between any two calls.
///
/// Offsets are bytes from the start, always ours and never a peer's. Implementers: the real page, loom's cells, and the
/// tests' adversary.
#[doc(hidden)]
pub trait Words {
    /// One word, found once.
    type Word<'w>: Word
    where
        Self: 'w;
    /// As many bytes as a power of two, found once.
    type Area<'w>: Area
    where
        Self: 'w;

    /// Finds a word, if it is here and aligned.
    fn word(&self, offset: usize) -> Option<Self::Word<'_>>;
    /// Finds bytes, if they are here and as many as a power of two.
    fn area(&self, offset: usize, len: usize) -> Option<Self::Area<'_>>;

    /// Returns how many bytes there are.
    fn size(&self) -> usize {
        PAGE_SIZE
    }
    /// Loads an index or event; what is loaded after it is at least as new.
    fn load(&self, offset: usize) -> u32;
    /// Stores an index or event; what was stored before it is visible before it, what was read before it was read.
    fn store(&self, offset: usize, value: u32);
    /// Orders every access before it against every access after it.
    fn fence(&self);
    /// Copies shared bytes into private memory, each byte once.
    fn copy_in(&self, offset: usize, to: &mut [u8]);
    /// Copies private bytes into shared memory.
    fn copy_out(&self, offset: usize, from: &[u8]);

    /// Copies a slot into private memory, each byte once.
    fn slot_in(&self, offset: usize, to: &mut [u8]) {
        self.copy_in(offset, to);
    }

    /// Copies a slot into shared memory.
    fn slot_out(&self, offset: usize, from: &[u8]) {
        self.copy_out(offset, from);
    }
}

/// An index, or an event, found beforehand; as [`Words::load`] and [`Words::store`].
#[doc(hidden)]
pub trait Word {
    /// Loads it; what is loaded after it is at least as new.
    fn load(&self) -> u32;
    /// Stores it; what was stored before it is visible before it, what was read before it was read.
    fn store(&self, value: u32);
}

/// As many bytes as a power of two, found beforehand, in which an index goes round.
#[doc(hidden)]
pub trait Area {
    /// Copies shared bytes, at least one, from a place on into private memory, each once; none if they go across the end.
    #[must_use]
    fn copy_in(&self, at: u32, to: &mut [u8]) -> bool;
    /// Copies private bytes, at least one, into shared memory from a place on; none if they go across the end.
    #[must_use]
    fn copy_out(&self, at: u32, from: &[u8]) -> bool;
}

impl Word for &AtomicU32 {
    #[inline]
    fn load(&self) -> u32 {
        AtomicU32::load(self, Acquire)
    }

    #[inline]
    fn store(&self, value: u32) {
        AtomicU32::store(self, value, Release);
    }
}

impl Area for Circle<'_> {
    #[inline]
    fn copy_in(&self, at: u32, to: &mut [u8]) -> bool {
        Self::copy_in(self, wide(at), to)
    }

    #[inline]
    fn copy_out(&self, at: u32, from: &[u8]) -> bool {
        Self::copy_out(self, wide(at), from)
    }
}

/// Memory with bytes that are flags: both sides set and clear bits of one.
#[doc(hidden)]
pub trait Flags: Words {
    /// Loads a byte; what is loaded after it is at least as new.
    fn byte(&self, offset: usize) -> u8;
    /// Stores a byte; what was stored before it is visible before it.
    fn set_byte(&self, offset: usize, value: u8);
    /// Sets bits of a byte and leaves the others; without order.
    fn raise(&self, offset: usize, bits: u8);
    /// Clears bits of a byte, leaves the others, and tells whether one was set; without order.
    fn lower(&self, offset: usize, bits: u8) -> bool;
}

impl Flags for SharedPage {
    fn byte(&self, offset: usize) -> u8 {
        let [byte] = self.u8s(offset).unwrap_or_else(|| beyond());
        byte.load(Acquire)
    }

    fn set_byte(&self, offset: usize, value: u8) {
        let [byte] = self.u8s(offset).unwrap_or_else(|| beyond());
        byte.store(value, Release);
    }

    fn raise(&self, offset: usize, bits: u8) {
        let [byte] = self.u8s(offset).unwrap_or_else(|| beyond());
        byte.fetch_or(bits, Relaxed);
    }

    fn lower(&self, offset: usize, bits: u8) -> bool {
        let [byte] = self.u8s(offset).unwrap_or_else(|| beyond());
        byte.fetch_and(!bits, Relaxed) & bits != 0
    }
}

/// Implements the seam for memory that has atomics and copies.
macro_rules! words {
    ($memory:ty, $size:expr) => {
        impl Words for $memory {
            type Word<'w>
                = &'w AtomicU32
            where
                Self: 'w;
            type Area<'w>
                = Circle<'w>
            where
                Self: 'w;

            fn word(&self, offset: usize) -> Option<&AtomicU32> {
                self.u32s(offset).map(|[word]| word)
            }

            fn area(&self, offset: usize, len: usize) -> Option<Circle<'_>> {
                self.circle(offset, len)
            }

            #[inline]
            fn size(&self) -> usize {
                $size(self)
            }

            #[inline]
            fn load(&self, offset: usize) -> u32 {
                let [word] = self.u32s(offset).unwrap_or_else(|| beyond());
                word.load(Acquire)
            }

            #[inline]
            fn store(&self, offset: usize, value: u32) {
                let [word] = self.u32s(offset).unwrap_or_else(|| beyond());
                word.store(value, Release);
            }

            #[inline]
            fn fence(&self) {
                fence(SeqCst);
            }

            #[inline]
            fn copy_in(&self, offset: usize, to: &mut [u8]) {
                Self::copy_in(self, offset, to);
            }

            #[inline]
            fn copy_out(&self, offset: usize, from: &[u8]) {
                Self::copy_out(self, offset, from);
            }

            // Slots are short: words beat a string copy. The index carries the order.
            #[inline]
            fn slot_in(&self, offset: usize, to: &mut [u8]) {
                self.record_in(offset, to);
            }

            #[inline]
            fn slot_out(&self, offset: usize, from: &[u8]) {
                self.record_out(offset, from);
            }
        }
    };
}

words!(SharedPage, |_| PAGE_SIZE);
words!(SharedPages<'_>, SharedPages::size);

#[cold]
fn beyond() -> ! {
    unreachable!("offsets are ours, and within the memory")
}
