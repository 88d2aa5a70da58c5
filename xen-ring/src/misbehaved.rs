//! The ways a peer breaks the protocol of a ring.

use core::fmt;

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
}

impl fmt::Display for Misbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overrun { seen, now, allowed } => {
                write!(f, "peer moved its index from {seen} to {now}, with at most {allowed} steps to go")
            }
        }
    }
}

impl core::error::Error for Misbehaved {}
