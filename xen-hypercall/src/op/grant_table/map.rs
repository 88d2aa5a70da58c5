//! Pages of other domains, mapped into our guest-physical space.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use core::marker::PhantomData;

use static_assertions::const_assert_eq;

use super::GrantStatus;
use crate::command::{Command, issue_all};
use crate::{DomId, Errno, GrantRef, Hole, Hypercall, Number};

/// Xen's name of one mapping, which ends it; move-only, so that it ends once.
///
/// # Xen
/// `grant_handle_t` of `grant_table.h`.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the mapping stays"]
pub struct GrantHandle(pub(super) u32);

/// Where a mapped page is on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusAddr(pub u64);

/// How a page is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapMode {
    /// For reading alone.
    Read,
    /// For reading and writing.
    Write,
}

const HOST_MAP: u32 = 1 << 1;
const READONLY: u32 = 1 << 2;

/// One page to be mapped.
#[doc(alias("gnttab_map_grant_ref", "gnttab_set_map_op"))]
#[derive(Debug)]
#[repr(C)]
pub struct Map<'h> {
    host_addr: u64,
    flags: u32,
    gref: u32,
    dom: u16,
    status: i16,
    handle: u32,
    dev_bus_addr: u64,
    hole: PhantomData<&'h Hole>,
}

const_assert_eq!(size_of::<Map<'_>>(), 32);

// SAFETY: laid out as `gnttab_map_grant_ref`; beside the blocks, it changes what is in a hole, which tolerates it.
unsafe impl Command for Map<'_> {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 0;
}

/// A page that Xen has mapped.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the mapping stays"]
pub struct Mapped {
    /// What ends the mapping.
    pub handle: GrantHandle,
    /// Where the page is on the bus.
    pub bus: BusAddr,
}

impl<'h> Map<'h> {
    /// Asks for the page that `dom` granted as `reference`, to be mapped into a hole.
    #[must_use]
    pub fn new(hole: &'h Hole, dom: DomId, reference: GrantRef, mode: MapMode) -> Self {
        let flags = match mode {
            MapMode::Read => HOST_MAP | READONLY,
            MapMode::Write => HOST_MAP,
        };
        Self {
            host_addr: hole.address(),
            flags,
            gref: reference.0,
            dom: dom.0,
            status: GrantStatus::UNWRITTEN.0,
            handle: 0,
            dev_bus_addr: 0,
            hole: PhantomData,
        }
    }

    /// Says what came of it; [`GrantStatus::UNWRITTEN`] before the call.
    ///
    /// # Errors
    /// Any status but 0; then nothing is mapped.
    pub fn finish(self) -> Result<Mapped, GrantStatus> {
        GrantStatus::exact(self.status)?;
        Ok(Mapped { handle: GrantHandle(self.handle), bus: BusAddr(self.dev_bus_addr) })
    }
}

/// Maps pages of other domains, as many as Xen lets us: what came of each is in its block.
///
/// # Errors
/// What Xen said of the call; some of the blocks may be done nevertheless, so each is to be looked at.
///
/// # Xen
/// `GNTTABOP_map_grant_ref` of `grant_table.h`, by host address: the guest-physical one in HVM and PVH guests.
#[doc(alias = "GNTTABOP_map_grant_ref")]
pub fn map<H: Hypercall + ?Sized>(hook: &H, blocks: &mut [Map<'_>]) -> Result<(), Errno> {
    Errno::exact(issue_all(hook, blocks))
}
