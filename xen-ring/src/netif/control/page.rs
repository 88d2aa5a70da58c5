//! What is in a page that a request names.

use xen_hypercall::{GrantRef, PAGE_SIZE};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{BadAsk, Status};

/// An entry in a page of [`AddPages`](super::Ask::AddPages) or [`DeletePages`](super::Ask::DeletePages).
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 4 | `ref` | the page |
/// | 4 | 2 | `flags` | 1: the back may not write to it |
/// | 6 | 2 | `status` | the back writes a [`Status`] here, of those that it is to unmap |
///
/// # Xen
/// `struct xen_netif_gref` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct PageEntry {
    page: u32,
    flags: u16,
    status: u16,
}
const _: () = assert!(size_of::<PageEntry>() == 8);

const READONLY: u16 = 1 << 0;

impl PageEntry {
    /// Names a page that the back may write to.
    #[must_use]
    pub const fn writable(page: GrantRef) -> Self {
        Self { page: page.0, flags: 0, status: 0 }
    }

    /// Names a page that the back may only read.
    #[must_use]
    pub const fn read_only(page: GrantRef) -> Self {
        Self { page: page.0, flags: READONLY, status: 0 }
    }

    /// Returns the page.
    #[must_use]
    pub const fn page(&self) -> GrantRef {
        GrantRef(self.page)
    }

    /// Tells whether the back may only read it.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.flags & READONLY != 0
    }

    /// Returns what became of it.
    #[must_use]
    pub fn status(&self) -> Status {
        Status(self.status.into())
    }
}

/// Which queue is meant, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Queue(pub u32);

/// Things in one page from its start on: a key, a table or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InPage {
    page: GrantRef,
    count: u32,
}

impl InPage {
    /// Names the page and how many are in it.
    #[must_use]
    pub const fn new(page: GrantRef, count: u32) -> Self {
        Self { page, count }
    }

    /// Returns the page.
    #[must_use]
    pub const fn page(&self) -> GrantRef {
        self.page
    }

    /// Counts them.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Checks that so many of `size` bytes are in a page.
    pub(super) fn check(self, size: usize) -> Result<Self, BadAsk> {
        let most = PAGE_SIZE.checked_div(size).unwrap_or_default();
        match usize::try_from(self.count) {
            Ok(count) if count <= most => Ok(self),
            _ => Err(BadAsk::BeyondPage { count: self.count, most }),
        }
    }
}
