//! What can go wrong with a grant.

use core::fmt;

use xen_hypercall::op::grant_table::GrantError;
use xen_hypercall::{DomId, Errno, Gfn, IrqGate, SharedPage};

use crate::{Access, Grantable, Offer};

/// Why a page was not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No entry is free.
    NoRefs,
    /// The number is reserved and no peer's.
    NotAPeer(DomId),
    /// So many pages that this domain did not let go are in quarantine that it gets no more.
    Distrusted(DomId),
    /// An entry of version 1 has no room for so high a frame.
    TooHigh(Gfn),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRefs => f.write_str("no entry of the grant table is free"),
            Self::NotAPeer(domain) => write!(f, "domain {domain} is no peer"),
            Self::Distrusted(domain) => write!(f, "domain {domain} keeps too many pages mapped"),
            Self::TooHigh(frame) => write!(f, "frame {frame} does not fit into 32 bits"),
        }
    }
}

impl core::error::Error for Refusal {}

/// A page was not offered: here it is back.
#[derive(Debug)]
pub struct OfferError<P = SharedPage> {
    /// The page, ours alone as before.
    pub page: P,
    /// The reason.
    pub refusal: Refusal,
}

impl<P> fmt::Display for OfferError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<P: fmt::Debug> core::error::Error for OfferError<P> {}

/// The peer has the page mapped, so its access does not end: here is the offer back.
pub struct StillMapped<'t, A: Access, G: IrqGate, P: Grantable = SharedPage> {
    /// The offer: to be ended later, or dropped into quarantine.
    pub offer: Offer<'t, A, G, P>,
}

impl<A: Access, G: IrqGate, P: Grantable + fmt::Debug> fmt::Debug for StillMapped<'_, A, G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StillMapped").field("offer", &self.offer).finish()
    }
}

impl<A: Access, G: IrqGate, P: Grantable> fmt::Display for StillMapped<'_, A, G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer has the page of grant reference {} mapped", self.offer.reference())
    }
}

impl<A: Access, G: IrqGate, P: Grantable + fmt::Debug> core::error::Error for StillMapped<'_, A, G, P> {}

/// Why there is no table; no page can be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableError {
    /// The version could not be set.
    Version(Errno),
    /// The table is of a version that is not ours.
    Changed(u32),
    /// This frame of the table could not be mapped.
    Frame(u32, Errno),
    /// This frame of the status words could not be mapped.
    StatusFrame(u32, Errno),
    /// Frames were not listed.
    List(GrantError),
}

impl TableError {
    /// Returns what Xen said of the hypercall, if it said no to that.
    #[must_use]
    pub const fn errno(self) -> Option<Errno> {
        match self {
            Self::Version(errno)
            | Self::Frame(_, errno)
            | Self::StatusFrame(_, errno)
            | Self::List(GrantError::Call(errno)) => Some(errno),
            Self::Changed(_) | Self::List(_) => None,
        }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(errno) => write!(f, "the grant table has no version: {errno}"),
            Self::Changed(version) => write!(f, "the grant table is of version {version}"),
            Self::Frame(frame, errno) => write!(f, "frame {frame} of the grant table was not mapped: {errno}"),
            Self::StatusFrame(frame, errno) => {
                write!(f, "status frame {frame} of the grant table was not mapped: {errno}")
            }
            Self::List(error) => write!(f, "the frames of the grant table were not listed: {error}"),
        }
    }
}

impl core::error::Error for TableError {}
