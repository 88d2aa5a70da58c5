//! Entries of the table that change places.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use super::GrantStatus;
use crate::command::{Command, issue_all};
use crate::{Errno, GrantRef, Hypercall, Number};

/// Two entries that are to change places.
#[derive(Debug)]
#[repr(C)]
pub struct Swap {
    ref_a: u32,
    ref_b: u32,
    status: i16,
    pad: u16,
}

const_assert_eq!(size_of::<Swap>(), 12);

// SAFETY: laid out as `gnttab_swap_grant_ref`; beside the blocks, it changes entries of which `Swap::new` speaks.
unsafe impl Command for Swap {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 11;
}

impl Swap {
    /// Asks that what each of two references grants be granted by the other.
    ///
    /// # Safety
    /// Who would end either grant knows of it: by the old reference the grant of the other one is ended, and the page that was
    /// meant stays in reach of its peer.
    #[must_use]
    pub const unsafe fn new(one: GrantRef, other: GrantRef) -> Self {
        Self { ref_a: one.0, ref_b: other.0, status: GrantStatus::UNWRITTEN.0, pad: 0 }
    }

    /// Says what came of it; [`GrantStatus::UNWRITTEN`] before the call.
    ///
    /// # Errors
    /// Any status but 0, and nothing has changed: [`GrantStatus::BAD_GNTREF`] beyond the table, [`GrantStatus::EAGAIN`] as long
    /// as a peer has either page mapped.
    pub const fn result(&self) -> Result<(), GrantStatus> {
        GrantStatus::exact(self.status)
    }

    /// Forgets what came of it, to try it anew.
    pub const fn renew(&mut self) {
        self.status = GrantStatus::UNWRITTEN.0;
    }
}

/// Has entries change places, pair by pair, in turn: what came of each pair is in its block.
///
/// # Errors
/// What Xen said of the call; some of the blocks may be done nevertheless, so each is to be looked at.
///
/// # Xen
/// `GNTTABOP_swap_grant_ref` of `grant_table.h`.
#[doc(alias = "GNTTABOP_swap_grant_ref")]
pub fn swap<H: Hypercall + ?Sized>(hook: &H, blocks: &mut [Swap]) -> Result<(), Errno> {
    Errno::exact(issue_all(hook, blocks))
}
