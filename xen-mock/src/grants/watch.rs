//! What the guest wrote into its table since the last look: what it must not do is told.

use xen_hypercall::{Gfn, GrantRef};

use super::active::Active;
use super::entry::{Content, Entry, READONLY, Version, XEN_BITS};
use super::table::{GrantTable, RESERVED, entry_at};
use crate::memory::PAGE;
use crate::violation::{GrantMisuse, Violation};

impl GrantTable {
    /// Returns what the guest did wrong since the last look. `owns` tells whether a frame is the guest's to grant.
    pub(crate) fn watch(&mut self, owns: impl Fn(Gfn) -> bool) -> Vec<Violation> {
        let mut found = self.watch_status();
        for (gref, entry) in self.changed_entries() {
            found.extend(self.judge(gref, entry, &owns));
        }
        found
    }

    /// Takes the entries that are not as they were.
    fn changed_entries(&mut self) -> Vec<(GrantRef, Entry)> {
        let (version, size) = (self.version, self.version.entry_size());
        let mut changed = Vec::new();
        for (index, slot) in self.shared.iter_mut().enumerate() {
            let now = slot.frame.bytes::<PAGE>(0);
            if now == *slot.seen {
                continue;
            }
            for at in (0..PAGE).step_by(size) {
                if now[at..at + size] != slot.seen[at..at + size] {
                    changed.push((GrantRef(((index * PAGE + at) / size) as u32), entry_at(version, &now, at)));
                }
            }
            *slot.seen = now;
        }
        changed
    }

    /// The status is Xen's alone to write; what the guest wrote is kept, as Xen would.
    fn watch_status(&mut self) -> Vec<Violation> {
        let mut found = Vec::new();
        for (index, slot) in self.status.iter_mut().enumerate() {
            let now = slot.frame.bytes::<PAGE>(0);
            if now == *slot.seen {
                continue;
            }
            let changed = (0..PAGE).step_by(2).filter(|at| now[*at..*at + 2] != slot.seen[*at..*at + 2]);
            let gref = |at: usize| GrantRef(((index * PAGE + at) / 2) as u32);
            found.extend(changed.map(|at| Violation::Grant(GrantMisuse::StatusWritten(gref(at)))));
            *slot.seen = now;
        }
        found
    }

    fn judge(&mut self, gref: GrantRef, entry: Entry, owns: &impl Fn(Gfn) -> bool) -> Option<Violation> {
        if gref.0 < RESERVED {
            return Some(Violation::Grant(GrantMisuse::ReservedTouched(gref)));
        }
        if let Some(active) = self.active.get_mut(&gref.0) {
            let told = active.reported || bears(active, entry);
            active.reported |= !told;
            return (!told).then_some(Violation::ChangedWhileMapped(active.domain, gref));
        }
        self.judge_new(gref, entry, owns).map(Violation::Grant)
    }

    fn judge_new(&self, gref: GrantRef, entry: Entry, owns: &impl Fn(Gfn) -> bool) -> Option<GrantMisuse> {
        let gfn = match entry.content() {
            Content::Nothing => return None,
            Content::Page(gfn) | Content::Part { gfn, .. } => Some(gfn),
            Content::Through { .. } | Content::Transfer => None,
        };
        let status = gref.0 as usize * 2 / PAGE;
        let seen = self.version == Version::V1 || self.status.get(status).is_some_and(|slot| slot.gfn.is_some());
        match gfn {
            _ if !entry.is_well_formed(0) => Some(GrantMisuse::Malformed(gref)),
            _ if !entry.domain().is_real() => Some(GrantMisuse::ToNobody(gref, entry.domain())),
            _ if !seen => Some(GrantMisuse::StatusNotMapped(gref)),
            Some(gfn) if !owns(gfn) => Some(GrantMisuse::NotOwn(gref, gfn)),
            _ => None,
        }
    }
}

/// Tells whether an entry in use may be changed to this. Version 1: `GTF_readonly` alone, and it is not set while somebody
/// writes. Version 2: also one that grants nothing, with a domain or without,
/// after which the status tells whether the entry is free.
fn bears(active: &Active, now: Entry) -> bool {
    let xens = if now.version == Version::V1 { active.bits() } else { 0 };
    let same = |flags: u16| now == active.entry.with_flags(flags | xens);
    let before = active.entry.flags() & !XEN_BITS;
    let closed = now.version == Version::V2 && now.content() == Content::Nothing;
    closed || same(before & !READONLY) || (same(before | READONLY) && active.writers == 0) || same(before)
}
