//! Why something did not happen.

use core::fmt;

use xen_hypercall::Errno;

use crate::{ControlWord, Stage, State};

/// Why a policy, a device or the operating system says no to a suspend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The guest's policy does not allow it.
    Policy,
    /// Something that excludes a suspend is under way: ballooning, hotplug, kexec.
    Busy,
    /// What must be reserved beforehand cannot be had.
    NoMemory,
    /// A device has state that cannot be saved.
    Device,
    /// There are more devices than slots for them: some would never be told. (After a sleep that was not asked for, they are not.)
    Slots,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "policy",
            Self::Busy => "busy",
            Self::NoMemory => "no-memory",
            Self::Device => "device",
            Self::Slots => "slots",
        })
    }
}

/// Why a suspend that was asked for did not happen. The guest goes on as if it had not been asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Abort {
    /// Refused before the acknowledgement: the toolstack sees silence, and cancels.
    Refused(Refusal),
    /// A device failed; its place in the list.
    Device(usize, Refusal),
    /// The operating system did not stop its producers.
    Os(Refusal),
    /// A deadline passed in this state.
    Deadline(State),
    /// The toolstack changed its word before the acknowledgement, or before the fence.
    WordChanged(ControlWord),
    /// The acknowledgement could not be written.
    AckDenied,
    /// xenstore did not become quiet.
    Fence,
    /// Not all processors came to the barrier.
    Park,
    /// The call returned an error.
    Call(Errno),
    /// The embedder called it off.
    Cancelled,
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused-{why}"),
            Self::Device(at, why) => write!(f, "device-{at}-{why}"),
            Self::Os(why) => write!(f, "os-{why}"),
            Self::Deadline(state) => write!(f, "deadline-{state}"),
            Self::WordChanged(word) => write!(f, "word-changed-{word}"),
            Self::AckDenied => f.write_str("ack-denied"),
            Self::Fence => f.write_str("fence"),
            Self::Park => f.write_str("park"),
            Self::Call(errno) => write!(f, "call-{}", errno.raw()),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl core::error::Error for Abort {}

/// A core service could not be rebuilt in the new domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fatal {
    /// Which part of the rebuild failed.
    pub stage: Stage,
    /// What Xen said, where it was Xen.
    pub errno: Option<Errno>,
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Some(errno) => write!(f, "{:?} cannot be rebuilt: {errno}", self.stage),
            None => write!(f, "{:?} cannot be rebuilt", self.stage),
        }
    }
}

impl core::error::Error for Fatal {}
