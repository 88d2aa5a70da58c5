//! Segments: the parts of pages that data goes to or comes from.

use core::fmt;

use xen_hypercall::{GrantRef, PAGE_SIZE};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::request::BadRequest;
use super::sector::{SECTOR_SIZE, Sectors};

/// The most segments of a request that are in its slot.
///
/// # Xen
/// `BLKIF_MAX_SEGMENTS_PER_REQUEST` of `io/blkif.h`.
pub const MAX_SEGMENTS: usize = 11;

/// The last sector of a page.
const LAST: u8 = 7;
const _: () = assert!(PAGE_SIZE / SECTOR_SIZE == 8);

/// Some sectors of one granted page: at least one, all within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    page: GrantRef,
    first: u8,
    last: u8,
}

/// Why sectors are none of a page's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSegment {
    /// The last is before the first.
    Backwards {
        /// The first.
        first: u8,
        /// The last.
        last: u8,
    },
    /// The last is beyond the page.
    BeyondPage {
        /// The last.
        last: u8,
    },
}

impl fmt::Display for BadSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backwards { first, last } => write!(f, "a segment from sector {first} back to {last}"),
            Self::BeyondPage { last } => write!(f, "a segment to sector {last} of a page of 8"),
        }
    }
}

impl core::error::Error for BadSegment {}

/// A segment in a slot or in an indirect page.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 4 | `gref` | the page |
/// | 4 | 1 | `first_sect` | its first sector |
/// | 5 | 1 | `last_sect` | its last sector, that is part of it |
/// | 6 | 2 | | padding, 0 |
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Raw {
    gref: u32,
    first_sect: u8,
    last_sect: u8,
    pad: u16,
}
const _: () = assert!(size_of::<Raw>() == 8);

impl Raw {
    pub(super) const NONE: Self = Self { gref: 0, first_sect: 0, last_sect: 0, pad: 0 };

    pub(super) const fn new(segment: Segment) -> Self {
        Self { gref: segment.page.0, first_sect: segment.first, last_sect: segment.last, pad: 0 }
    }

    pub(super) const fn check(self) -> Result<Segment, BadSegment> {
        Segment::new(GrantRef(self.gref), self.first_sect, self.last_sect)
    }
}

impl Segment {
    /// Names the sectors from `first` to `last`, both included, of a page.
    ///
    /// # Errors
    /// If there is no sector among them, or one that is not in the page.
    pub const fn new(page: GrantRef, first: u8, last: u8) -> Result<Self, BadSegment> {
        if last > LAST {
            return Err(BadSegment::BeyondPage { last });
        }
        if first > last {
            return Err(BadSegment::Backwards { first, last });
        }
        Ok(Self { page, first, last })
    }

    /// Names all sectors of a page.
    #[must_use]
    pub const fn whole(page: GrantRef) -> Self {
        Self { page, first: 0, last: LAST }
    }

    /// Returns the grant of the page.
    #[must_use]
    pub const fn page(&self) -> GrantRef {
        self.page
    }

    /// Returns the first sector.
    #[must_use]
    pub const fn first(&self) -> u8 {
        self.first
    }

    /// Returns the last sector, which is part of it.
    #[must_use]
    pub const fn last(&self) -> u8 {
        self.last
    }

    /// Counts the sectors: 1 to 8.
    #[must_use]
    pub fn sectors(&self) -> Sectors {
        Sectors(u64::from(self.last.saturating_sub(self.first)).saturating_add(1))
    }

    /// Returns the bytes of the page.
    #[must_use]
    pub fn bytes(&self) -> core::ops::Range<usize> {
        let start = usize::from(self.first).saturating_mul(SECTOR_SIZE);
        start..usize::from(self.last).saturating_add(1).saturating_mul(SECTOR_SIZE)
    }
}

/// The segments of a request that are in its slot: up to [`MAX_SEGMENTS`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    list: [Segment; MAX_SEGMENTS],
    count: usize,
}

impl Segments {
    /// None, as a flush has.
    pub const NONE: Self = Self { list: [Segment::whole(GrantRef(0)); MAX_SEGMENTS], count: 0 };

    /// Takes a list.
    ///
    /// # Errors
    /// [`BadRequest::TooManySegments`].
    pub fn new(segments: &[Segment]) -> Result<Self, BadRequest> {
        let mut all = Self { count: segments.len(), ..Self::NONE };
        let Some(list) = all.list.get_mut(..segments.len()) else {
            return Err(BadRequest::TooManySegments { count: segments.len(), most: MAX_SEGMENTS });
        };
        list.copy_from_slice(segments);
        Ok(all)
    }

    /// Checks the first `count` of a slot's.
    pub(super) fn check(raw: &[Raw; MAX_SEGMENTS], count: usize) -> Result<Self, BadRequest> {
        let Some(raw) = raw.get(..count) else {
            return Err(BadRequest::TooManySegments { count, most: MAX_SEGMENTS });
        };
        let mut all = Self { count, ..Self::NONE };
        for ((to, raw), index) in all.list.iter_mut().zip(raw).zip(0..) {
            *to = raw.check().map_err(|why| BadRequest::Segment { index, why })?;
        }
        Ok(all)
    }

    /// Returns them as a slot has them.
    pub(super) fn raw(&self) -> [Raw; MAX_SEGMENTS] {
        let mut raw = [Raw::NONE; MAX_SEGMENTS];
        raw.iter_mut().zip(self.as_slice()).for_each(|(to, segment)| *to = Raw::new(*segment));
        raw
    }

    /// Returns the list.
    #[must_use]
    pub fn as_slice(&self) -> &[Segment] {
        self.list.get(..self.count).unwrap_or_default()
    }

    /// Counts the sectors of all: 0 to 88.
    #[must_use]
    pub fn sectors(&self) -> Sectors {
        Sectors(self.as_slice().iter().fold(0, |sum, segment| segment.sectors().0.saturating_add(sum)))
    }
}

impl fmt::Debug for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every first and last sector that a byte can say.
    #[test]
    fn k06_sectors_are_in_order_and_in_the_page() {
        let step = if cfg!(miri) { 17 } else { 1 };
        for (first, last) in (0..=255).step_by(step).flat_map(|first| (0..=255).map(move |last| (first, last))) {
            let fits = first <= last && last <= 7;
            match Segment::new(GrantRef(5), first, last) {
                Ok(segment) => {
                    assert!(fits);
                    assert_eq!(segment.sectors(), Sectors(u64::from(last - first) + 1));
                    assert_eq!(u64::try_from(segment.bytes().len()).unwrap(), segment.sectors().0 * 512);
                    assert!(segment.bytes().end <= PAGE_SIZE);
                }
                Err(BadSegment::BeyondPage { .. }) => assert!(!fits && last > 7),
                Err(BadSegment::Backwards { .. }) => assert!(!fits && first > last && last <= 7),
            }
        }
    }

    #[test]
    fn a_list_has_an_end() {
        let eleven = [Segment::whole(GrantRef(1)); 11];
        assert_eq!(Segments::new(&eleven).unwrap().sectors(), Sectors(88));
        let twelve = [Segment::whole(GrantRef(1)); 12];
        assert_eq!(Segments::new(&twelve), Err(BadRequest::TooManySegments { count: 12, most: 11 }));
        assert_eq!((Segments::NONE.sectors(), Segments::new(&[])), (Sectors(0), Ok(Segments::NONE)));
    }
}
