//! Places where pages of other domains are mapped.
#![expect(unsafe_code, reason = "the embedder vouches for a place without memory")]

use core::ptr::NonNull;

use crate::{Gfn, PAGE_SIZE, SharedPage};

/// A page of our address space with no memory of ours behind it, where a page of another domain can be mapped.
///
/// # Invariants
/// 1. What lies at the guest frame is no memory of this guest: it was given back to Xen, or never was there.
/// 2. An access to the place is harmless, whatever is mapped there: nothing, a page for reading, a page for writing. (In an
///    HVM or PVH guest reads of a frame without memory are all ones, and writes are dropped.)
#[derive(Debug)]
pub struct Hole(SharedPage);

impl Hole {
    /// Takes charge of the place at `ptr`, which is guest frame `gfn`.
    ///
    /// # Safety
    /// The caller guarantees the type's invariants, and that nobody on this side reaches the place but through this value.
    ///
    /// # Panics
    /// If `ptr` is not aligned to a page.
    #[must_use]
    pub unsafe fn new(ptr: NonNull<u8>, gfn: Gfn) -> Self {
        // SAFETY: the place can be read and written by invariant 2, and is reached through this value only.
        Self(unsafe { SharedPage::new(ptr, gfn) })
    }

    /// Returns the guest frame.
    #[must_use]
    pub const fn gfn(&self) -> Gfn {
        self.0.gfn()
    }

    /// Returns the address, for an embedder that takes the place back.
    #[must_use]
    pub const fn as_ptr(&self) -> NonNull<u8> {
        self.0.as_ptr()
    }

    /// Returns what is mapped there as a page; all ones, if nothing is.
    #[must_use]
    pub const fn page(&self) -> &SharedPage {
        &self.0
    }

    /// Returns the guest-physical address.
    #[must_use]
    pub const fn address(&self) -> u64 {
        // No frame is so high that its address does not fit.
        self.0.gfn().0.wrapping_mul(FRAME)
    }
}

/// Size of a frame, as a guest-physical address counts.
#[expect(clippy::as_conversions, reason = "widening in a constant")]
const FRAME: u64 = PAGE_SIZE as u64;
