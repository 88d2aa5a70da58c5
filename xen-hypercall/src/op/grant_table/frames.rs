//! Where the frames of the table are: what a PV guest maps them by.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use core::marker::PhantomData;

use static_assertions::const_assert_eq;

use super::{GrantError, GrantStatus};
use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number};

/// A frame that Xen did not list: no number of a frame.
pub const UNLISTED: u64 = u64::MAX;

#[repr(C)]
struct SetupTable<'l> {
    dom: u16,
    pad: u16,
    nr_frames: u32,
    status: i16,
    pad2: u16,
    pad3: u32,
    frame_list: *mut u64,
    borrowed: PhantomData<&'l mut [u64]>,
}

const_assert_eq!(size_of::<SetupTable<'_>>(), 24);

// SAFETY: laid out as `gnttab_setup_table`; Xen reads and writes the block and the list that it borrows only.
unsafe impl Command for SetupTable<'_> {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 2;
    const COUNT: usize = 1;
}

/// Makes the table at least as large as `list` is long, and lists the machine frames that it has.
///
/// # Errors
/// What Xen said of the call or in the status, which is [`GrantStatus::UNWRITTEN`] also if a frame was left [`UNLISTED`].
///
/// # Xen
/// `GNTTABOP_setup_table` of `grant_table.h`.
#[doc(alias = "GNTTABOP_setup_table")]
pub fn setup_table<H: Hypercall + ?Sized>(hook: &H, list: &mut [u64]) -> Result<(), GrantError> {
    let (nr_frames, frame_list) = prepare(list)?;
    let (dom, status) = (DomId::SELF.0, GrantStatus::UNWRITTEN.0);
    let mut block = SetupTable { dom, pad: 0, nr_frames, status, pad2: 0, pad3: 0, frame_list, borrowed: PhantomData };
    Errno::exact(issue(hook, &mut block))?;
    judge(block.status, list)
}

#[repr(C)]
struct StatusFrames<'l> {
    nr_frames: u32,
    dom: u16,
    status: i16,
    frame_list: *mut u64,
    borrowed: PhantomData<&'l mut [u64]>,
}

const_assert_eq!(size_of::<StatusFrames<'_>>(), 16);

// SAFETY: laid out as `gnttab_get_status_frames`; Xen reads and writes the block and the list that it borrows only.
unsafe impl Command for StatusFrames<'_> {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 9;
    const COUNT: usize = 1;
}

/// Lists the machine frames of a version 2 table's status words.
///
/// # Errors
/// As [`setup_table`]; `GENERAL_ERROR` if there are fewer frames than `list` has places.
///
/// # Xen
/// `GNTTABOP_get_status_frames` of `grant_table.h`.
#[doc(alias = "GNTTABOP_get_status_frames")]
pub fn status_frames<H: Hypercall + ?Sized>(hook: &H, list: &mut [u64]) -> Result<(), GrantError> {
    let (nr_frames, frame_list) = prepare(list)?;
    let (dom, status) = (DomId::SELF.0, GrantStatus::UNWRITTEN.0);
    let mut block = StatusFrames { nr_frames, dom, status, frame_list, borrowed: PhantomData };
    Errno::exact(issue(hook, &mut block))?;
    judge(block.status, list)
}

fn prepare(list: &mut [u64]) -> Result<(u32, *mut u64), Errno> {
    let count = u32::try_from(list.len()).map_err(|_| Errno::E2BIG)?;
    list.fill(UNLISTED);
    Ok((count, list.as_mut_ptr()))
}

fn judge(status: i16, list: &[u64]) -> Result<(), GrantError> {
    GrantStatus::exact(status)?;
    if list.contains(&UNLISTED) { Err(GrantStatus::UNWRITTEN.into()) } else { Ok(()) }
}
