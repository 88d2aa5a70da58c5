//! What a peer grants to the guest.

use std::collections::BTreeMap;

use xen_hypercall::{DomId, GrantRef};

use super::active::Active;
use super::{Access, MapMode, Refusal};
use crate::memory::Frame;

/// What a peer gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A page.
    Page,
    /// Bytes of a page, to be copied only.
    Part { offset: u16, length: u16 },
    /// What another domain granted to the peer, to be copied only.
    Through { domain: DomId, gref: GrantRef },
}

/// A grant of a peer's.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) to: DomId,
    pub(crate) frame: Frame,
    pub(crate) mode: MapMode,
    pub(crate) shape: Shape,
    /// So many uses are told to try again.
    pub(crate) absent: u64,
    readers: u32,
    writers: u32,
}

impl Foreign {
    pub(crate) const fn new(to: DomId, frame: Frame, (mode, shape): (MapMode, Shape)) -> Self {
        Self { to, frame, mode, shape, absent: 0, readers: 0, writers: 0 }
    }

    /// Tells whether `access` may use it; each look at a page that is not there counts.
    pub(crate) fn admits(&mut self, access: Access) -> Result<(), Refusal> {
        if self.to != access.domain {
            return Err(Refusal::Another);
        }
        if access.mode == MapMode::Write && self.mode == MapMode::Read {
            return Err(Refusal::ReadOnly);
        }
        if self.absent > 0 {
            self.absent -= 1;
            return Err(Refusal::NotNow);
        }
        Ok(())
    }

    pub(crate) fn pin(&mut self, access: Access) -> Result<Frame, Refusal> {
        self.admits(access)?;
        if self.shape != Shape::Page {
            return Err(Refusal::Nothing);
        }
        let count = if access.mode == MapMode::Write { &mut self.writers } else { &mut self.readers };
        if *count >= Active::MOST {
            return Err(Refusal::TooMany);
        }
        *count += 1;
        Ok(self.frame)
    }

    pub(crate) const fn unpin(&mut self, mode: MapMode) {
        match mode {
            MapMode::Read => self.readers -= 1,
            MapMode::Write => self.writers -= 1,
        }
    }

    /// Returns how often it is mapped.
    pub(crate) const fn mappings(&self) -> u32 {
        self.readers + self.writers
    }
}

/// All grants of peers, by domain and reference.
pub(crate) type Given = BTreeMap<(DomId, GrantRef), Foreign>;
