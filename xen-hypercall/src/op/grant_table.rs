//! `grant_table_op`: sharing pages between domains (`grant_table.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use core::fmt;

use static_assertions::const_assert_eq;

use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number};

/// A status of one operation that is not its success; unknown values are kept.
///
/// # Xen
/// `GNTST_*` of `grant_table.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantStatus(pub i16);

impl fmt::Display for GrantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grant status {}", self.0)
    }
}

/// Why a grant table operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantError {
    /// Xen refused the hypercall.
    Call(Errno),
    /// Xen refused this operation.
    Status(GrantStatus),
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(errno) => errno.fmt(f),
            Self::Status(status) => status.fmt(f),
        }
    }
}

impl core::error::Error for GrantError {}

impl From<Errno> for GrantError {
    fn from(errno: Errno) -> Self {
        Self::Call(errno)
    }
}

/// How large the grant table is, in frames of 4096 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Frames in use.
    pub frames: u32,
    /// Frames that there may be.
    pub max_frames: u32,
}

#[repr(C)]
struct QuerySize {
    dom: u16,
    pad: u16,
    nr_frames: u32,
    max_nr_frames: u32,
    status: i16,
    pad2: u16,
}

const_assert_eq!(size_of::<QuerySize>(), 16);

// SAFETY: laid out as `gnttab_query_size`; Xen reads and writes the block only.
unsafe impl Command for QuerySize {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 6;
    const COUNT: usize = 1;
}

const OKAY: i16 = 0;
/// A status that Xen never gives: what is still there was not written.
const UNWRITTEN: i16 = i16::MIN;

/// Returns the size of this domain's grant table.
///
/// # Errors
/// What Xen said of the call or in the status.
///
/// # Xen
/// `GNTTABOP_query_size`.
pub fn query_size<H: Hypercall + ?Sized>(hook: &H) -> Result<Size, GrantError> {
    let mut block =
        QuerySize { dom: DomId::SELF.0, pad: 0, nr_frames: 0, max_nr_frames: 0, status: UNWRITTEN, pad2: 0 };
    Errno::exact(issue(hook, &mut block))?;
    match block.status {
        OKAY => Ok(Size { frames: block.nr_frames, max_frames: block.max_nr_frames }),
        other => Err(GrantError::Status(GrantStatus(other))),
    }
}

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
/// # Errors
/// What Xen said; `ENOSYS` where only version 1 exists, `EBUSY` when entries are in use.
///
/// # Xen
/// `GNTTABOP_set_version`.
pub fn set_version<H: Hypercall + ?Sized>(hook: &H, version: u32) -> Result<u32, Errno> {
    let mut block = SetVersion { version };
    Errno::exact(issue(hook, &mut block))?;
    Ok(block.version)
}
