//! Pages that another domain, or Xen, reads and writes at any moment.
#![expect(unsafe_code, reason = "the one place where shared memory is touched")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::{Gfn, record};

/// Size of a page, in bytes.
pub const PAGE_SIZE: usize = 4096;

/// Exactly one page that others may write: mapped, zeroed by its giver, and ours alone on this side.
///
/// No reference to its bytes is ever made, save to atomics; bulk bytes go through [`SharedPage::copy_in`] and
/// [`SharedPage::copy_out`].
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
        let at = self.ptr.as_ptr().wrapping_byte_add(OFFSET).cast();
        // SAFETY: invariant 1; within the page and aligned by the line above; atomics tolerate other writers.
        unsafe { &*at }
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
        let at = self.ptr.as_ptr().wrapping_byte_add(OFFSET).cast();
        // SAFETY: invariant 1; within the page and aligned by the line above; atomics tolerate other writers.
        unsafe { &*at }
    }

    /// Returns `N` 32-bit words from byte `offset` on, unless they are beyond the page or not aligned.
    #[inline]
    #[must_use]
    pub fn u32s<const N: usize>(&self, offset: usize) -> Option<&[AtomicU32; N]> {
        self.atomics(offset, N)?.first_chunk()
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
        let at = self.ptr.as_ptr().wrapping_byte_add(OFFSET).cast();
        // SAFETY: invariant 1; within the page and aligned by the line above; atomics tolerate other writers.
        unsafe { &*at }
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

    #[inline]
    pub(crate) fn atomics<A: Atomic>(&self, offset: usize, count: usize) -> Option<&[A]> {
        let at = self.ptr.as_ptr().wrapping_byte_add(offset).cast();
        // SAFETY: invariant 1; within the page and aligned by the condition; atomics tolerate other writers.
        fits::<A>(offset, count).then(|| unsafe { core::slice::from_raw_parts(at, count) })
    }

    /// Copies bytes of the page from byte `offset` on into private memory, once.
    ///
    /// # Panics
    /// If the bytes are not all within the page; `offset` and length are ours, never a peer's.
    pub fn copy_in(&self, offset: usize, to: &mut [u8]) {
        let from = self.span(offset, to.len());
        // SAFETY: invariant 1, and the span is within the page; `to` is private, so the two do not overlap.
        unsafe { copy(from.as_ptr(), to.as_mut_ptr(), to.len()) }
    }

    /// Copies private bytes into the page from byte `offset` on.
    ///
    /// # Panics
    /// If the bytes do not all fit; `offset` and length are ours, never a peer's.
    pub fn copy_out(&self, offset: usize, from: &[u8]) {
        let to = self.span(offset, from.len());
        // SAFETY: invariant 1, and the span is within the page; `from` is private, so the two do not overlap.
        unsafe { copy(from.as_ptr(), to.as_ptr(), from.len()) }
    }

    /// Copies a short record of the page from byte `offset` on into private memory, each byte once.
    ///
    /// # Panics
    /// If the bytes are not all within the page; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn record_in(&self, offset: usize, to: &mut [u8]) {
        let from = self.span(offset, to.len());
        // SAFETY: invariant 1, and the span is within the page; `to` is private, so the two do not overlap.
        unsafe { record::read(from.as_ptr(), to) }
    }

    /// Copies a short private record into the page from byte `offset` on.
    ///
    /// # Panics
    /// If the bytes do not all fit; `offset` and length are ours, never a peer's.
    #[inline]
    pub fn record_out(&self, offset: usize, from: &[u8]) {
        let to = self.span(offset, from.len());
        // SAFETY: invariant 1, and the span is within the page; `from` is private, so the two do not overlap.
        unsafe { record::write(to.as_ptr(), from) }
    }

    /// Sets the whole page to zero.
    pub fn zero(&self) {
        for at in 0..PAGE_SIZE / 64 {
            self.copy_out(at.saturating_mul(64), &[0; 64]);
        }
    }

    #[inline]
    fn span(&self, offset: usize, len: usize) -> NonNull<u8> {
        assert!(offset <= PAGE_SIZE && len <= PAGE_SIZE.saturating_sub(offset), "within the page");
        // SAFETY: invariant 1; the offset is within the page by the line above.
        unsafe { self.ptr.byte_add(offset) }
    }
}

#[repr(align(4096))]
pub(crate) struct Aligned;

/// Those of the processor's atomics that are as wide as they are aligned, and nothing else.
pub(crate) trait Atomic {}

impl Atomic for AtomicU8 {}
impl Atomic for AtomicU32 {}
impl Atomic for AtomicU64 {}

const fn fits<T>(offset: usize, count: usize) -> bool {
    fits_in::<T>(PAGE_SIZE, offset, count)
}

/// Tells whether so many aligned items from byte `offset` on are within `bytes`.
#[inline]
pub(crate) const fn fits_in<T>(bytes: usize, offset: usize, count: usize) -> bool {
    let size = size_of::<T>();
    match size.checked_mul(count) {
        Some(len) => offset <= bytes && len <= bytes.saturating_sub(offset) && offset.is_multiple_of(size),
        None => false,
    }
}

/// Copies bytes of which one side may change meanwhile, opaquely to the compiler.
///
/// # Safety
/// Both spans of `len` bytes are mapped and do not overlap.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise; the direction flag is clear by the ABI.
    unsafe {
        core::arch::asm!("rep movsb", inout("rsi") from => _, inout("rdi") to => _, inout("rcx") len => _,
            options(nostack, preserves_flags));
    }
}

/// Copies bytes of which one side may change meanwhile, one volatile byte at a time.
///
/// # Safety
/// Both spans of `len` bytes are mapped and do not overlap.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's promise.
        let byte = unsafe { from.add(at).read_volatile() };
        // SAFETY: the caller's promise.
        unsafe { to.add(at).write_volatile(byte) }
    }
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
        for (offset, count) in
            [(4, 1), (PAGE_SIZE - 8, 2), (0, PAGE_SIZE / 8 + 1), (8, usize::MAX), (usize::MAX - 7, 1)]
        {
            assert!(page.u64_slice(offset, count).is_none(), "{offset} {count}");
        }
    }
}
