//! Pages that another domain, or Xen, reads and writes at any moment.
#![expect(unsafe_code, reason = "promises what `memory.rs` rests on")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use crate::memory::{self, Memory, beyond};
use crate::{Circle, Gfn, bulk, record};

/// Size of a page, in bytes.
pub const PAGE_SIZE: usize = 4096;

/// Exactly one page that others may write: mapped, zeroed by its giver, and ours alone on this side.
///
/// No reference to its bytes is ever made, save to atomics; bulk bytes go through [`SharedPage::copy_in`] and
/// [`SharedPage::copy_out`].
///
/// Does not compile: its bytes are never lent out, for they may change while they are looked at.
/// ```compile_fail,E0308
/// # fn wrong(page: &xen_hypercall::SharedPage) {
/// let bytes: &[u8] = page;
/// # }
/// ```
///
/// Does not compile: there is one value for a page.
/// ```compile_fail,E0599
/// # fn wrong(page: xen_hypercall::SharedPage) {
/// let second = page.clone();
/// # }
/// ```
///
/// # Invariants
/// 1. `ptr` is aligned to a page and the page stays mapped, readable and writable, as long as the value lives.
/// 2. Nobody on this side reaches the page but through this value.
#[derive(Debug)]
pub struct SharedPage {
    ptr: NonNull<u8>,
    gfn: Gfn,
}

// SAFETY: the page is reached by atomics and by copies that tolerate other writers, so any thread may do it.
unsafe impl Send for SharedPage {}
// SAFETY: as above; every access is an atomic or a copy that tolerates other writers.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    /// Takes charge of the page at `ptr`, which is guest frame `gfn`.
    ///
    /// # Safety
    /// The caller guarantees the type's invariants, and that the page holds nothing that a peer must not see.
    ///
    /// # Panics
    /// If `ptr` is not aligned to a page.
    #[must_use]
    pub unsafe fn new(ptr: NonNull<u8>, gfn: Gfn) -> Self {
        assert!(ptr.cast::<Aligned>().is_aligned(), "a page starts at a page boundary");
        Self { ptr, gfn }
    }

    /// Returns the guest frame.
    #[must_use]
    pub const fn gfn(&self) -> Gfn {
        self.gfn
    }

    /// Returns the address, for an embedder that takes the page back.
    #[must_use]
    pub const fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Returns the byte at `OFFSET`.
    #[must_use]
    pub fn u8_at<const OFFSET: usize>(&self) -> &AtomicU8 {
        let [byte] = self.u8s_at::<OFFSET, 1>();
        byte
    }

    /// Returns `N` bytes from `OFFSET` on.
    #[must_use]
    pub fn u8s_at<const OFFSET: usize, const N: usize>(&self) -> &[AtomicU8; N] {
        const { assert!(fits::<u8>(OFFSET, N), "within the page") }
        self.array(OFFSET).unwrap_or_else(|| beyond())
    }

    /// Returns the 32-bit word at byte `OFFSET`.
    #[must_use]
    pub fn u32_at<const OFFSET: usize>(&self) -> &AtomicU32 {
        let [word] = self.u32s_at::<OFFSET, 1>();
        word
    }

    /// Returns `N` 32-bit words from byte `OFFSET` on.
    #[must_use]
    pub fn u32s_at<const OFFSET: usize, const N: usize>(&self) -> &[AtomicU32; N] {
        const { assert!(fits::<u32>(OFFSET, N), "within the page, and aligned") }
        self.array(OFFSET).unwrap_or_else(|| beyond())
    }

    /// Returns `N` bytes from byte `offset` on, unless they are beyond the page.
    #[inline]
    #[must_use]
    pub fn u8s<const N: usize>(&self, offset: usize) -> Option<&[AtomicU8; N]> {
        self.array(offset)
    }

    /// Returns `N` 16-bit words from byte `offset` on, unless they are beyond the page or not aligned.
    #[inline]
    #[must_use]
    pub fn u16s<const N: usize>(&self, offset: usize) -> Option<&[AtomicU16; N]> {
        self.array(offset)
    }

    /// Returns `N` 64-bit words from byte `offset` on, unless they are beyond the page or not aligned.
    #[inline]
    #[must_use]
    pub fn u64s<const N: usize>(&self, offset: usize) -> Option<&[AtomicU64; N]> {
        self.array(offset)
    }

    /// Returns `N` 32-bit words from byte `offset` on, unless they are beyond the page or not aligned.
    #[inline]
    #[must_use]
    pub fn u32s<const N: usize>(&self, offset: usize) -> Option<&[AtomicU32; N]> {
        self.array(offset)
    }

    /// Returns the 64-bit word at byte `OFFSET`.
    #[must_use]
    pub fn u64_at<const OFFSET: usize>(&self) -> &AtomicU64 {
        let [word] = self.u64s_at::<OFFSET, 1>();
        word
    }

    /// Returns `N` 64-bit words from byte `OFFSET` on.
    #[must_use]
    pub fn u64s_at<const OFFSET: usize, const N: usize>(&self) -> &[AtomicU64; N] {
        const { assert!(fits::<u64>(OFFSET, N), "within the page, and aligned") }
        self.array(OFFSET).unwrap_or_else(|| beyond())
    }

    /// Returns `count` 32-bit words from byte `offset` on, unless they are beyond the page or not aligned.
    #[inline]
    #[must_use]
    pub fn u32_slice(&self, offset: usize, count: usize) -> Option<&[AtomicU32]> {
        self.atomics(offset, count)
    }

    /// Returns `count` 64-bit words from byte `offset` on, unless they are beyond the page or not aligned.
    #[inline]
    #[must_use]
    pub fn u64_slice(&self, offset: usize, count: usize) -> Option<&[AtomicU64]> {
        self.atomics(offset, count)
    }

    /// Returns `len` bytes from byte `offset` on, in which an index goes round, unless they are beyond the page or `len` is no
    /// power of two.
    #[must_use]
    pub fn circle(&self, offset: usize, len: usize) -> Option<Circle<'_>> {
        Circle::new(self.atomics(offset, len)?)
    }

    /// Copies bytes of the page from byte `offset` on into private memory, once.
    ///
    /// # Panics
    /// If the bytes are not all within the page; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn copy_in(&self, offset: usize, to: &mut [u8]) {
        bulk::read(self.bytes(offset, to.len()), to);
    }

    /// Copies private bytes into the page from byte `offset` on.
    ///
    /// # Panics
    /// If the bytes do not all fit; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn copy_out(&self, offset: usize, from: &[u8]) {
        bulk::write(self.bytes(offset, from.len()), from);
    }

    /// Copies a short record of the page from byte `offset` on into private memory, each byte once.
    ///
    /// # Panics
    /// If the bytes are not all within the page; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn record_in(&self, offset: usize, to: &mut [u8]) {
        record::read(self, offset, to);
    }

    /// Copies a short private record into the page from byte `offset` on.
    ///
    /// # Panics
    /// If the bytes do not all fit; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn record_out(&self, offset: usize, from: &[u8]) {
        record::write(self, offset, from);
    }

    /// Sets the whole page to zero.
    pub fn zero(&self) {
        for at in 0..PAGE_SIZE / 64 {
            self.copy_out(at.saturating_mul(64), &[0; 64]);
        }
    }
}

// SAFETY: invariants 1 and 2.
unsafe impl Memory for SharedPage {
    #[inline]
    fn start(&self) -> NonNull<u8> {
        self.ptr
    }

    #[inline]
    fn size(&self) -> usize {
        PAGE_SIZE
    }
}

#[repr(align(4096))]
pub(crate) struct Aligned;

const fn fits<T>(offset: usize, count: usize) -> bool {
    memory::fits::<T>(PAGE_SIZE, offset, count)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use core::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[repr(align(4096))]
    struct Page(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

    /// Words found by an offset are those found by a constant, and none is beyond the page.
    #[test]
    fn words_are_within_the_page() {
        let memory = Box::leak(Box::new(Page([0; PAGE_SIZE])));
        // SAFETY: leaked, aligned, zero, and nobody else has it.
        let page = unsafe { SharedPage::new(NonNull::from(memory).cast(), Gfn(1)) };
        let [_, last] = page.u32s::<2>(PAGE_SIZE - 8).unwrap();
        last.store(7, Relaxed);
        assert_eq!(page.u32_at::<{ PAGE_SIZE - 4 }>().load(Relaxed), 7);
        for offset in [2, PAGE_SIZE - 4, PAGE_SIZE - 6, PAGE_SIZE, usize::MAX] {
            assert!(page.u32s::<2>(offset).is_none(), "{offset}");
        }
        assert_eq!(page.u64_slice(PAGE_SIZE - 16, 2).unwrap()[1].load(Relaxed), 7 << 32);
        assert_eq!(page.u16s::<1>(PAGE_SIZE - 4).unwrap()[0].load(Relaxed), 7);
        assert!(page.u16s::<1>(PAGE_SIZE - 1).is_none() && page.u16s::<1>(PAGE_SIZE).is_none());
        assert_eq!(page.u64s::<1>(PAGE_SIZE - 8).unwrap()[0].load(Relaxed), 7 << 32);
        assert!(page.u64s::<1>(PAGE_SIZE - 4).is_none() && page.u64s::<1>(PAGE_SIZE).is_none());
        for (offset, count) in
            [(4, 1), (PAGE_SIZE - 8, 2), (0, PAGE_SIZE / 8 + 1), (8, usize::MAX), (usize::MAX - 7, 1)]
        {
            assert!(page.u64_slice(offset, count).is_none(), "{offset} {count}");
        }
    }
}
