//! What is the same for all entries, and changes only while everybody else is parked.

use core::fmt;
use core::sync::atomic::AtomicU32 as Plain;
use core::sync::atomic::Ordering::Relaxed;

use crate::entry::{PER_FRAME_V1, PER_FRAME_V2, PER_STATUS_FRAME};
use crate::sync::AtomicU32;

/// The layout of a grant table.
///
/// # Xen
/// `grant_entry_v1` and `grant_entry_v2` of `grant_table.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Entries of 8 bytes, frames of 32 bits.
    V1,
    /// Entries of 16 bytes, frames of 64 bits, and words apart that say what is mapped.
    V2,
}

impl Version {
    /// Returns the number by which Xen knows it.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// Returns the version that Xen knows by a number, if there is one.
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Returns how many entries are in a frame.
    #[must_use]
    pub const fn entries_per_frame(self) -> usize {
        match self {
            Self::V1 => PER_FRAME_V1,
            Self::V2 => PER_FRAME_V2,
        }
    }

    /// Returns how many frames of status words a table of so many frames has.
    #[must_use]
    pub const fn status_frames(self, frames: usize) -> usize {
        match self {
            Self::V1 => 0,
            Self::V2 => frames.div_ceil(PER_STATUS_FRAME / PER_FRAME_V2),
        }
    }

    /// Returns how many entries are in the frames, and in the frames of status words where they have such.
    pub(crate) const fn entries(self, frames: usize, status: usize) -> usize {
        let entries = frames.saturating_mul(self.entries_per_frame());
        match self {
            Self::V2 if status.saturating_mul(PER_STATUS_FRAME) < entries => status.saturating_mul(PER_STATUS_FRAME),
            _ => entries,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// Version, size and life of the table.
#[derive(Debug)]
pub(crate) struct Shape {
    /// 0 while there is no table.
    version: Plain,
    /// The first entry that there is not, in any of the arrays.
    limit: Plain,
    /// Frames mapped.
    frames: Plain,
    /// The most that were ever mapped.
    most: Plain,
    /// Which making of the table this is: grants of an earlier one are void.
    life: AtomicU32,
    /// Mappings of other domains' pages whose guard is gone and that Xen did not end.
    lost: Plain,
}

impl Shape {
    pub(crate) const fn new() -> Self {
        let [version, limit, frames, lost] = [const { Plain::new(0) }; 4];
        Self { version, limit, frames, most: Plain::new(0), life: AtomicU32::new(0), lost }
    }

    #[inline(always)]
    pub(crate) fn version(&self) -> Option<Version> {
        Version::of(self.version.load(Relaxed))
    }

    #[inline]
    pub(crate) fn life(&self) -> u32 {
        self.life.load(Relaxed)
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    pub(crate) fn frames(&self) -> usize {
        usize::try_from(self.frames.load(Relaxed)).unwrap_or(0)
    }

    pub(crate) fn lose_mapping(&self) {
        self.lost.fetch_add(1, Relaxed);
    }

    pub(crate) fn lost_mappings(&self) -> u32 {
        self.lost.load(Relaxed)
    }

    /// Returns how many frames were mapped when it was largest, in whatever domain.
    pub(crate) fn most(&self) -> usize {
        usize::try_from(self.most.load(Relaxed)).unwrap_or(0)
    }

    /// Ends the life of the table that was.
    pub(crate) fn close(&self) {
        self.life.fetch_add(1, Relaxed);
        self.lose();
        self.limit.store(0, Relaxed);
        self.frames.store(0, Relaxed);
    }

    /// No entry is to be touched any more.
    pub(crate) fn lose(&self) {
        self.version.store(0, Relaxed);
    }

    pub(crate) fn open(&self, version: Version, frames: usize, limit: u32) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.frames.store(frames, Relaxed);
        self.most.fetch_max(frames, Relaxed);
        self.limit.store(limit, Relaxed);
        self.version.store(version.number(), Relaxed);
    }

    /// Makes the table larger, unless it is so already, and returns the limit that was.
    pub(crate) fn extend(&self, frames: usize, limit: u32) -> u32 {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.frames.fetch_max(frames, Relaxed);
        self.most.fetch_max(frames, Relaxed);
        self.limit.fetch_max(limit, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G29: entries are those that every array has.
    #[test]
    fn g29_one_bound_for_both_arrays() {
        assert_eq!((Version::V1.entries(3, 0), Version::V1.status_frames(64)), (1536, 0));
        for (frames, status, entries) in
            [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 256), (8, 1, 2048), (9, 1, 2048), (9, 2, 2304)]
        {
            assert_eq!(Version::V2.entries(frames, status), entries, "{frames} {status}");
        }
        assert_eq!([0, 1, 8, 9, 64].map(|frames| Version::V2.status_frames(frames)), [0, 1, 1, 2, 8]);
        assert_eq!(Version::V2.entries(usize::MAX, usize::MAX), usize::MAX);
    }

    #[test]
    fn versions_have_numbers() {
        assert_eq!([0, 1, 2, 3, u32::MAX].map(Version::of), [None, Some(Version::V1), Some(Version::V2), None, None]);
    }
}
