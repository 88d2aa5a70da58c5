//! Offers, ends, maps and resumes in any order, with a peer that maps and holds on as it likes: the ledger is balanced, and no
//! page comes back, by whatever way, that a peer can reach.
#![allow(clippy::arithmetic_side_effects, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod fake;

use std::collections::BTreeMap;

use fake::{Guest, Xen, guest, lent, second};
use proptest::prelude::*;
use proptest::sample::Index;
use xen_grant::{Flags, Ledger, Offer, Owner, Page, Pool, Table, Write};
use xen_hypercall::{DomId, GrantRef, LentPage, NoGate};

const PEERS: [DomId; 2] = [DomId(5), DomId(6)];
const ENTRIES: u32 = 16;

type Held<'t> = Offer<'t, Write, NoGate, LentPage>;

/// The guest as it is, and as it should be.
struct World<'t> {
    g: &'t Guest,
    table: &'t Table<'t, &'t Xen>,
    pools: [Pool<'t, NoGate, 4>; 2],
    offers: Vec<Held<'t>>,
    /// Of the pages that are not with the guest: by what reference a peer may reach each, in this domain.
    out: BTreeMap<u64, Option<GrantRef>>,
    /// Pages whose offer was forgotten.
    forgotten: u32,
    next: u64,
}

impl<'t> World<'t> {
    fn new(g: &'t Guest, table: &'t Table<'t, &'t Xen>) -> Self {
        let pools = PEERS.map(|peer| table.account(Owner(peer.0.into())).pool(peer).unwrap());
        Self { g, table, pools, offers: vec![], out: BTreeMap::new(), forgotten: 0, next: 1 }
    }

    fn offer(&mut self, at: usize, pooled: Option<usize>) {
        let page = lent(self.next);
        let made = match pooled {
            Some(pool) => self.pools[pool].offer_write(page),
            None => self.table.offer_write(page, PEERS[at % 2]),
        };
        if let Ok(offer) = made {
            self.out.insert(self.next, Some(offer.reference()));
            self.offers.push(offer);
            self.next += 1;
        }
    }

    /// The page is with the guest again: nobody else may have it.
    fn back(&mut self, page: u64) {
        let reach = self.out.remove(&page).expect("once only");
        assert!(reach.is_none_or(|reference| !self.g.is_mapped(reference)), "page {page} is still mapped");
    }

    fn end(&mut self, at: usize, pool: Option<usize>) {
        let offer = self.offers.swap_remove(at);
        let (reference, page) = (offer.reference(), offer.page().gfn().0);
        let ended = match pool {
            Some(pool) => self.pools[pool].end(offer),
            None => offer.end(),
        };
        match ended {
            Ok(_) => self.back(page),
            Err(refused) => {
                assert!(self.g.is_mapped(reference), "refused for nothing");
                self.offers.push(refused.offer);
            }
        }
    }

    fn drop(&mut self, at: usize) {
        let offer = self.offers.swap_remove(at);
        let (page, reference) = (offer.page().gfn().0, offer.reference());
        let void = self.out[&page].is_none();
        drop(offer);
        // Else it is in quarantine.
        if void || !self.g.is_mapped(reference) {
            self.back(page);
        }
    }

    fn forget(&mut self, at: usize) {
        let offer = self.offers.swap_remove(at);
        self.forgotten += u32::from(self.out[&offer.page().gfn().0].is_some());
        core::mem::forget(offer);
    }

    fn poll(&mut self, budget: u32) {
        if let Some(page) = self.table.poll_quarantine(budget) {
            assert!(matches!(page, Page::Lent(_)));
            self.back(page.gfn().0);
        }
    }

    /// Xen maps what is permitted, or what is mapped already.
    fn peer_maps(&self, at: usize) {
        if let Some(Some(reference)) = self.out.values().nth(at)
            && (self.g.entry(*reference)[0] & 1 != 0 || self.g.is_mapped(*reference))
        {
            self.g.peer_maps(*reference, Flags::WRITING);
        }
    }

    fn peer_unmaps(&self, at: usize) {
        if let Some(Some(reference)) = self.out.values().nth(at) {
            self.g.peer_unmaps(*reference);
        }
    }

    /// A new domain: nothing of before is in anybody's reach.
    fn restore(&mut self, refused: u8) {
        self.g.new_domain();
        self.out.values_mut().for_each(|reach| *reach = None);
        self.forgotten = 0;
        if refused == 0 {
            self.g.xen.refuse.set(Some((8, -12)));
            self.table.rebuild().unwrap_err();
            assert!(self.table.poll_quarantine(9).is_none());
            self.g.xen.refuse.set(None);
        }
        self.table.rebuild().unwrap();
    }

    fn checkpoint(&self) {
        self.g.epoch.advance();
        self.table.reconcile().unwrap();
    }

    fn check(&self) {
        let ledger = self.table.ledger();
        assert_eq!(ledger.total(), ENTRIES, "{ledger:?}");
        let live = self.offers.iter().filter(|offer| self.out[&offer.page().gfn().0].is_some()).count();
        assert_eq!(ledger.in_use, u32::try_from(live).unwrap() + self.forgotten);
        let pooled: usize = self.pools.iter().map(Pool::len).sum();
        assert!(ledger.pooled >= u32::try_from(pooled).unwrap());
        assert_eq!(self.table.holdings().count(), (ledger.in_use + ledger.quarantined) as usize);
        assert!((0..8).all(|at| self.g.entry(GrantRef(at)) == [0, 0]), "the toolstack's entries are touched");
    }

    fn step(&mut self, (kind, at, other): (u8, Index, Index)) {
        let side = other.index(2);
        let at_offer = (!self.offers.is_empty()).then(|| at.index(self.offers.len().max(1)));
        let at_out = at.index(self.out.len().max(1));
        match (kind, at_offer) {
            (0 | 1, _) => self.offer(side, None),
            (2..=4, _) => self.offer(side, Some(side)),
            (5 | 6, _) => self.peer_maps(at_out),
            (7 | 8, _) => self.peer_unmaps(at_out),
            (9, Some(at)) => self.end(at, None),
            (10..=12, Some(at)) => self.end(at, Some(side)),
            (13, Some(at)) => self.drop(at),
            (14, _) => self.poll(u32::try_from(other.index(4)).unwrap()),
            (15, _) => self.checkpoint(),
            (16, Some(at)) if other.index(4) == 0 => self.forget(at),
            (17, _) if other.index(3) == 0 => self.restore(u8::try_from(at.index(3)).unwrap()),
            (18, _) => drop(self.pools[side].reserve(at.index(6))),
            _ => {}
        }
    }
}

fn play(g: &Guest, steps: Vec<(u8, Index, Index)>) {
    let table = g.table();
    table.rebuild().unwrap();
    let mut world = World::new(g, &table);
    for step in steps {
        world.step(step);
        world.check();
    }
    settle(world);
}

/// When all peers have let go, everything comes back but what was forgotten.
fn settle(mut world: World<'_>) {
    (0..world.out.len()).for_each(|at| world.peer_unmaps(at));
    while !world.offers.is_empty() {
        world.end(0, None);
    }
    (0..ENTRIES).for_each(|_| world.poll(ENTRIES));
    let World { table, pools, forgotten, .. } = world;
    drop(pools);
    let free = ENTRIES - forgotten;
    assert_eq!(table.ledger(), Ledger { free, pooled: 0, in_use: forgotten, quarantined: 0 });
}

fn steps() -> impl Strategy<Value = Vec<(u8, Index, Index)>> {
    prop::collection::vec((0_u8..19, any::<Index>(), any::<Index>()), 0..if cfg!(miri) { 40 } else { 300 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn g01_g03_g12_g22_sequences_of_version_1(steps in steps()) {
        play(&guest(1, 8 + ENTRIES as usize), steps);
    }

    #[test]
    fn g01_g03_g07_g12_g22_sequences_of_version_2(steps in steps()) {
        play(&second(1, 1, 8 + ENTRIES as usize), steps);
    }
}
