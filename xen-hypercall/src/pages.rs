//! Several pages in a row that another domain reads and writes at any moment.
#![expect(unsafe_code, reason = "promises what `memory.rs` rests on")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::memory::Memory;
use crate::page::{Aligned, PAGE_SIZE};
use crate::{Circle, Gfn, bulk, record};

/// Pages that follow each other in our address space and may be anywhere in the guest's: a ring of more than one page.
///
/// No reference to their bytes is ever made, save to atomics.
///
/// # Invariants
/// 1. `ptr` is aligned to a page, and as many pages as there are in `gfns` stay mapped from there on, readable and writable,
///    as long as the value lives.
/// 2. Nobody on this side reaches the pages but through this value.
#[derive(Debug)]
pub struct SharedPages<'g> {
    ptr: NonNull<u8>,
    gfns: &'g [Gfn],
}

// SAFETY: the pages are reached by atomics and by copies that tolerate other writers, so any thread may do it.
unsafe impl Send for SharedPages<'_> {}
// SAFETY: as above; every access is an atomic or a copy that tolerates other writers.
unsafe impl Sync for SharedPages<'_> {}

impl<'g> SharedPages<'g> {
    /// Takes charge of the pages from `ptr` on, which are the guest frames `gfns`, in this order.
    ///
    /// # Safety
    /// The caller guarantees the type's invariants, and that the pages hold nothing that a peer must not see.
    ///
    /// # Panics
    /// If `ptr` is not aligned to a page.
    #[must_use]
    pub unsafe fn new(ptr: NonNull<u8>, gfns: &'g [Gfn]) -> Self {
        assert!(ptr.cast::<Aligned>().is_aligned(), "a page starts at a page boundary");
        Self { ptr, gfns }
    }

    /// Returns the guest frames, in order.
    #[must_use]
    pub const fn gfns(&self) -> &'g [Gfn] {
        self.gfns
    }

    /// Returns the address, for an embedder that takes the pages back.
    #[must_use]
    pub const fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Returns how many bytes there are.
    #[inline]
    #[must_use]
    pub const fn size(&self) -> usize {
        // No overflow: so many bytes are mapped.
        self.gfns.len().wrapping_mul(PAGE_SIZE)
    }

    /// Returns `N` 32-bit words from byte `offset` on, unless they are beyond the pages or not aligned.
    #[inline]
    #[must_use]
    pub fn u32s<const N: usize>(&self, offset: usize) -> Option<&[AtomicU32; N]> {
        self.array(offset)
    }

    /// Returns `count` 32-bit words from byte `offset` on, unless they are beyond the pages or not aligned.
    #[inline]
    #[must_use]
    pub fn u32_slice(&self, offset: usize, count: usize) -> Option<&[AtomicU32]> {
        self.atomics(offset, count)
    }

    /// Returns `count` 64-bit words from byte `offset` on, unless they are beyond the pages or not aligned.
    #[inline]
    #[must_use]
    pub fn u64_slice(&self, offset: usize, count: usize) -> Option<&[AtomicU64]> {
        self.atomics(offset, count)
    }

    /// Returns `len` bytes from byte `offset` on, in which an index goes round, unless they are beyond the pages or `len` is no
    /// power of two.
    #[must_use]
    pub fn circle(&self, offset: usize, len: usize) -> Option<Circle<'_>> {
        Circle::new(self.atomics(offset, len)?)
    }

    /// Copies bytes of the pages from byte `offset` on into private memory, once.
    ///
    /// # Panics
    /// If the bytes are not all within the pages; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn copy_in(&self, offset: usize, to: &mut [u8]) {
        bulk::read(self.bytes(offset, to.len()), to);
    }

    /// Copies private bytes into the pages from byte `offset` on.
    ///
    /// # Panics
    /// If the bytes do not all fit; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn copy_out(&self, offset: usize, from: &[u8]) {
        bulk::write(self.bytes(offset, from.len()), from);
    }

    /// Copies a short record of the pages from byte `offset` on into private memory, each byte once.
    ///
    /// # Panics
    /// If the bytes are not all within the pages; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn record_in(&self, offset: usize, to: &mut [u8]) {
        record::read(self, offset, to);
    }

    /// Copies a short private record into the pages from byte `offset` on.
    ///
    /// # Panics
    /// If the bytes do not all fit; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn record_out(&self, offset: usize, from: &[u8]) {
        record::write(self, offset, from);
    }

    /// Sets the pages to zero.
    pub fn zero(&self) {
        for at in (0..self.size()).step_by(64) {
            self.copy_out(at, &[0; 64]);
        }
    }
}

// SAFETY: invariants 1 and 2.
unsafe impl Memory for SharedPages<'_> {
    #[inline]
    fn start(&self) -> NonNull<u8> {
        self.ptr
    }

    #[inline]
    fn size(&self) -> usize {
        SharedPages::size(self)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use core::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[repr(align(4096))]
    struct Pages(#[allow(dead_code, reason = "reached by address")] [u8; 2 * PAGE_SIZE]);

    #[test]
    fn words_are_within_the_pages_and_may_cross_from_one_to_the_next() {
        let memory = Box::leak(Box::new(Pages([0; 2 * PAGE_SIZE])));
        let gfns = [Gfn(7), Gfn(3)];
        // SAFETY: leaked, aligned, zero, and nobody else has it.
        let pages = unsafe { SharedPages::new(NonNull::from(memory).cast(), &gfns) };
        assert_eq!((pages.size(), pages.gfns()), (2 * PAGE_SIZE, &gfns[..]));
        pages.copy_out(PAGE_SIZE - 2, &[1, 2, 3, 4]);
        let words = pages.u32_slice(PAGE_SIZE - 4, 2).unwrap();
        assert_eq!([0, 1].map(|at| words[at].load(Relaxed).to_le_bytes()), [[0, 0, 1, 2], [3, 4, 0, 0]]);
        assert!(pages.u64_slice(2 * PAGE_SIZE - 8, 1).is_some());
        for (offset, count) in
            [(2 * PAGE_SIZE - 8, 2), (4, 1), (2 * PAGE_SIZE, 1), (usize::MAX - 7, 1), (0, usize::MAX)]
        {
            assert!(pages.u64_slice(offset, count).is_none(), "{offset} {count}");
        }
        pages.zero();
        let mut back = [9; 4];
        pages.copy_in(PAGE_SIZE - 2, &mut back);
        assert_eq!(back, [0; 4]);
    }
}
