//! Where the byte rings lie in their pages.

use xen_hypercall::PAGE_SIZE;

use crate::index::wide;

/// The place of one byte ring: its bytes, and its two indices.
///
/// The bytes are in the page of the indices, or in an area of their own ([`Layout::apart`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub(crate) data: usize,
    pub(crate) size: u32,
    pub(crate) cons: usize,
    pub(crate) prod: usize,
}

impl Layout {
    /// Describes a ring of `size` bytes from byte `data` on, with its two indices at bytes `cons` and `prod` of the same page.
    ///
    /// # Panics
    /// If `size` is no power of two, or something is not aligned or not within the page.
    #[must_use]
    pub const fn new(data: usize, size: u32, cons: usize, prod: usize) -> Self {
        let layout = Self::apart(data, size, cons, prod);
        assert!(data <= PAGE_SIZE && wide(size) <= PAGE_SIZE.saturating_sub(data), "the bytes are within the page");
        layout
    }

    /// Describes a ring of `size` bytes from byte `data` on of an area, with its two indices at bytes `cons` and `prod` of a
    /// page.
    ///
    /// # Panics
    /// If `size` is no power of two up to 2^31, or an index is not aligned or not within the page.
    #[must_use]
    pub const fn apart(data: usize, size: u32, cons: usize, prod: usize) -> Self {
        assert!(size.is_power_of_two(), "the size is a power of two");
        assert!(is_word(cons) && is_word(prod) && cons != prod, "the indices are two words of the page");
        Self { data, size, cons, prod }
    }
}

const fn is_word(offset: usize) -> bool {
    offset.is_multiple_of(4) && offset < PAGE_SIZE
}

/// The page shared with xenstored.
///
/// # Xen
/// `struct xenstore_domain_interface` of `io/xs_wire.h`.
pub mod xenstore {
    use super::Layout;

    /// Requests, from the guest to xenstored.
    pub const REQ: Layout = Layout::new(0, 1024, 2048, 2052);
    /// Replies and watch events, from xenstored to the guest.
    pub const RSP: Layout = Layout::new(1024, 1024, 2056, 2060);
}

/// The page shared with the console daemon.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1024 | `in` | bytes to the guest |
/// | 1024 | 2048 | `out` | bytes from the guest |
/// | 3072 | 4 | `in_cons` | written by the guest |
/// | 3076 | 4 | `in_prod` | written by the daemon |
/// | 3080 | 4 | `out_cons` | written by the daemon |
/// | 3084 | 4 | `out_prod` | written by the guest |
///
/// A byte `connection` behind them came with Xen 4.21. In the pages of older ones it is 0, which says "connected".
///
/// # Xen
/// `struct xencons_interface` of `io/console.h`.
pub mod console {
    use super::Layout;

    /// Input, from the daemon to the guest.
    pub const IN: Layout = Layout::new(0, 1024, 3072, 3076);
    /// Output, from the guest to the daemon.
    pub const OUT: Layout = Layout::new(1024, 2048, 3080, 3084);
}
