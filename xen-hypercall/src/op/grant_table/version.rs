//! Which layout the table has.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number};

#[repr(C)]
struct SetVersion {
    version: u32,
}

const_assert_eq!(size_of::<SetVersion>(), 4);

// SAFETY: laid out as `gnttab_set_version`; Xen reads and writes the block only.
unsafe impl Command for SetVersion {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 8;
    const COUNT: usize = 1;
}

/// Sets the layout of this domain's grant table, 1 or 2, and returns the one in force.
///
/// Setting another one makes all entries void but the first eight.
///
/// # Errors
/// What Xen said; `ENOSYS` where only version 1 is to be had, `EBUSY` when a peer has a page mapped.
///
/// # Xen
/// `GNTTABOP_set_version` of `grant_table.h`.
#[doc(alias = "GNTTABOP_set_version")]
pub fn set_version<H: Hypercall + ?Sized>(hook: &H, version: u32) -> Result<u32, Errno> {
    let mut block = SetVersion { version };
    Errno::exact(issue(hook, &mut block))?;
    Ok(block.version)
}

#[repr(C)]
struct GetVersion {
    dom: u16,
    pad: u16,
    version: u32,
}

const_assert_eq!(size_of::<GetVersion>(), 8);

// SAFETY: laid out as `gnttab_get_version`; Xen reads and writes the block only.
unsafe impl Command for GetVersion {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 10;
    const COUNT: usize = 1;
}

/// Returns the layout of this domain's grant table.
///
/// # Errors
/// What Xen said; `ENOSYS` where there is only version 1.
///
/// # Xen
/// `GNTTABOP_get_version` of `grant_table.h`.
#[doc(alias = "GNTTABOP_get_version")]
pub fn version<H: Hypercall + ?Sized>(hook: &H) -> Result<u32, Errno> {
    let mut block = GetVersion { dom: DomId::SELF.0, pad: 0, version: 0 };
    Errno::exact(issue(hook, &mut block))?;
    Ok(block.version)
}
