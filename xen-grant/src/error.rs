//! What can go wrong with a grant.

use core::fmt;

use xen_hypercall::{DomId, Errno, Gfn, IrqGate, SharedPage};

use crate::{Access, Offer};

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
pub struct OfferError {
    /// The page, ours alone as before.
    pub page: SharedPage,
    /// The reason.
    pub refusal: Refusal,
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl core::error::Error for OfferError {}

/// The peer has the page mapped, so its access does not end: here is the offer back.
pub struct StillMapped<'t, A: Access, G: IrqGate> {
    /// The offer, as it was.
    pub offer: Offer<'t, A, G>,
}

impl<A: Access, G: IrqGate> fmt::Debug for StillMapped<'_, A, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StillMapped").field("offer", &self.offer).finish()
    }
}

impl<A: Access, G: IrqGate> fmt::Display for StillMapped<'_, A, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer has the page of grant reference {} mapped", self.offer.reference())
    }
}

impl<A: Access, G: IrqGate> core::error::Error for StillMapped<'_, A, G> {}

/// Why the table was not made; no page can be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableError {
    /// The table keeps another version than 1.
    Version(Errno),
    /// This frame of the table could not be mapped.
    Frame(u32, Errno),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(errno) => write!(f, "the grant table is not of version 1: {errno}"),
            Self::Frame(frame, errno) => write!(f, "frame {frame} of the grant table was not mapped: {errno}"),
        }
    }
}

impl core::error::Error for TableError {}
