//! The one way to memory that others write: where a pointer is checked and becomes atomics, by which all the rest goes.
#![expect(unsafe_code, reason = "the one place where shared memory is reached")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

/// Memory of this guest that others may write at any moment.
///
/// # Safety
/// The implementer guarantees that `size` bytes from `start` on, which is aligned to 8 at least, are mapped, readable and
/// writable, as long as the value lives, and that on this side they are reached through [`Memory::atomics`] alone.
pub(crate) unsafe trait Memory {
    /// Returns the address of the first byte.
    fn start(&self) -> NonNull<u8>;

    /// Returns how many bytes there are.
    fn size(&self) -> usize;

    /// Returns `count` atomics from byte `offset` on, unless they are beyond the memory or not aligned.
    #[inline]
    fn atomics<A: Atomic>(&self, offset: usize, count: usize) -> Option<&[A]> {
        if !fits::<A>(self.size(), offset, count) {
            return None;
        }
        // SAFETY: within the memory, as checked, so that the sum is no other's address and not null.
        let at = unsafe { self.start().byte_add(offset) };
        // SAFETY: mapped as long as the borrow, by the promise; as many, and aligned, as checked; atomics tolerate others.
        Some(unsafe { NonNull::slice_from_raw_parts(at.cast(), count).as_ref() })
    }

    /// Returns `N` atomics from byte `offset` on, unless they are beyond the memory or not aligned.
    #[inline]
    fn array<A: Atomic, const N: usize>(&self, offset: usize) -> Option<&[A; N]> {
        self.atomics(offset, N)?.first_chunk()
    }

    /// Returns `N` atomics from byte `offset` on, which is where they are known to be: there is no "not there" to be looked for.
    ///
    /// # Panics
    /// If they are beyond the memory or not aligned.
    #[inline]
    fn array_at<A: Atomic, const N: usize>(&self, offset: usize) -> &[A; N] {
        if !fits::<A>(self.size(), offset, N) {
            beyond();
        }
        let first = self.start().as_ptr().wrapping_byte_add(offset);
        // SAFETY: as above.
        unsafe { &*first.cast::<[A; N]>() }
    }

    /// Returns `len` bytes from byte `offset` on.
    ///
    /// # Panics
    /// If they are not all within the memory.
    #[inline]
    fn bytes(&self, offset: usize, len: usize) -> &[AtomicU8] {
        self.atomics(offset, len).unwrap_or_else(|| beyond())
    }
}

/// Those of the processor's atomics that are as wide as they are aligned, and nothing else.
///
/// # Safety
/// The implementer is such an atomic, of 8 bytes at most: any bytes are a value of it, and others may write them meanwhile.
pub(crate) unsafe trait Atomic {}

// SAFETY: one byte.
unsafe impl Atomic for AtomicU8 {}
// SAFETY: as wide as it is aligned, by its documentation.
unsafe impl Atomic for AtomicU16 {}
// SAFETY: as above.
unsafe impl Atomic for AtomicU32 {}
// SAFETY: as above.
unsafe impl Atomic for AtomicU64 {}

/// Tells whether so many aligned items from byte `offset` on are within `bytes`.
#[inline]
pub(crate) const fn fits<T>(bytes: usize, offset: usize, count: usize) -> bool {
    let size = size_of::<T>();
    match size.checked_mul(count) {
        Some(len) => offset <= bytes && len <= bytes.saturating_sub(offset) && offset.is_multiple_of(size),
        None => false,
    }
}

#[cold]
pub(crate) fn beyond() -> ! {
    unreachable!("within the memory: offset and length are ours")
}
