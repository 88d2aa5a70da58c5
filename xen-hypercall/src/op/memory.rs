//! `memory_op`: the guest's physical memory map (`memory.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number, SharedPage};

#[repr(C)]
struct AddToPhysmap {
    domid: u16,
    size: u16,
    space: u32,
    idx: u64,
    gpfn: u64,
}

const_assert_eq!(size_of::<AddToPhysmap>(), 24);

// SAFETY: laid out as `xen_add_to_physmap`; it replaces the memory of a frame that a `SharedPage` owns, see `add`.
unsafe impl Command for AddToPhysmap {
    const NUMBER: Number = Number::MEMORY_OP;
    const CMD: usize = 7;
}

const SHARED_INFO: u32 = 0;
const GRANT_TABLE: u32 = 1;

/// In an index of the grant table: the frame is one of the status words.
const GRANT_TABLE_STATUS: u32 = 0x8000_0000;

fn add<H: Hypercall + ?Sized>(hook: &H, space: u32, idx: u32, page: &SharedPage) -> Result<(), Errno> {
    let idx = u64::from(idx);
    let mut block = AddToPhysmap { domid: DomId::SELF.0, size: 0, space, idx, gpfn: page.gfn().0 };
    Errno::exact(issue(hook, &mut block))
}

/// Puts Xen's `shared_info` page of this domain in the place of `page`.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `XENMEM_add_to_physmap`, space `XENMAPSPACE_shared_info`; HVM and PVH.
#[doc(alias("XENMEM_add_to_physmap", "XENMAPSPACE_shared_info", "xen_hvm_init_shared_info"))]
pub fn map_shared_info<H: Hypercall + ?Sized>(hook: &H, page: &SharedPage) -> Result<(), Errno> {
    add(hook, SHARED_INFO, 0, page)
}

/// Puts frame number `index` of this domain's grant table in the place of `page`; the table grows if need be.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `XENMEM_add_to_physmap`, space `XENMAPSPACE_grant_table`; HVM and PVH.
#[doc(alias("XENMEM_add_to_physmap", "XENMAPSPACE_grant_table"))]
pub fn map_grant_frame<H: Hypercall + ?Sized>(hook: &H, index: u32, page: &SharedPage) -> Result<(), Errno> {
    add(hook, GRANT_TABLE, index, page)
}

/// Puts frame number `index` of the status words of this domain's grant table, which is of version 2, in the place of `page`.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `XENMEM_add_to_physmap`, space `XENMAPSPACE_grant_table`, index with `XENMAPIDX_grant_table_status`; HVM and PVH.
#[doc(alias("XENMEM_add_to_physmap", "XENMAPIDX_grant_table_status"))]
pub fn map_grant_status_frame<H: Hypercall + ?Sized>(hook: &H, index: u32, page: &SharedPage) -> Result<(), Errno> {
    add(hook, GRANT_TABLE, index | GRANT_TABLE_STATUS, page)
}
