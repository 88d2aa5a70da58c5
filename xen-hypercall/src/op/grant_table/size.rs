//! How large the table is.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use super::{GrantError, GrantStatus};
use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number};

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

/// Returns the size of this domain's grant table.
///
/// # Errors
/// What Xen said of the call or in the status.
///
/// # Xen
/// `GNTTABOP_query_size` of `grant_table.h`.
#[doc(alias = "GNTTABOP_query_size")]
pub fn query_size<H: Hypercall + ?Sized>(hook: &H) -> Result<Size, GrantError> {
    let status = GrantStatus::UNWRITTEN.0;
    let mut block = QuerySize { dom: DomId::SELF.0, pad: 0, nr_frames: 0, max_nr_frames: 0, status, pad2: 0 };
    Errno::exact(issue(hook, &mut block))?;
    GrantStatus::exact(block.status)?;
    Ok(Size { frames: block.nr_frames, max_frames: block.max_nr_frames })
}
