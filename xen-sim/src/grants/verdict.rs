//! What must be true after each act, and at the end.

use xen_hypercall::GrantRef;

use super::act::How;
use super::book::{Guard, RESERVED};
use super::run::owner;
use super::{Fault, PEERS, Run, Sum};

impl Run<'_> {
    /// All that must be true at any time.
    pub(super) fn check(&self) {
        let host = &self.site.host;
        assert_eq!(host.check(), Ok(()));
        assert_eq!(self.table.ledger(), self.book.ledger(self.pooled()), "the ledger");
        assert!(self.table.holdings().eq(self.book.holdings()), "what each holds");
        // One of them at a time, for tables may be large.
        let of = owner(self.acts);
        let counts = self.table.account(of).ledger();
        assert_eq!((counts.in_use, counts.quarantined), self.book.of(of), "owner {of}");
        self.pages.check();
        self.peers.check();
        self.strangers.check(self.book.life);
        // It is slow, and a grant that is left stays.
        if self.acts.is_multiple_of(4) {
            self.check_host();
        }
    }

    /// The host counts what is granted and mapped as it is counted here.
    fn check_host(&self) {
        let held = self.site.host.ledger().holdings();
        assert_eq!(held.mappings, self.peers.count());
        assert_eq!(held.foreign.len(), self.strangers.count(self.book.life), "pages of peers");
        if self.book.version.is_some() {
            let known = |at: &GrantRef| self.book.entries.contains_key(&at.0) || self.peers.bits(at.0) != 0;
            assert!(held.grants.iter().all(known), "{:?}: granted, and nobody's", held.grants);
            // Of a stray nobody knows what it grants.
            let mut open = self.book.entries.iter().filter(|(_, entry)| entry.open && entry.guard != Guard::Stray);
            assert!(open.all(|(at, _)| held.grants.contains(&GrantRef(*at))), "{:?}: all that is granted", held.grants);
        }
    }

    /// Has all peers let go, or die, and takes everything back.
    ///
    /// # Panics
    /// If a rule is broken, or something is left.
    #[must_use]
    pub fn finish(mut self) -> Sum {
        self.unmap_all();
        if self.book.version.is_none() {
            self.rebuild(Fault::None);
        }
        assert!(self.book.version.is_some(), "nothing keeps the table from being made");
        self.peers.settle(&PEERS);
        (RESERVED..self.book.limit).for_each(|at| _ = self.peers.feign(at, 0));
        while self.poll(u32::MAX) {}
        for offer in core::mem::take(&mut self.offers) {
            self.end(offer, How::Alone);
        }
        assert!(self.offers.is_empty(), "all peers have let go");
        self.pools.clear();
        self.ballast = None;
        self.check();
        self.check_host();
        let (left, counts) = (self.book.entries.len(), self.table.ledger());
        assert_eq!((counts.quarantined, usize::try_from(counts.in_use)), (0, Ok(left)), "only what was forgotten");
        assert_eq!(counts.pooled, self.book.lost);
        if left == 0 && !self.strangers.has_mapped() {
            self.site.stop();
            assert_eq!(self.site.host.check(), Ok(()));
        }
        self.sum
    }
}
