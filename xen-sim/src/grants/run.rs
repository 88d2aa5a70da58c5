//! The table, its guards, and the peers: each act, and what must come of it.

use xen_grant::{Owner, Page, Pool, Refusal, Table};
use xen_hypercall::{DomId, NoGate};
use xen_mock::{Hook, MapMode};

use super::act::{Act, Ask, How, Pooling, Unmap, Way};
use super::book::{Book, End, Entry, Guard};
use super::foreign::Strangers;
use super::held::{Held, Maker, Pooled};
use super::pages::{Pages, too_high};
use super::peers::Peers;
use super::{PEERS, Site};

/// Entries that a large table has beyond reach, so that scripts work at the end of its frames.
const BALLAST: usize = 500;

/// What came of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Pages that came back.
    pub back: usize,
    /// How often a page did not, or a peer got no more.
    pub held: usize,
    /// Whether a peer held what it should let go, or the host was not as it should be.
    pub lied: bool,
}

/// A table in use.
pub struct Run<'t> {
    pub(super) site: &'t Site,
    pub(super) table: &'t Table<'t, &'t Hook>,
    pub(super) book: Book,
    pub(super) peers: Peers,
    pub(super) strangers: Strangers<'t>,
    pub(super) pages: Pages,
    /// Offers, and the table that each is of.
    pub(super) offers: Vec<(Held<'t>, u32)>,
    pub(super) pools: Vec<Pooled<'t>>,
    pub(super) ballast: Option<Pool<'t, NoGate, BALLAST>>,
    pub(super) sum: Sum,
    pub(super) acts: usize,
}

impl core::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Run").field("book", &self.book).field("peers", &self.peers).finish_non_exhaustive()
    }
}

/// In whose name a peer's account and pools are.
pub(super) fn owner(peer: usize) -> Owner {
    Owner(1 + u32::try_from(peer % PEERS.len()).unwrap_or_default())
}

fn peer(which: usize) -> DomId {
    PEERS[which % PEERS.len()]
}

impl<'t> Run<'t> {
    /// Builds the table.
    ///
    /// # Panics
    /// If a rule is broken, as in all functions here.
    #[must_use]
    pub fn new(site: &'t Site, table: &'t Table<'t, &'t Hook>) -> Self {
        let (peers, pages) = (Peers::new(site.host.clone()), Pages::new(site.host.guest()));
        let large = site.shape.slots > BALLAST;
        let ballast = large.then(|| table.account(Owner(9)).pool(PEERS[0]).unwrap_or_else(|_| unreachable!("a peer")));
        let strangers = Strangers::new(site.host.guest());
        let (book, offers, pools) = (Book::default(), Vec::new(), Vec::new());
        let mut run =
            Self { site, table, book, peers, strangers, pages, offers, pools, ballast, sum: Sum::default(), acts: 0 };
        run.rebuild(super::Fault::None);
        run
    }

    /// Does one thing, and checks everything.
    ///
    /// # Panics
    /// If a rule is broken.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Offer(ask) => self.offer(ask),
            Act::OfferToNobody(way) => self.offer_to_nobody(way),
            Act::OfferTooHigh(way) => self.offer_too_high(way),
            Act::End(nth, how) => _ = self.nth(nth).map(|offer| self.end(offer, how)),
            Act::Drop(nth) => _ = self.nth(nth).map(|offer| self.abandon(offer)),
            Act::Forget(nth) => _ = self.nth(nth).map(|(offer, _)| core::mem::forget(offer)),
            Act::PollQuarantine(budget) => _ = self.poll(budget),
            Act::Pool(which, what) => self.pool(which, what),
            Act::Map { peer: which, reference, mode } => self.map(peer(which), reference, mode),
            Act::Unmap(nth) => self.peers.unmap(nth),
            Act::Pin(nth) => self.sum.lied |= self.peers.pin(nth),
            Act::Copy { peer: which, reference } => self.copy(peer(which), reference),
            Act::Scribble(nth) => self.peers.scribble(nth),
            Act::Feign { reference, bits } => self.feign(reference, bits),
            Act::Die(which) => self.die(peer(which)),
            Act::Grant { peer: which, mode, absent } => self.grant(peer(which), mode, absent),
            Act::MapForeign { nth, mode, patience } => self.map_foreign(nth, mode, patience),
            Act::UnmapForeign(nth, how) => self.let_go(nth, how),
            Act::CopyForeign(nth) => self.copy_foreign(nth),
            Act::Suspend(resume) => self.suspend(resume),
            Act::Rebuild(fault) => self.rebuild_in_place(fault),
            Act::Grow(fault) => self.grow(fault),
        }
        self.acts += 1;
        self.check();
    }

    fn nth(&mut self, nth: usize) -> Option<(Held<'t>, u32)> {
        let count = self.offers.len();
        (count > 0).then(|| self.offers.swap_remove(nth % count))
    }

    /// A reference that is in use, mostly, or any of the table.
    fn reference(&self, nth: usize) -> u32 {
        let used = self.book.entries.keys();
        match (nth / 4 % 8, self.book.entries.len()) {
            (0, _) | (_, 0) => super::book::RESERVED + u32::try_from(nth / 32).unwrap_or_default() % 16,
            (_, count) => used.copied().nth(nth % count).unwrap_or_default(),
        }
    }

    /// Entries in pools.
    pub(super) fn pooled(&self) -> u32 {
        let all = self.pools.iter().map(Pooled::len).sum::<usize>() + self.ballast.as_ref().map_or(0, Pool::len);
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    fn offer(&mut self, ask: Ask) {
        let pooled = self.pooled();
        let (mut by, to, of, own) = match ask.way {
            Way::Table => (Maker::Table(self.table, peer(ask.peer)), peer(ask.peer), Owner::NONE, 0),
            Way::Account => {
                let of = owner(ask.peer);
                (Maker::Account(self.table.account(of), peer(ask.peer)), peer(ask.peer), of, 0)
            }
            Way::Pool(which) => {
                let count = self.pools.len().max(1);
                let Some(pool) = self.pools.get_mut(which % count) else { return };
                let (to, of, own) = (pool.peer(), pool.owner(), pool.len());
                (Maker::Pool(pool), to, of, u32::try_from(own).unwrap_or(u32::MAX))
            }
        };
        let expected = self.book.refuses(to, (own, pooled));
        let made = if ask.lent { by.lent(self.pages.lend(), ask.mode) } else { by.shared(self.pages.take(), ask.mode) };
        match made {
            Ok(held) => {
                assert_eq!(expected, None, "it must be refused");
                assert_eq!(held.named(), (to, of));
                self.offered(held, ask.mode);
            }
            Err((page, refusal)) => {
                assert_eq!(Some(refusal), expected);
                self.sum.held += usize::from(matches!(refusal, Refusal::Distrusted(_)));
                self.pages.back(page);
            }
        }
    }

    fn offered(&mut self, held: Held<'t>, mode: MapMode) {
        let (reference, (to, of), gfn) = (held.reference(), held.named(), held.gfn());
        assert!(!self.peers.has(reference.0), "G05: {reference} is issued while a peer has its page mapped");
        self.book.offered(reference, Entry { peer: to, owner: of, gfn, mode, guard: Guard::Offer, open: true });
        let bytes = self.site.host.grants().entry(reference).unwrap_or_default();
        let [low, high] = (if mode == MapMode::Read { 5_u16 } else { 1 }).to_le_bytes();
        let [first, second] = to.0.to_le_bytes();
        assert_eq!(bytes[..4], [low, high, first, second], "G28: what is allowed, and to whom");
        let frame = gfn.to_le_bytes();
        assert!(bytes[4..8] == frame[..4] && bytes.len() == 8 || bytes[8..] == frame, "{bytes:?} names {gfn:#x}");
        self.offers.push((held, self.book.life));
    }

    fn offer_to_nobody(&mut self, way: Way) {
        let (page, nobody) = (self.pages.take(), DomId(0x7FF0));
        let made = match way {
            Way::Table => Maker::Table(self.table, nobody).shared(page, MapMode::Read),
            Way::Account => Maker::Account(self.table.account(Owner(1)), nobody).shared(page, MapMode::Write),
            Way::Pool(_) => {
                assert!(self.table.account(Owner(1)).pool::<4>(nobody).is_err(), "G24");
                Err((page.into(), Refusal::NotAPeer(nobody)))
            }
        };
        let Err((page, refusal)) = made else { unreachable!("G24: {nobody} is no peer") };
        assert_eq!(refusal, Refusal::NotAPeer(nobody));
        self.pages.back(page);
    }

    fn offer_too_high(&mut self, way: Way) {
        if self.book.version != Some(xen_grant::Version::V1) {
            return;
        }
        let made = match (way, self.pools.first_mut()) {
            (Way::Pool(_), Some(pool)) => Maker::Pool(pool).lent(too_high(), MapMode::Read),
            _ => Maker::Table(self.table, PEERS[0]).lent(too_high(), MapMode::Read),
        };
        assert!(made.is_err(), "version 1 has no room for it");
    }

    pub(super) fn end(&mut self, (held, life): (Held<'t>, u32), how: How) {
        let (reference, gfn) = (held.reference(), held.gfn());
        let expected = self.book.end(reference, life, self.peers.bits(reference.0));
        let count = self.pools.len().max(1);
        let pool = if let How::Pool(which) = how { self.pools.get_mut(which % count) } else { None };
        let ended = match pool {
            Some(pool) => held.end_in(pool),
            None => held.end(),
        };
        match ended {
            Ok(page) => {
                assert_ne!(expected, End::Mapped, "G01: {reference} is in use");
                self.back(page, gfn);
            }
            Err(held) => {
                assert_eq!(expected, End::Mapped, "{reference} is not in use");
                (self.sum.held, self.sum.lied) = (self.sum.held + 1, true);
                self.offers.push((held, life));
            }
        }
    }

    fn back(&mut self, page: Page, gfn: u64) {
        assert_eq!(page.gfn().0, gfn, "the page that was offered");
        self.peers.out_of_reach(gfn);
        self.pages.back(page);
        self.sum.back += 1;
    }

    fn abandon(&mut self, (held, life): (Held<'t>, u32)) {
        let reference = held.reference();
        if self.book.end(reference, life, self.peers.bits(reference.0)) == End::Mapped {
            self.book.set_aside(reference, life);
            (self.sum.held, self.sum.lied) = (self.sum.held + 1, true);
        }
        drop(held);
    }

    pub(super) fn poll(&mut self, budget: u32) -> bool {
        let expected = self.book.poll(budget, |at| self.peers.bits(at));
        let page = self.table.poll_quarantine(budget);
        assert_eq!(page.as_ref().map(|page| page.gfn().0), expected, "the first that its peer let go");
        page.zip(expected).map(|(page, gfn)| self.back(page, gfn)).is_some()
    }

    fn pool(&mut self, which: usize, what: Pooling) {
        let count = self.pools.len();
        match what {
            Pooling::Make if count < 3 => {
                let made = self.table.account(owner(which)).pool(peer(which));
                self.pools.push(made.unwrap_or_else(|_| unreachable!("a peer")));
            }
            Pooling::Make => {}
            _ if count == 0 => {}
            Pooling::Reserve(entries) => {
                let got = self.pools[which % count].reserve(entries);
                assert!(got <= super::held::ROOM && got == self.pools[which % count].len());
            }
            Pooling::Drop => drop(self.pools.swap_remove(which % count)),
            Pooling::Forget => {
                let pool = self.pools.swap_remove(which % count);
                self.book.lost += u32::try_from(pool.len()).unwrap_or_default();
                core::mem::forget(pool);
            }
        }
    }

    /// Tells whether Xen lets a peer use an entry; nothing, if it is not known.
    fn admits(&self, to: DomId, reference: u32, mode: MapMode) -> Option<bool> {
        self.book.version?;
        let Some(entry) = self.book.entries.get(&reference) else { return Some(false) };
        let known = entry.guard != Guard::Stray;
        let has = self.peers.maps(reference, mode);
        known.then_some(entry.peer == to && (mode == MapMode::Read || entry.mode == mode) && (entry.open || has))
    }

    fn map(&mut self, to: DomId, nth: usize, mode: MapMode) {
        let reference = self.reference(nth);
        let Some(admitted) = self.admits(to, reference, mode) else { return };
        let gfn = self.book.entries.get(&reference).map_or(u64::MAX, |entry| entry.gfn);
        let mapped = self.peers.map(to, (reference, gfn), mode);
        assert_eq!(mapped.is_ok(), admitted, "reference {reference} for {to}, {mode:?}: {mapped:?}");
    }

    fn copy(&mut self, to: DomId, nth: usize) {
        let reference = self.reference(nth);
        let admitted = [MapMode::Read, MapMode::Write].map(|mode| self.admits(to, reference, mode));
        let [Some(read), Some(write)] = admitted else { return };
        assert_eq!(self.peers.copy(to, reference), (read, write), "reference {reference} for {to}");
    }

    fn die(&mut self, peer: DomId) {
        self.peers.die(peer);
        self.strangers.died(peer);
    }

    fn let_go(&mut self, nth: usize, how: Unmap) {
        match how {
            Unmap::End | Unmap::Refused => self.unmap_foreign(nth, how),
            Unmap::Drop | Unmap::DropRefused => self.drop_foreign(nth, how),
        }
    }

    fn feign(&mut self, nth: usize, bits: u16) {
        let reference = self.reference(nth);
        // Where nothing is granted, marks would be taken for a grant: an entry in a pool says by itself that it is idle.
        let granted = reference < self.book.limit && self.book.entries.contains_key(&reference);
        self.sum.lied |= granted && self.peers.feign(reference, bits);
    }
}
