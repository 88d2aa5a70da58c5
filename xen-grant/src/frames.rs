//! How the frames of the table get where the guest reaches them.

use xen_hypercall::op::{grant_table, memory};
use xen_hypercall::{Errno, Hypercall, SharedPage};

use crate::TableError;

/// One of the two arrays that a table consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Array {
    Shared,
    Status,
}

impl Array {
    const fn failed(self, index: u32, errno: Errno) -> TableError {
        match self {
            Self::Shared => TableError::Frame(index, errno),
            Self::Status => TableError::StatusFrame(index, errno),
        }
    }
}

/// A way to put frames into place.
pub(crate) trait Places {
    /// Puts as many frames of an array as there are into the places, of which `first` have theirs, and returns how many do.
    fn put(&mut self, array: Array, pages: &[SharedPage], first: usize) -> Result<usize, TableError>;
}

/// HVM and PVH: Xen changes the guest's physical memory.
#[derive(Debug)]
pub(crate) struct Physmap<'h, H>(pub(crate) &'h H);

impl<H: Hypercall> Places for Physmap<'_, H> {
    /// The highest frame comes first, so that the table grows once.
    fn put(&mut self, array: Array, pages: &[SharedPage], first: usize) -> Result<usize, TableError> {
        let map = match array {
            Array::Shared => memory::map_grant_frame,
            Array::Status => memory::map_grant_status_frame,
        };
        let mut placed = None;
        for (at, page) in pages.iter().enumerate().skip(first).rev() {
            // More frames than numbers there cannot be: the last is left out.
            let Ok(index) = u32::try_from(at) else { continue };
            match map(self.0, index, page) {
                Ok(()) => placed = placed.max(at.checked_add(1)),
                // Xen has no memory for so many, perhaps; below a frame that it gave there is none without.
                Err(_) if placed.is_none() && at > first => {}
                Err(errno) => return Err(array.failed(index, errno)),
            }
        }
        Ok(placed.unwrap_or(first))
    }
}

/// PV: Xen lists machine frames, and the guest has its page tables name them.
pub(crate) struct Listed<'l, H, F> {
    pub(crate) hook: &'l H,
    pub(crate) list: &'l mut [u64],
    pub(crate) map: F,
}

impl<H: Hypercall, F: FnMut(&SharedPage, u64) -> Result<(), Errno>> Places for Listed<'_, H, F> {
    fn put(&mut self, array: Array, pages: &[SharedPage], first: usize) -> Result<usize, TableError> {
        let count = pages.len().min(self.list.len());
        let (list, _) = self.list.split_at_mut(count);
        let listed = match array {
            Array::Shared => grant_table::setup_table(self.hook, list),
            Array::Status => grant_table::status_frames(self.hook, list),
        };
        listed.map_err(TableError::List)?;
        for (index, (page, frame)) in (0..).zip(pages.iter().zip(&*list)).skip(first) {
            (self.map)(page, *frame).map_err(|errno| array.failed(index, errno))?;
        }
        Ok(count)
    }
}
