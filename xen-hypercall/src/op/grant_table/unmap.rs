//! Pages of other domains, let go.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use core::marker::PhantomData;

use static_assertions::const_assert_eq;

use super::{GrantHandle, GrantStatus};
use crate::command::{Command, issue_all};
use crate::{Errno, Hole, Hypercall, Number};

/// One page to be let go.
#[doc(alias("gnttab_unmap_grant_ref", "gnttab_set_unmap_op"))]
#[derive(Debug)]
#[repr(C)]
pub struct Unmap<'h> {
    host_addr: u64,
    dev_bus_addr: u64,
    handle: u32,
    status: i16,
    pad: u16,
    hole: PhantomData<&'h Hole>,
}

const_assert_eq!(size_of::<Unmap<'_>>(), 24);

// SAFETY: laid out as `gnttab_unmap_grant_ref`; beside the blocks, it changes what is in a hole, which tolerates it.
unsafe impl Command for Unmap<'_> {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 1;
}

impl<'h> Unmap<'h> {
    /// Asks for the end of the mapping in a hole.
    #[must_use]
    pub fn new(hole: &'h Hole, handle: GrantHandle) -> Self {
        let (host_addr, status) = (hole.address(), GrantStatus::UNWRITTEN.0);
        Self { host_addr, dev_bus_addr: 0, handle: handle.0, status, pad: 0, hole: PhantomData }
    }

    /// Says what came of it; [`GrantStatus::UNWRITTEN`] before the call.
    ///
    /// # Errors
    /// Any status but 0, with the handle: the page may be mapped still.
    pub fn finish(self) -> Result<(), (GrantHandle, GrantStatus)> {
        GrantStatus::exact(self.status).map_err(|status| (GrantHandle(self.handle), status))
    }
}

/// Ends mappings, as many as Xen lets us: what came of each is in its block.
///
/// # Errors
/// What Xen said of the call; some of the blocks may be done nevertheless, so each is to be looked at.
///
/// # Xen
/// `GNTTABOP_unmap_grant_ref` of `grant_table.h`.
#[doc(alias = "GNTTABOP_unmap_grant_ref")]
pub fn unmap<H: Hypercall + ?Sized>(hook: &H, blocks: &mut [Unmap<'_>]) -> Result<(), Errno> {
    Errno::exact(issue_all(hook, blocks))
}
