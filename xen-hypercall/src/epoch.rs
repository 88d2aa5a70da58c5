//! The count of hypervisor contexts that this guest has lived in.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

/// One hypervisor context: all objects made in it are void in the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u32);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The current epoch, shared by all services; one relaxed load tells whether a handle is stale.
///
/// Only the suspend coordinator advances it, while every other processor is parked.
#[derive(Debug, Default)]
pub struct EpochCell(AtomicU32);

impl EpochCell {
    /// Starts at epoch 0.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Returns the current epoch.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Epoch {
        Epoch(self.0.load(Ordering::Relaxed))
    }

    /// Makes every handle of the current epoch stale and returns the new epoch.
    #[inline]
    pub fn advance(&self) -> Epoch {
        Epoch(self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1))
    }

    /// Refuses a handle of another epoch.
    ///
    /// # Errors
    /// [`Stale`] if `epoch` is not the current one.
    #[inline]
    pub fn check(&self, epoch: Epoch) -> Result<(), Stale> {
        if self.now() == epoch { Ok(()) } else { Err(Stale(epoch)) }
    }
}

/// The handle belongs to an earlier hypervisor context: it did nothing, and never will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale(pub Epoch);

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handle is of epoch {}, which is over", self.0)
    }
}

impl core::error::Error for Stale {}
