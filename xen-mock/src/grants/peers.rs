//! Other domains: what they have mapped of the guest, and what they grant to it.

use std::collections::{BTreeMap, BTreeSet};

use xen_hypercall::{DomId, GrantRef};

use super::foreign::{Foreign, Given};
use super::{Access, GrantTable, RESERVED};
use crate::memory::Frame;

/// What a page is mapped, or granted, for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapMode {
    /// Only to read.
    Read,
    /// To read and write.
    Write,
}

/// Why a grant could not be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// The entry is beyond the table, or grants nothing that can be mapped.
    BadRef,
    /// It is for another domain, or not for writing.
    Denied,
    /// It names a frame that the guest does not have.
    BadFrame,
    /// It is mapped as often as Xen can count.
    TooMany,
}

/// A mapping of a page of the guest's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapping {
    pub(crate) gref: GrantRef,
    pub(crate) access: Access,
    pub(crate) frame: Frame,
}

#[derive(Debug)]
pub(crate) struct Peers {
    mappings: BTreeMap<u64, Mapping>,
    next_mapping: u64,
    pub(crate) given: Given,
    next_gref: u32,
    alive: BTreeSet<DomId>,
}

impl Peers {
    pub(crate) fn new() -> Self {
        let alive = BTreeSet::from([DomId::DOM0]);
        let (mappings, given) = (BTreeMap::new(), BTreeMap::new());
        Self { mappings, next_mapping: 1, given, next_gref: RESERVED, alive }
    }

    /// The guest's domain is no more: all that peers had of it, and gave to it, goes.
    pub(crate) fn forget_guest(&mut self) {
        self.mappings.clear();
        self.given.clear();
    }

    pub(crate) fn meet(&mut self, domain: DomId) {
        self.alive.insert(domain);
    }

    /// Tells whether Xen knows the domain: it lives, or somebody still has a page of it mapped.
    pub(crate) fn knows(&self, domain: DomId) -> bool {
        self.alive.contains(&domain) || self.given.keys().any(|(owner, _)| *owner == domain)
    }

    pub(crate) fn is_alive(&self, domain: DomId) -> bool {
        self.alive.contains(&domain)
    }

    pub(crate) fn mapping(&self, handle: u64) -> Option<Mapping> {
        self.mappings.get(&handle).copied()
    }

    pub(crate) fn mappings(&self) -> usize {
        self.mappings.len()
    }

    /// Notes a mapping.
    pub(crate) fn add(&mut self, mapping: Mapping) -> u64 {
        let handle = self.next_mapping;
        self.next_mapping += 1;
        self.mappings.insert(handle, mapping);
        handle
    }

    /// Ends a mapping.
    pub(crate) fn unmap(&mut self, grants: &mut GrantTable, handle: u64) {
        if let Some(gone) = self.mappings.remove(&handle) {
            grants.unpin(gone.gref, gone.access.mode);
        }
    }

    /// Gives the guest something, under a new reference.
    pub(crate) fn give(&mut self, owner: DomId, foreign: Foreign) -> GrantRef {
        let gref = GrantRef(self.next_gref);
        self.next_gref += 1;
        self.given.insert((owner, gref), foreign);
        gref
    }

    /// Ends a domain: its mappings go, and its grants, those that are mapped excepted.
    pub(crate) fn end(&mut self, grants: &mut GrantTable, domain: DomId) {
        // Of dom0 only backends end.
        if domain != DomId::DOM0 {
            self.alive.remove(&domain);
        }
        let of_it = |mapping: &Mapping| mapping.access.domain == domain;
        let handles: Vec<u64> = self.mappings.iter().filter(|(_, m)| of_it(m)).map(|(handle, _)| *handle).collect();
        handles.into_iter().for_each(|handle| self.unmap(grants, handle));
        self.given.retain(|(owner, _), foreign| *owner != domain || foreign.mappings() > 0);
    }
}
