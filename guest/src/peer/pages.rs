//! Pages for two guests to share: what is in them, where they come from, and those of others in ours.

use xen_hypercall::op::grant_table::{self, GrantHandle, GrantStatus, Map, MapMode, Unmap};
use xen_hypercall::{DomId, GrantRef, Hole, Hypercall, PAGE_SIZE, SharedPage};

use crate::{Machine, Tally};

/// What a page is filled with, a whole page of it for each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern(pub u32);

impl Pattern {
    /// Returns the bytes, four by four.
    pub fn words(self) -> impl Iterator<Item = [u8; 4]> {
        let Self(seed) = self;
        let mix = move |at: u32| seed.wrapping_add(at).wrapping_mul(0x9E37_79B1).rotate_left(at % 31).to_le_bytes();
        (0..1024).map(mix)
    }

    /// Returns the checksum of a page of it.
    #[must_use]
    pub fn sum(self) -> u32 {
        let mut tally = Tally::new();
        self.words().for_each(|word| tally.add(&word));
        tally.sum()
    }

    /// Fills a page with it.
    pub fn fill(self, page: &SharedPage) {
        for (at, word) in (0..PAGE_SIZE).step_by(4).zip(self.words()) {
            page.copy_out(at, &word);
        }
    }
}

/// Returns the checksum of what is in a page.
pub(crate) fn sum(page: &SharedPage) -> u32 {
    let (mut tally, mut bytes) = (Tally::new(), [0; 64]);
    for at in (0..PAGE_SIZE).step_by(bytes.len()) {
        page.copy_in(at, &mut bytes);
        tally.add(&bytes);
    }
    tally.sum()
}

/// Pages and holes that are not in use. The machine takes none back.
#[derive(Debug)]
pub(crate) struct Stock {
    pages: [Option<SharedPage>; 16],
    holes: [Option<Hole>; 16],
}

impl Stock {
    pub(crate) const fn new() -> Self {
        Self { pages: [const { None }; 16], holes: [const { None }; 16] }
    }

    /// Takes a page, whatever is in it.
    pub(crate) fn page<M: Machine>(&mut self, machine: &M) -> Option<SharedPage> {
        self.pages.iter_mut().find_map(Option::take).or_else(|| machine.page())
    }

    /// Takes a hole.
    pub(crate) fn hole<M: Machine>(&mut self, machine: &M) -> Option<Hole> {
        self.holes.iter_mut().find_map(Option::take).or_else(|| machine.hole())
    }

    /// Puts a page back.
    pub(crate) fn keep_page(&mut self, page: SharedPage) {
        if let Some(place) = self.pages.iter_mut().find(|place| place.is_none()) {
            *place = Some(page);
        }
    }

    /// Puts a hole back, in which nothing is mapped.
    pub(crate) fn keep_hole(&mut self, hole: Hole) {
        if let Some(place) = self.holes.iter_mut().find(|place| place.is_none()) {
            *place = Some(hole);
        }
    }
}

/// A page of another domain, mapped by a hypercall and nothing else.
#[derive(Debug)]
pub(crate) struct Foreign {
    hole: Hole,
    handle: GrantHandle,
}

impl Foreign {
    /// Maps a page; gives the hole back if Xen refuses.
    pub(crate) fn map<H: Hypercall>(
        hook: &H,
        hole: Hole,
        (domain, reference, mode): (DomId, GrantRef, MapMode),
    ) -> Result<Self, (Hole, i32)> {
        let mut blocks = [Map::new(&hole, domain, reference, mode)];
        let called = grant_table::map(hook, &mut blocks).map_err(|errno| code(errno.raw()));
        let [block] = blocks;
        let mapped = called.and_then(|()| block.finish().map_err(|status| code(status.0)));
        match mapped {
            Ok(mapped) => Ok(Self { hole, handle: mapped.handle }),
            Err(code) => Err((hole, code)),
        }
    }

    /// Lets the page go, and returns the hole; without it, if Xen refuses.
    pub(crate) fn unmap<H: Hypercall>(self, hook: &H) -> Result<Hole, i32> {
        let mut blocks = [Unmap::new(&self.hole, self.handle)];
        let called = grant_table::unmap(hook, &mut blocks).map_err(|errno| code(errno.raw()));
        let [block] = blocks;
        let unmapped = called.and_then(|()| block.finish().map_err(|(_, GrantStatus(status))| code(status)));
        unmapped.map(|()| self.hole)
    }

    /// Returns the hole in another domain, where nothing is mapped; the handle would be another's there.
    pub(crate) fn forget(self) -> Hole {
        self.hole
    }

    pub(crate) const fn page(&self) -> &SharedPage {
        self.hole.page()
    }
}

/// The code by which Xen refused, of a call or of an operation.
pub(super) fn code(raw: impl TryInto<i32>) -> i32 {
    raw.try_into().unwrap_or(i32::MIN)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::Pattern;

    #[test]
    fn patterns_fill_a_page_and_differ() {
        let sums: Vec<u32> = (0..100).map(|seed| Pattern(seed).sum()).collect();
        assert_eq!(Pattern(7).words().count() * 4, 4096);
        assert!((1..100).all(|at| !sums[..at].contains(&sums[at])));
    }
}
