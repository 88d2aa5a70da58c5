//! The seam between the algorithms and memory: what a ring does to a page, and no more.

use core::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use core::sync::atomic::fence;

use xen_hypercall::{PAGE_SIZE, SharedPage, SharedPages};

/// Memory that a peer may change between any two calls.
///
/// Offsets are bytes from the start, always ours and never a peer's. Implementers: the real page, loom's cells, and the
/// tests' adversary.
#[doc(hidden)]
pub trait Words {
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

/// Implements the seam for memory that has atomics and copies.
macro_rules! words {
    ($memory:ty, $size:expr) => {
        impl Words for $memory {
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

            fn copy_in(&self, offset: usize, to: &mut [u8]) {
                Self::copy_in(self, offset, to);
            }

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
