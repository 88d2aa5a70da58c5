//! What is left of a ring that was given up.

use crate::table::{Taker, Upto};
use crate::{Protocol, ReplaySet};

/// The requests without an answer, in the order of their submission, each once.
#[derive(Debug)]
pub struct Outstanding<'r, P: Protocol, T, const N: usize> {
    pub(crate) table: Taker<'r, P, T, N>,
}

/// A request that got no answer, with what it ties up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered<T> {
    /// The peer may have seen it, and may still reach what it ties up.
    Published(T),
    /// The peer was never told of it.
    Staged(T),
}

impl<T> Unanswered<T> {
    /// Returns what the request ties up.
    pub fn into_payload(self) -> T {
        match self {
            Self::Published(payload) | Self::Staged(payload) => payload,
        }
    }
}

impl<'r, P: Protocol, T, const N: usize> Outstanding<'r, P, T, N> {
    /// Makes them a set to be submitted again on another ring.
    #[must_use]
    pub fn into_replay(self) -> ReplaySet<'r, P, T, N> {
        ReplaySet::new(self.table)
    }
}

impl<P: Protocol, T, const N: usize> Iterator for Outstanding<'_, P, T, N> {
    type Item = Unanswered<T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.table.oldest(Upto::Staged).map(|(_, left)| left)
    }
}
