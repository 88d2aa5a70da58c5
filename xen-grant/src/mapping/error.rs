//! What can go wrong with a page of another domain, and how long to go on trying.

use core::fmt;

use xen_hypercall::op::grant_table::{BadSpan, GrantError, GrantStatus};
use xen_hypercall::{Errno, Hole, Hypercall, IrqGate, NoGate, Stale};

use super::Mapping;
use crate::Access;

/// How to go on when Xen says "try again", as for a page that its domain has not in memory just now.
#[derive(Debug)]
pub struct Backoff<F> {
    left: u32,
    tried: u32,
    pause: F,
}

impl Backoff<fn(u32)> {
    /// Tries once and no more.
    #[must_use]
    pub const fn none() -> Self {
        Self { left: 0, tried: 0, pause: |_| () }
    }
}

impl<F: FnMut(u32)> Backoff<F> {
    /// Tries again up to so many times, in all, and calls `pause` before each with the number of those that were in vain.
    #[must_use]
    pub const fn new(times: u32, pause: F) -> Self {
        Self { left: times, tried: 0, pause }
    }

    /// Tells whether a try shall be followed by another one, after a pause.
    pub(super) fn again(&mut self, error: GrantError) -> bool {
        let again = error == GrantError::Status(GrantStatus::EAGAIN) && self.left > 0;
        if again {
            self.left = self.left.saturating_sub(1);
            self.tried = self.tried.saturating_add(1);
            (self.pause)(self.tried);
        }
        again
    }
}

/// A page was not mapped: here is the place back.
#[derive(Debug)]
pub struct MapError {
    /// The place, with nothing in it.
    pub hole: Hole,
    /// The reason.
    pub error: GrantError,
}

/// Of several pages one was not mapped, and none is mapped now.
#[derive(Debug)]
pub struct MapManyError<const N: usize> {
    /// The places; those are missing from which Xen did not take the page again, and those mappings are counted as lost.
    pub holes: [Option<Hole>; N],
    /// The first page that was not mapped.
    pub at: usize,
    /// The reason.
    pub error: GrantError,
}

/// A page was not let go: here is its guard back, to try again.
pub struct UnmapError<'t, A: Access, H: Hypercall, G: IrqGate = NoGate> {
    /// The guard; the page may be mapped still.
    pub mapping: Mapping<'t, A, H, G>,
    /// The reason.
    pub error: GrantError,
}

/// The processor's cache was not written back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushError {
    /// The mapping is of an earlier hypervisor context.
    Stale(Stale),
    /// The bytes are not within the page.
    Span(BadSpan),
    /// What Xen said.
    Call(Errno),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the page was not mapped: {}", self.error)
    }
}

impl core::error::Error for MapError {}

impl<const N: usize> fmt::Display for MapManyError<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {} of {N} was not mapped: {}", self.at, self.error)
    }
}

impl<const N: usize> core::error::Error for MapManyError<N> {}

impl<A: Access, H: Hypercall, G: IrqGate> fmt::Debug for UnmapError<'_, A, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnmapError").field("mapping", &self.mapping).field("error", &self.error).finish()
    }
}

impl<A: Access, H: Hypercall, G: IrqGate> fmt::Display for UnmapError<'_, A, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the page was not let go: {}", self.error)
    }
}

impl<A: Access, H: Hypercall, G: IrqGate> core::error::Error for UnmapError<'_, A, H, G> {}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(stale) => stale.fmt(f),
            Self::Span(span) => span.fmt(f),
            Self::Call(errno) => errno.fmt(f),
        }
    }
}

impl core::error::Error for FlushError {}
