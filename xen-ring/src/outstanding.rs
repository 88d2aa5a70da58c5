//! What is left of a ring that was given up.

use crate::Protocol;
use crate::table::Table;

/// The requests without an answer, oldest first, each once.
#[derive(Debug)]
pub struct Outstanding<P: Protocol, T, const N: usize> {
    table: Table<P, T, N>,
    published: u64,
}

/// A request that got no answer, with what it ties up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered<T> {
    /// The peer may have seen it, and may still reach what it ties up.
    Published(T),
    /// The peer was never told of it.
    Staged(T),
}

impl<P: Protocol, T, const N: usize> Outstanding<P, T, N> {
    pub(crate) const fn new(table: Table<P, T, N>, published: u64) -> Self {
        Self { table, published }
    }
}

impl<P: Protocol, T, const N: usize> Iterator for Outstanding<P, T, N> {
    type Item = Unanswered<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let (number, token) = self.table.oldest()?;
        Some(if number < self.published { Unanswered::Published(token) } else { Unanswered::Staged(token) })
    }
}
