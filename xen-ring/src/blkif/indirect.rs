//! Requests whose segments are in pages of their own.

use xen_hypercall::{GrantRef, PAGE_SIZE};
use zerocopy::{FromZeros as _, IntoBytes as _};

use super::request::{Access, BadRequest, Disk, Operation};
use super::sector::Sector;
use super::segment::{Raw, Segment};
use crate::Words;

/// The most pages of segments of a request.
///
/// # Xen
/// `BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST` of `io/blkif.h`.
pub(super) const MAX_PAGES: usize = 8;

/// How many segments a page holds.
pub const SEGMENTS_IN_PAGE: usize = 512;
const _: () = assert!(SEGMENTS_IN_PAGE == PAGE_SIZE / size_of::<Raw>());

/// The most segments of a request whose segments are in pages of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentLimit(u16);

impl SegmentLimit {
    /// As many as the pages of a request hold.
    pub const MAX: Self = Self(4096);

    /// Takes the lower of what the back offers in `feature-max-indirect-segments` and what the front wants to have storage for.
    ///
    /// A front asks once, when it connects. `None` says that the back does not know such requests.
    #[must_use]
    pub fn offered(feature: u64, own: Self) -> Option<Self> {
        let lower = feature.min(u64::from(own.0));
        u16::try_from(lower).ok().filter(|count| *count > 0).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.0)
    }
}

const _: () = assert!(MAX_PAGES * SEGMENTS_IN_PAGE == 4096);

/// A request whose segments are in pages of their own: at least one segment, and as many pages as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indirect {
    writes: bool,
    disk: Disk,
    start: Sector,
    count: u16,
    pages: [GrantRef; MAX_PAGES],
}

impl Indirect {
    /// Makes a request to move data by `count` segments, which stand in `pages`.
    ///
    /// # Errors
    /// If `access` is neither [`Access::Read`] nor [`Access::Write`], there are no segments or more than `limit`, or another
    /// number of pages than they take.
    pub fn new(
        access: Access,
        place: (Disk, Sector),
        (count, limit): (usize, SegmentLimit),
        pages: &[GrantRef],
    ) -> Result<Self, BadRequest> {
        let needed = needed(count, limit)?;
        if pages.len() != needed {
            return Err(BadRequest::Pages { count: pages.len(), needed });
        }
        let mut all = [GrantRef(0); MAX_PAGES];
        all.iter_mut().zip(pages).for_each(|(to, page)| *to = *page);
        Self::check((access.operation(), count), place, (all, limit))
    }

    /// Checks what a slot says.
    pub(super) fn check(
        (operation, count): (Operation, usize),
        (disk, start): (Disk, Sector),
        (mut pages, limit): ([GrantRef; MAX_PAGES], SegmentLimit),
    ) -> Result<Self, BadRequest> {
        let writes = match operation {
            Operation::READ => false,
            Operation::WRITE => true,
            _ => return Err(BadRequest::IndirectOperation(operation)),
        };
        let needed = needed(count, limit)?;
        // What stands behind the pages in use means nothing.
        pages.iter_mut().skip(needed).for_each(|page| *page = GrantRef(0));
        // Not more than the limit, which is a `u16`.
        let count = u16::try_from(count).unwrap_or(limit.0);
        Ok(Self { writes, disk, start, count, pages })
    }

    /// Returns how data moves: [`Access::Read`] or [`Access::Write`].
    #[must_use]
    pub const fn access(&self) -> Access {
        if self.writes { Access::Write } else { Access::Read }
    }

    /// Returns which disk is meant.
    #[must_use]
    pub const fn disk(&self) -> Disk {
        self.disk
    }

    /// Returns where the data begins on the disk.
    #[must_use]
    pub const fn start(&self) -> Sector {
        self.start
    }

    /// Counts the segments.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Returns the count as a slot has it.
    pub(super) const fn raw_count(&self) -> u16 {
        self.count
    }

    /// Returns the pages as a slot has them.
    pub(super) fn raw_pages(&self) -> [u32; MAX_PAGES] {
        self.pages.map(|page| page.0)
    }

    /// Returns the pages in use.
    #[must_use]
    pub fn pages(&self) -> &[GrantRef] {
        self.pages.get(..self.count().div_ceil(SEGMENTS_IN_PAGE)).unwrap_or_default()
    }

    /// Writes the segments of one page.
    ///
    /// # Panics
    /// If there are more than [`SEGMENTS_IN_PAGE`].
    pub fn write_page<W: Words>(page: &W, segments: &[Segment]) {
        assert!(segments.len() <= SEGMENTS_IN_PAGE, "the segments of one page");
        for (segment, offset) in segments.iter().zip((0..).step_by(size_of::<Raw>())) {
            page.copy_out(offset, Raw::new(*segment).as_bytes());
        }
    }

    /// Copies the segments in page number `index` of [`Indirect::pages`] out of it, each once, and checks the copies.
    ///
    /// The page is the peer's: a back reads it once and keeps what it got.
    pub fn read_page<'w, W: Words>(
        &self,
        index: usize,
        page: &'w W,
    ) -> impl Iterator<Item = Result<Segment, BadRequest>> + use<'w, W> {
        let before = index.saturating_mul(SEGMENTS_IN_PAGE);
        let count = self.count().saturating_sub(before).min(SEGMENTS_IN_PAGE);
        (0..count).map(move |at| {
            let mut raw = Raw::new_zeroed();
            page.copy_in(at.saturating_mul(size_of::<Raw>()), raw.as_mut_bytes());
            raw.check().map_err(|why| BadRequest::Segment { index: before.saturating_add(at), why })
        })
    }
}

/// Returns how many pages so many segments take, if they are within the limit.
fn needed(count: usize, limit: SegmentLimit) -> Result<usize, BadRequest> {
    match count {
        0 => Err(BadRequest::NoSegments),
        _ if count > limit.count() => Err(BadRequest::TooManySegments { count, most: limit.count() }),
        _ => Ok(count.div_ceil(SEGMENTS_IN_PAGE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b06_a_feature_is_clamped_to_our_own_limit() {
        let own = SegmentLimit(256);
        for (feature, limit) in [(0, None), (1, Some(1)), (255, Some(255)), (256, Some(256)), (257, Some(256))] {
            assert_eq!(SegmentLimit::offered(feature, own).map(|limit| limit.0), limit);
        }
        for absurd in [4096, 4097, 1 << 16, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(SegmentLimit::offered(absurd, own), Some(own));
            assert_eq!(SegmentLimit::offered(absurd, SegmentLimit::MAX), Some(SegmentLimit::MAX));
        }
    }

    #[test]
    fn k05_segments_take_as_many_pages_as_they_need() {
        let pages: [GrantRef; 9] = core::array::from_fn(|at| GrantRef(u32::try_from(at).unwrap()));
        let place = (Disk(0), Sector(0));
        let new = |count, pages: &[GrantRef]| Indirect::new(Access::Read, place, (count, SegmentLimit::MAX), pages);
        for (count, needed) in [(1, 1), (512, 1), (513, 2), (4095, 8), (4096, 8)] {
            let request = new(count, &pages[..needed]).unwrap();
            assert_eq!((request.count(), request.pages()), (count, &pages[..needed]));
            assert_eq!(new(count, &pages[..needed - 1]), Err(BadRequest::Pages { count: needed - 1, needed }));
            assert_eq!(new(count, &pages[..needed + 1]), Err(BadRequest::Pages { count: needed + 1, needed }));
        }
        assert_eq!(new(0, &[]), Err(BadRequest::NoSegments));
        assert_eq!(new(4097, &pages), Err(BadRequest::TooManySegments { count: 4097, most: 4096 }));
        let flush = Indirect::new(Access::Flush, place, (1, SegmentLimit::MAX), &pages[..1]);
        assert_eq!(flush, Err(BadRequest::IndirectOperation(Operation::FLUSH_DISKCACHE)));
    }
}
