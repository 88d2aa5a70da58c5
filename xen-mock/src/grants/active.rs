//! Entries in use: who has them mapped, and how often.

use xen_hypercall::DomId;

use super::entry::{Entry, READING, WRITING};
use super::{Access, MapMode, Refusal};
use crate::memory::Frame;

/// An entry in use.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    pub(crate) domain: DomId,
    pub(crate) frame: Frame,
    /// The entry as it was when it was first mapped, without Xen's bits.
    pub(crate) entry: Entry,
    pub(crate) readers: u32,
    pub(crate) writers: u32,
    /// The guest was told already that it changed it.
    pub(crate) reported: bool,
}

impl Active {
    /// Xen counts each kind of mapping in a byte, and stops when its top bit is set.
    pub(crate) const MOST: u32 = 128;

    pub(crate) const fn new(domain: DomId, frame: Frame, entry: Entry) -> Self {
        Self { domain, frame, entry, readers: 0, writers: 0, reported: false }
    }

    /// Tells whether one more may use it.
    pub(crate) fn admits(&self, access: Access) -> Result<(), Refusal> {
        let count = if access.mode == MapMode::Write { self.writers } else { self.readers };
        match () {
            () if self.domain != access.domain => Err(Refusal::Another),
            () if count >= Self::MOST => Err(Refusal::TooMany),
            () => Ok(()),
        }
    }

    pub(crate) const fn add(&mut self, mode: MapMode) {
        match mode {
            MapMode::Read => self.readers += 1,
            MapMode::Write => self.writers += 1,
        }
    }

    pub(crate) const fn take(&mut self, mode: MapMode) {
        match mode {
            MapMode::Read => self.readers -= 1,
            MapMode::Write => self.writers -= 1,
        }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.readers + self.writers == 0
    }

    /// The bits that Xen keeps for it.
    pub(crate) const fn bits(&self) -> u16 {
        match (self.readers, self.writers) {
            (0, 0) => 0,
            (_, 0) => READING,
            _ => READING | WRITING,
        }
    }
}
