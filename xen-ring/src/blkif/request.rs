//! What a front asks.

use core::fmt;

use super::indirect::Indirect;
use super::sector::{Sector, Sectors};
use super::segment::{BadSegment, Segments};

/// What is to be done, as a slot says it; unknown values are kept.
///
/// # Xen
/// `BLKIF_OP_*` of `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation(pub u8);

impl Operation {
    /// Reads sectors.
    #[doc(alias = "BLKIF_OP_READ")]
    pub const READ: Self = Self(0);
    /// Writes sectors.
    #[doc(alias = "BLKIF_OP_WRITE")]
    pub const WRITE: Self = Self(1);
    /// Writes sectors after all that was asked before it, and before all that is asked after it.
    #[doc(alias = "BLKIF_OP_WRITE_BARRIER")]
    pub const WRITE_BARRIER: Self = Self(2);
    /// Has the disk empty its cache.
    #[doc(alias = "BLKIF_OP_FLUSH_DISKCACHE")]
    pub const FLUSH_DISKCACHE: Self = Self(3);
    /// Has no meaning here.
    pub const RESERVED_1: Self = Self(4);
    /// Gives sectors up.
    #[doc(alias = "BLKIF_OP_DISCARD")]
    pub const DISCARD: Self = Self(5);
    /// Reads or writes by a list of segments that is in pages of its own.
    #[doc(alias = "BLKIF_OP_INDIRECT")]
    pub const INDIRECT: Self = Self(6);
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which disk of the guest's is meant: a number that backends ignore.
///
/// # Xen
/// `blkif_vdev_t` of `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Disk(pub u16);

/// How data moves, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// From the disk.
    Read,
    /// To the disk.
    Write,
    /// To the disk, after all that was asked before and before all that is asked after; there may be nothing to write.
    Barrier,
    /// The disk empties its cache; there may be something to write behind that.
    Flush,
}

impl Access {
    /// Returns what a slot says.
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self {
            Self::Read => Operation::READ,
            Self::Write => Operation::WRITE,
            Self::Barrier => Operation::WRITE_BARRIER,
            Self::Flush => Operation::FLUSH_DISKCACHE,
        }
    }
}

/// A request whose segments are in its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// How data moves.
    pub access: Access,
    /// Of which disk.
    pub disk: Disk,
    /// Where the data begins on the disk.
    pub start: Sector,
    /// Where it is in memory, in the order of the disk.
    pub segments: Segments,
}

/// A request to give sectors up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discard {
    /// Of which disk.
    pub disk: Disk,
    /// The first of them.
    pub start: Sector,
    /// How many.
    pub length: Sectors,
    /// How thoroughly.
    pub flags: DiscardFlags,
}

bitflags::bitflags! {
    /// Flags of a [`Discard`]; unknown bits are kept.
    ///
    /// # Xen
    /// `BLKIF_DISCARD_*` of `io/blkif.h`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct DiscardFlags: u8 {
        /// Nobody can read again what was there.
        const SECURE = 1 << 0;
    }
}

/// What is asked of a disk.
///
/// It is private memory and stands as a front's payload, too: what was asked, so that it can be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Moves data by the segments in the slot.
    Transfer(Transfer),
    /// Gives sectors up.
    Discard(Discard),
    /// Moves data by segments in pages of their own.
    Indirect(Indirect),
    /// Something that this library does not know, to be answered with [`Status::EOPNOTSUPP`](super::Status::EOPNOTSUPP).
    Other(Operation),
}

impl Request {
    /// Returns what a slot says.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Transfer(transfer) => transfer.access.operation(),
            Self::Discard(_) => Operation::DISCARD,
            Self::Indirect(_) => Operation::INDIRECT,
            Self::Other(operation) => *operation,
        }
    }

    /// Checks what no type rules out.
    pub(super) fn check(self) -> Result<Self, BadRequest> {
        let (start, length) = match &self {
            Self::Transfer(transfer) => {
                if transfer.segments.as_slice().is_empty() && matches!(transfer.access, Access::Read | Access::Write) {
                    return Err(BadRequest::NoSegments);
                }
                (transfer.start, transfer.segments.sectors())
            }
            Self::Discard(discard) => (discard.start, discard.length),
            // How long it is stands in its pages.
            Self::Indirect(_) | Self::Other(_) => return Ok(self),
        };
        match start.after(length) {
            Some(_) => Ok(self),
            None => Err(BadRequest::BeyondNumbers { start, length }),
        }
    }
}

/// Why a request cannot be one, to be answered with [`Status::ERROR`](super::Status::ERROR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRequest {
    /// It moves data and has no segment.
    NoSegments,
    /// It has more segments than it may.
    TooManySegments {
        /// How many.
        count: usize,
        /// The most.
        most: usize,
    },
    /// It has more or fewer pages of segments than it has segments for.
    Pages {
        /// How many.
        count: usize,
        /// How many it needs.
        needed: usize,
    },
    /// One of its segments is not part of a page.
    Segment {
        /// Which.
        index: usize,
        /// Why.
        why: BadSegment,
    },
    /// It would do by segments in pages of their own what cannot be done so.
    IndirectOperation(Operation),
    /// It reaches beyond the last sector that has a number.
    BeyondNumbers {
        /// Where it begins.
        start: Sector,
        /// How long it is.
        length: Sectors,
    },
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSegments => f.write_str("a request without segments"),
            Self::TooManySegments { count, most } => write!(f, "a request of {count} segments, with {most} at most"),
            Self::Pages { count, needed } => {
                write!(f, "a request of {count} pages of segments, where {needed} are needed")
            }
            Self::Segment { index, why } => write!(f, "segment {index}: {why}"),
            Self::IndirectOperation(operation) => write!(f, "operation {operation} by indirect segments"),
            Self::BeyondNumbers { start, length } => write!(f, "{} sectors from sector {} on", length.0, start.0),
        }
    }
}

impl core::error::Error for BadRequest {}
