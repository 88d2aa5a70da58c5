//! The processor's caches over a page of another domain, where devices do not see them.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use super::{BadSpan, BusAddr};
use crate::command::{Command, issue_all};
use crate::{Errno, Hypercall, Number, PAGE_SIZE};

const CLEAN: u32 = 1 << 0;
const INVAL: u32 = 1 << 1;

/// Bytes of one mapped page whose cache lines are to be written back.
#[derive(Debug)]
#[repr(C)]
pub struct Flush {
    dev_bus_addr: u64,
    offset: u16,
    length: u16,
    op: u32,
}

const_assert_eq!(size_of::<Flush>(), 16);

// SAFETY: laid out as `gnttab_cache_flush`; Xen reads the blocks only. No line is dropped that is not written back.
unsafe impl Command for Flush {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 12;
}

impl Flush {
    /// Has what the processor wrote written back, for a device to read.
    ///
    /// # Errors
    /// [`BadSpan`] if there are no bytes, or if they are not within one page.
    pub fn clean(page: BusAddr, offset: usize, len: usize) -> Result<Self, BadSpan> {
        Self::new(page, (offset, len), CLEAN)
    }

    /// Has what the processor wrote written back, and what a device wrote read anew.
    ///
    /// # Errors
    /// As [`Flush::clean`].
    pub fn clean_and_invalidate(page: BusAddr, offset: usize, len: usize) -> Result<Self, BadSpan> {
        Self::new(page, (offset, len), CLEAN | INVAL)
    }

    fn new(BusAddr(dev_bus_addr): BusAddr, (offset, len): (usize, usize), op: u32) -> Result<Self, BadSpan> {
        let bad = BadSpan { len };
        let within = offset.checked_add(len).is_some_and(|end| len > 0 && end <= PAGE_SIZE);
        let (offset, length) = (u16::try_from(offset).map_err(|_| bad)?, u16::try_from(len).map_err(|_| bad)?);
        if within { Ok(Self { dev_bus_addr, offset, length, op }) } else { Err(bad) }
    }
}

/// Has cache lines of mapped pages written back; of ours, and of other domains' as long as they are mapped.
///
/// # Errors
/// What Xen said; the blocks before the failing one are done. `ENOSYS` on x86, where devices see the caches.
///
/// # Xen
/// `GNTTABOP_cache_flush` of `grant_table.h`; by bus address, since Xen does it by grant reference on no processor.
#[doc(alias = "GNTTABOP_cache_flush")]
pub fn cache_flush<H: Hypercall + ?Sized>(hook: &H, blocks: &mut [Flush]) -> Result<(), Errno> {
    Errno::exact(issue_all(hook, blocks))
}
