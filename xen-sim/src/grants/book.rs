//! What must be true of the table: written from what it promises, with no code in common.

use std::collections::{BTreeMap, VecDeque};

use xen_grant::{Hold, Holding, Ledger, Owner, Refusal, Version};
use xen_hypercall::{DomId, GrantRef};
use xen_mock::MapMode;

use super::{CAP, TOTAL_CAP};

/// Entries that are the toolstack's.
pub(super) const RESERVED: u32 = 8;
/// Xen's marks of use.
pub(super) const IN_USE: u16 = 0x18;

/// Who has the page of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// An offer, or one that was forgotten.
    Offer,
    /// Quarantine.
    Aside,
    /// An offer of an earlier table, or nobody; the entry was found in use.
    Stray,
}

/// An entry by which a peer may reach a page, or might be able to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) peer: DomId,
    pub(super) owner: Owner,
    pub(super) gfn: u64,
    pub(super) mode: MapMode,
    pub(super) guard: Guard,
    /// Whether a domain that has not mapped the page may do so.
    pub(super) open: bool,
}

/// What an offer that ends must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The page is back, and the entry free.
    Now,
    /// The page is back, and nothing changes.
    Void,
    /// The peer has it.
    Mapped,
}

/// The books of one table.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) entries: BTreeMap<u32, Entry>,
    /// What is in quarantine, in the order in which it is looked at.
    pub(super) aside: VecDeque<u32>,
    /// The first entry that there is not.
    pub(super) limit: u32,
    /// The version; none without a table.
    pub(super) version: Option<Version>,
    /// Which table this is.
    pub(super) life: u32,
    /// Entries in pools that were forgotten.
    pub(super) lost: u32,
}

impl Book {
    fn count(&self, which: impl Fn(&Entry) -> bool) -> u32 {
        u32::try_from(self.entries.values().filter(|entry| which(entry)).count()).unwrap_or(u32::MAX)
    }

    /// The counts, if the pools have so many entries.
    pub(super) fn ledger(&self, pooled: u32) -> Ledger {
        let in_use = self.count(|entry| entry.guard == Guard::Offer);
        let quarantined = self.count(|entry| entry.guard != Guard::Offer);
        if self.version.is_none() {
            return Ledger { free: 0, pooled: 0, in_use, quarantined };
        }
        let pooled = pooled + self.lost;
        let beyond = self.entries.range(self.limit..).count();
        let within = u32::try_from(self.entries.len() - beyond).unwrap_or(u32::MAX);
        Ledger { free: self.limit.saturating_sub(RESERVED) - within - pooled, pooled, in_use, quarantined }
    }

    /// The counts of one owner.
    pub(super) fn of(&self, owner: Owner) -> (u32, u32) {
        let count = |offered: bool| self.count(|e| e.owner == owner && (e.guard == Guard::Offer) == offered);
        (count(true), count(false))
    }

    /// What peers may reach.
    pub(super) fn holdings(&self) -> impl Iterator<Item = Holding> + '_ {
        self.entries.iter().map(|(at, entry)| {
            let hold = if entry.guard == Guard::Offer { Hold::Guarded } else { Hold::Quarantined };
            Holding { reference: GrantRef(*at), owner: entry.owner, peer: entry.peer, hold }
        })
    }

    /// Tells whether a peer gets more.
    pub(super) fn trusts(&self, peer: DomId) -> bool {
        let held = self.count(|entry| entry.guard == Guard::Aside && entry.peer == peer);
        let all = self.count(|entry| entry.guard != Guard::Offer);
        held < CAP && (held == 0 || all < TOTAL_CAP)
    }

    /// What an offer must be told, with so many entries in its pool and in all pools; nothing if it must succeed.
    pub(super) fn refuses(&self, peer: DomId, (own, pooled): (u32, u32)) -> Option<Refusal> {
        if !self.trusts(peer) {
            return Some(Refusal::Distrusted(peer));
        }
        let free = if self.version.is_some() { self.ledger(pooled).free } else { 0 };
        (self.version.is_none() || own == 0 && free == 0).then_some(Refusal::NoRefs)
    }

    /// A page was offered.
    pub(super) fn offered(&mut self, reference: GrantRef, entry: Entry) {
        assert!((RESERVED..self.limit).contains(&reference.0), "G12, G21: {reference} is an entry to be given out");
        let before = self.entries.insert(reference.0, entry);
        assert_eq!(before, None, "G05: {reference} was free");
    }

    /// What must come of the end of an offer made in table `life`; `bits` are Xen's marks at its reference.
    pub(super) fn end(&mut self, reference: GrantRef, life: u32, bits: u16) -> End {
        let entry = self.entries.get_mut(&reference.0);
        if life != self.life {
            // Without a table nothing is known to be free.
            let stray = entry.is_some_and(|entry| entry.guard == Guard::Stray);
            return if stray || self.version.is_none() { End::Mapped } else { End::Void };
        }
        let Some(entry) = entry.filter(|_| self.version.is_some()) else { return End::Mapped };
        if bits & IN_USE == 0 {
            self.entries.remove(&reference.0);
            return End::Now;
        }
        // Version 2 clears the flags first, and then sees that it was too late.
        entry.open &= self.version == Some(Version::V1);
        End::Mapped
    }

    /// An offer was dropped while the peer had the page.
    pub(super) fn set_aside(&mut self, reference: GrantRef, life: u32) {
        if let Some(entry) = self.entries.get_mut(&reference.0).filter(|_| life == self.life) {
            entry.guard = Guard::Aside;
            self.aside.push_back(reference.0);
        }
    }

    /// The page that a poll must give back: what it names is what it must be.
    pub(super) fn poll(&mut self, budget: u32, bits: impl Fn(u32) -> u16) -> Option<u64> {
        self.version?;
        for _ in 0..usize::try_from(budget).unwrap_or(usize::MAX).min(self.aside.len()) {
            let reference = self.aside.pop_front()?;
            if reference < self.limit && bits(reference) & IN_USE != 0 {
                self.aside.push_back(reference);
                let entry = self.entries.get_mut(&reference)?;
                entry.open &= self.version == Some(Version::V1);
                continue;
            }
            let entry = self.entries.remove(&reference)?;
            if entry.guard == Guard::Aside {
                return Some(entry.gfn);
            }
        }
        None
    }

    /// The table was to be made anew, and it was not.
    pub(super) fn closed(&mut self) {
        self.life += 1;
        (self.version, self.limit, self.lost) = (None, 0, 0);
        self.entries.retain(|_, entry| entry.guard != Guard::Offer);
    }

    /// The table was made anew: of what it holds, the marks tell.
    pub(super) fn opened(&mut self, version: Version, limit: u32, bits: impl Fn(u32) -> u16) {
        let offers: Vec<_> =
            self.entries.iter().filter(|(_, e)| e.guard == Guard::Offer).map(|(at, e)| (*at, *e)).collect();
        self.closed();
        (self.version, self.limit) = (Some(version), limit);
        let unknown = |gfn| Entry {
            peer: DomId::SELF,
            owner: Owner::NONE,
            gfn,
            mode: MapMode::Write,
            guard: Guard::Stray,
            open: version == Version::V1,
        };
        let marked = |at: u32| at < limit && bits(at) & IN_USE != 0;
        let known: BTreeMap<u32, u64> = offers.iter().map(|(at, entry)| (*at, entry.gfn)).collect();
        self.entries.retain(|at, entry| entry.guard == Guard::Aside || marked(*at));
        for at in (RESERVED..limit).filter(|at| marked(*at)) {
            let gfn = known.get(&at).copied().unwrap_or(u64::MAX);
            self.entries.entry(at).or_insert_with(|| unknown(gfn));
        }
        for (at, entry) in &mut self.entries {
            entry.open &= marked(*at) && version == Version::V1;
        }
        self.aside = self.entries.keys().copied().collect();
    }
}
