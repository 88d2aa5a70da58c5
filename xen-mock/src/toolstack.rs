//! The toolstack: what libxl does to a domain, as state machines on virtual time.

mod build;
mod operation;
mod replace;

use xen_hypercall::{DomId, Nanos};

use crate::config::{FifoAbi, Vendor};
use crate::domain::Reason;
use crate::grants::{Limits, Version};

pub(crate) use operation::Operations;

/// Where a saved guest is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// How long that host has been up: system time goes on from there.
    pub uptime: Nanos,
    /// Another processor, if any.
    pub vendor: Option<Vendor>,
    /// Another version of Xen, if any.
    pub version: Option<(u16, u16)>,
    /// More or less of the FIFO ABI of event channels, if any.
    pub fifo: Option<FifoAbi>,
    /// Number of the new domain; the next one if none.
    pub domid: Option<DomId>,
    /// How many ports the toolstack takes for itself before those of xenstore and the console.
    pub ports_before: u32,
    /// Another limit of the grant table's frames, if any.
    pub max_grant_frames: Option<u16>,
    /// Another highest version of the grant table, 1 or 2, if any.
    pub max_grant_version: Option<u32>,
}

impl Destination {
    /// A host of the same kind that has been up for 100 s only.
    pub const DEFAULT: Self = Self {
        uptime: Nanos::from_secs(100),
        vendor: None,
        version: None,
        fifo: None,
        domid: None,
        ports_before: 0,
        max_grant_frames: None,
        max_grant_version: None,
    };

    /// Sets what grants the host offers.
    fn limit(self, limits: &mut Limits) {
        limits.frames = self.max_grant_frames.map_or(limits.frames, usize::from);
        limits.version = self.max_grant_version.and_then(Version::from_number).unwrap_or(limits.version);
    }
}

impl Default for Destination {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What becomes of a guest that is to be suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Save {
    /// `xl save` and `xl restore`, or `xl migrate`: it goes on in a new domain, and the call returns 0.
    Restore(Destination),
    /// `xl save -c`: the same domain goes on, and the call returns 1.
    Checkpoint,
    /// `xl save` that fails after the suspend: for the guest the same as a checkpoint.
    Fail,
    /// A toolstack that resumes the slow way: the same domain goes on, and the call returns 0.
    SlowResume,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The guest runs in a new domain.
    Restored(DomId),
    /// The guest runs on in the same domain, and its call returned this.
    Resumed(isize),
    /// The guest did not acknowledge within 60 s; the request was taken back.
    NotAcknowledged,
    /// It acknowledged and did not suspend within 60 s. It was not told, and will not be resumed.
    NotSuspended,
    /// The domain stopped, for this reason: what was asked for, or not.
    Stopped(Reason),
}

/// An operation that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation(pub(crate) usize);
