//! The seam between the algorithms and memory: what a ring does to a page, and no more.

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU32, fence};

use xen_hypercall::SharedPage;

/// Memory that a peer may change between any two calls.
///
/// Offsets are bytes from the start, always ours and never a peer's. Implementers: the real page, loom's cells, and the
/// tests' adversary.
#[doc(hidden)]
pub trait Words {
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

impl Words for SharedPage {
    #[inline]
    fn load(&self, offset: usize) -> u32 {
        word(self, offset).load(Acquire)
    }

    #[inline]
    fn store(&self, offset: usize, value: u32) {
        word(self, offset).store(value, Release);
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

    // Slots are short: words beat a string copy. Relaxed, since the index carries the order.
    #[inline]
    fn slot_in(&self, offset: usize, to: &mut [u8]) {
        let (words, tail) = to.as_chunks_mut();
        let Some(shared) = self.u64_slice(offset, words.len()).filter(|_| tail.is_empty()) else {
            return Words::copy_in(self, offset, to);
        };
        for (word, shared) in words.iter_mut().zip(shared) {
            *word = shared.load(Relaxed).to_ne_bytes();
        }
    }

    #[inline]
    fn slot_out(&self, offset: usize, from: &[u8]) {
        let (words, tail) = from.as_chunks();
        let Some(shared) = self.u64_slice(offset, words.len()).filter(|_| tail.is_empty()) else {
            return Words::copy_out(self, offset, from);
        };
        for (word, shared) in words.iter().zip(shared) {
            shared.store(u64::from_ne_bytes(*word), Relaxed);
        }
    }
}

/// Finds the word at a byte offset.
#[inline]
fn word(page: &SharedPage, offset: usize) -> &AtomicU32 {
    let [word] = page.u32s(offset).unwrap_or_else(|| unreachable!("offsets are ours, and within the page"));
    word
}
