//! What dom0 holds of the guest: mapped grants.

use std::collections::BTreeMap;

use xen_hypercall::{DomId, Gfn, GrantRef};

use crate::grants::{Entry, GrantTable, PERMIT_ACCESS, READING, READONLY, TYPE_MASK, WRITING};
use crate::memory::Frame;

/// Whether a backend wants to write to what it maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapMode {
    /// Only to read.
    Read,
    /// To read and write.
    Write,
}

/// Why a grant could not be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapError {
    /// The entry is beyond the table, or grants nothing.
    BadRef,
    /// It is for another domain, or not for writing.
    Denied,
    /// It names a frame that the guest does not have.
    BadFrame,
}

/// A mapping of a granted page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapping {
    gref: GrantRef,
    mode: MapMode,
    domain: DomId,
    /// The entry as it was, without the bits that Xen sets.
    entry: Entry,
    pub(crate) frame: Frame,
    reported: Reported,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    No,
    Yes,
}

#[derive(Debug)]
pub(crate) struct Backends {
    mappings: BTreeMap<u64, Mapping>,
    next_mapping: u64,
}

const XEN_BITS: u16 = READING | WRITING;

impl Backends {
    pub(crate) const fn new() -> Self {
        Self { mappings: BTreeMap::new(), next_mapping: 1 }
    }

    /// The domain is no more: all of its mappings go.
    pub(crate) fn forget_guest(&mut self) {
        self.mappings.clear();
    }

    pub(crate) fn mapping(&self, handle: u64) -> Option<Mapping> {
        self.mappings.get(&handle).copied()
    }

    pub(crate) fn mappings(&self) -> usize {
        self.mappings.len()
    }

    /// Maps a grant as `domain`, with the checks that Xen makes, and notes it in the entry.
    pub(crate) fn map(
        &mut self,
        grants: &GrantTable,
        (domain, gref, mode): (DomId, GrantRef, MapMode),
        find: impl FnOnce(Gfn) -> Option<Frame>,
    ) -> Result<u64, MapError> {
        let entry = grants.entry(gref).ok_or(MapError::BadRef)?;
        if entry.flags & TYPE_MASK != PERMIT_ACCESS {
            return Err(MapError::BadRef);
        }
        if entry.domid != domain.0 || (mode == MapMode::Write && entry.flags & READONLY != 0) {
            return Err(MapError::Denied);
        }
        let frame = find(Gfn(u64::from(entry.frame))).ok_or(MapError::BadFrame)?;
        let bits = if mode == MapMode::Write { READING | WRITING } else { READING };
        grants.set_flags(gref, entry.flags | bits);
        let handle = self.next_mapping;
        self.next_mapping += 1;
        let entry = Entry { flags: entry.flags & !XEN_BITS, ..entry };
        self.mappings.insert(handle, Mapping { gref, mode, domain, entry, frame, reported: Reported::No });
        Ok(handle)
    }

    /// Ends a mapping; the last one takes the bits out of the entry.
    pub(crate) fn unmap(&mut self, grants: &GrantTable, handle: u64) -> Option<()> {
        let gone = self.mappings.remove(&handle)?;
        let others = || self.mappings.values().filter(|other| other.gref == gone.gref);
        let mut flags = grants.entry(gone.gref)?.flags;
        if !others().any(|other| other.mode == MapMode::Write) {
            flags &= !WRITING;
        }
        if others().next().is_none() {
            flags &= !READING;
        }
        grants.set_flags(gone.gref, flags);
        Some(())
    }

    /// Returns the mapped grants that the guest has changed, each once.
    pub(crate) fn changed_grants(&mut self, grants: &GrantTable) -> Vec<(DomId, GrantRef)> {
        let mut changed = Vec::new();
        for mapping in self.mappings.values_mut().filter(|mapping| mapping.reported == Reported::No) {
            let now = grants.entry(mapping.gref).map(|entry| Entry { flags: entry.flags & !XEN_BITS, ..entry });
            if now != Some(mapping.entry) {
                mapping.reported = Reported::Yes;
                changed.push((mapping.domain, mapping.gref));
            }
        }
        changed
    }
}
