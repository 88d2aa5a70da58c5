//! Copies that Xen makes.

use core::fmt;

use xen_hypercall::op::grant_table::{self, Copy, GrantError};
use xen_hypercall::{Hypercall, IrqGate};

use super::Backoff;
use super::one::judge;
use crate::Table;

/// Of several copies one failed; what came of each is in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyError {
    /// The first copy that failed.
    pub at: usize,
    /// The reason.
    pub error: GrantError,
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copy {} failed: {}", self.at, self.error)
    }
}

impl core::error::Error for CopyError {}

impl<H: Hypercall, G: IrqGate> Table<'_, H, G> {
    /// Makes copies in turn, from and to pages of ours and of other domains; each is tried, whatever became of others.
    ///
    /// # Errors
    /// [`CopyError`] for the first that failed. Any part of its bytes may be copied.
    ///
    /// # Xen
    /// `GNTTABOP_copy` of `grant_table.h`, all in one call, and one more for each that is tried again.
    #[doc(alias("GNTTABOP_copy", "gnttab_batch_copy"))]
    pub fn copy(&self, copies: &mut [Copy<'_>], mut backoff: Backoff<impl FnMut(u32)>) -> Result<(), CopyError> {
        copies.iter_mut().for_each(Copy::renew);
        let called = grant_table::copy(&self.hook, copies);
        let mut first = Ok(());
        for (at, copy) in copies.iter_mut().enumerate() {
            let mut done = judge(called, copy.result());
            while done.is_err_and(|error| backoff.again(error)) {
                copy.renew();
                let called = grant_table::copy(&self.hook, core::slice::from_mut(copy));
                done = judge(called, copy.result());
            }
            first = first.and(done.map_err(|error| CopyError { at, error }));
        }
        first
    }
}
