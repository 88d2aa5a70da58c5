//! What the guest has mapped of others: one handle a mapping.

use xen_hypercall::{DomId, Gfn, GrantRef};

use super::MapMode;
use crate::memory::Frame;

/// A mapping of the guest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) owner: DomId,
    pub(crate) gref: GrantRef,
    pub(crate) mode: MapMode,
    pub(crate) frame: Frame,
    /// Where it is.
    pub(crate) place: Gfn,
}

impl Track {
    /// The address that a device would use: made up, and another one for each grant.
    pub(crate) fn bus_address(&self) -> u64 {
        1 << 52 | u64::from(self.owner.0) << 36 | u64::from(self.gref.0) << 12
    }
}

/// All mappings by handle. A free handle is given out again at once, so that a guest that uses one too long is noticed.
#[derive(Debug)]
pub(crate) struct Tracks {
    slots: Vec<Option<Track>>,
    most: usize,
}

impl Tracks {
    pub(crate) const fn new(most: usize) -> Self {
        Self { slots: Vec::new(), most }
    }

    pub(crate) fn has_space(&self) -> bool {
        self.slots.len() < self.most || self.slots.contains(&None)
    }

    pub(crate) fn add(&mut self, track: Track) -> u32 {
        let free = self.slots.iter().position(Option::is_none).unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[free] = Some(track);
        free as u32
    }

    pub(crate) fn at(&self, handle: u32) -> Option<Track> {
        self.slots.get(handle as usize).copied().flatten()
    }

    /// Tells whether the handle was given out before.
    pub(crate) fn was_used(&self, handle: u32) -> bool {
        (handle as usize) < self.slots.len()
    }

    pub(crate) fn take(&mut self, handle: u32) -> Option<Track> {
        self.slots.get_mut(handle as usize)?.take()
    }

    /// Returns all mappings, by handle.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, Track)> + '_ {
        (0..).zip(&self.slots).filter_map(|(handle, track)| Some((handle, (*track)?)))
    }
}
