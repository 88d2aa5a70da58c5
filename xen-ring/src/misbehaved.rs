//! The ways a peer breaks the protocol of a ring.

use core::fmt;

use crate::RequestId;

/// Says how the peer broke the protocol; the object that says so is dead and can only be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaved {
    /// The peer's index moved further than the ring's state allows, which includes any move backwards.
    Overrun {
        /// The index as last accepted.
        seen: u32,
        /// The index as the peer wrote it.
        now: u32,
        /// The most steps it could have taken.
        allowed: u32,
    },
    /// The peer answered an id whose place is not in the table.
    UnknownId(RequestId),
    /// The peer answered a request that is not with it: free, answered already, or staged and not yet published.
    NotOutstanding(RequestId),
    /// The peer answered an earlier request that had the same place.
    Stale(RequestId),
    /// The peer's answer does not fit what the request asked.
    WrongKind(RequestId),
}

impl fmt::Display for Misbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overrun { seen, now, allowed } => {
                write!(f, "peer moved its index from {seen} to {now}, with at most {allowed} steps to go")
            }
            Self::UnknownId(id) => write!(f, "peer answered id {id}, which is out of range"),
            Self::NotOutstanding(id) => write!(f, "peer answered id {id}, which is not outstanding"),
            Self::Stale(id) => write!(f, "peer answered id {id}, which was settled before"),
            Self::WrongKind(id) => write!(f, "peer answered id {id} with another kind of answer"),
        }
    }
}

impl core::error::Error for Misbehaved {}
