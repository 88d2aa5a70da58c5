//! Entries that one queue has for itself.
#![allow(clippy::arithmetic_side_effects, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod fake;

use std::cell::Cell;
use std::rc::Rc;

use fake::{Guest, Xen, guest, lent, page, second};
use xen_grant::{Flags, Ledger, Offer, OfferError, Owner, Page, Pool, Read, Refusal, StillMapped, Table, Write};
use xen_hypercall::{DomId, Gfn, GrantRef, IrqGate, LentPage};

const PEER: DomId = DomId(5);
const OTHER: DomId = DomId(6);

fn ledger(free: u32, pooled: u32, in_use: u32, quarantined: u32) -> Ledger {
    Ledger { free, pooled, in_use, quarantined }
}

fn pool<'t, const N: usize>(table: &'t Table<'_, &Xen>) -> Pool<'t, xen_hypercall::NoGate, N> {
    table.account(Owner(7)).pool(PEER).unwrap()
}

/// As the table's own: who, what, how; in either version.
#[test]
fn g28_a_pool_offers_as_the_table_does() {
    for g in [guest(1, 512), second(2, 1, 512)] {
        let table = g.table();
        table.rebuild().unwrap();
        let mut pool: Pool<'_, _, 8> = pool(&table);
        let (read, write) = (pool.offer_read(page(0x77)).unwrap(), pool.offer_write(lent(0x78)).unwrap());
        assert_eq!(g.entry(read.reference()), [0x0005_0005, 0x77]);
        assert_eq!(g.entry(write.reference()), [0x0005_0001, 0x78]);
        assert_eq!((read.owner(), read.peer(), write.page().gfn()), (Owner(7), PEER, Gfn(0x78)));
        assert_eq!(pool.end(read).unwrap().gfn(), Gfn(0x77));
        assert_eq!(write.end().unwrap().gfn(), Gfn(0x78));
        assert_eq!([8, 9, 10, 11].map(|at| g.entry(GrantRef(at))[0]), [0; 4]);
        drop(pool);
        assert_eq!(table.ledger(), ledger(504, 0, 0, 0));
    }
}

/// G05: within a pool the last one comes first; across pools and refills the one unused for the longest time does.
#[test]
fn g05_numbers_come_back_late_to_others() {
    let g = guest(1, 24);
    let table = g.table();
    table.rebuild().unwrap();
    let mut pool: Pool<'_, _, 4> = pool(&table);
    let first = pool.offer_read(lent(1)).unwrap();
    let again = first.reference();
    assert_eq!((again, pool.len()), (GrantRef(8), 1));
    pool.end(first).unwrap();
    assert_eq!(pool.offer_read(lent(1)).unwrap().reference(), again, "by the same peer");
    // That one was dropped, so the table has it, behind all others.
    let offers: Vec<_> = (0..15).map(|_| pool.offer_read(lent(1)).unwrap()).collect();
    let numbers: Vec<_> = offers.iter().map(|offer| offer.reference().0).collect();
    assert_eq!(numbers, (9..24).collect::<Vec<_>>());
    // More than fit: the older half goes to the table, in its order.
    for offer in offers {
        pool.end(offer).unwrap();
    }
    assert_eq!(table.ledger(), ledger(13, 3, 0, 0));
    let theirs = table.offer_read(lent(2), OTHER).unwrap();
    assert_eq!(theirs.reference(), GrantRef(8));
    assert_eq!(table.offer_read(lent(2), OTHER).unwrap().reference(), GrantRef(9));
}

#[test]
fn a_pool_reserves_and_gives_back() {
    let g = guest(1, 14);
    let table = g.table();
    table.rebuild().unwrap();
    let mut one: Pool<'_, _, 4> = pool(&table);
    let mut two: Pool<'_, _, 4> = pool(&table);
    assert_eq!((one.is_empty(), one.reserve(3), one.reserve(2), two.reserve(usize::MAX)), (true, 3, 3, 3));
    assert_eq!((one.peer(), one.owner(), two.is_empty()), (PEER, Owner(7), false));
    assert_eq!(table.ledger(), ledger(0, 6, 0, 0));
    assert_eq!(table.offer_read(lent(1), PEER).unwrap_err().refusal, Refusal::NoRefs);
    drop(one);
    assert!(table.offer_read(lent(1), PEER).is_ok());
    // Forgotten, its entries are told of, but not to be had.
    core::mem::forget(two);
    assert_eq!((table.ledger(), table.account(Owner(7)).ledger().pooled), (ledger(3, 3, 0, 0), 3));
}

/// G09, G24: a refusal hands the page back and costs no entry.
#[test]
fn g09_g24_a_refusal_hands_the_page_back() {
    let g = guest(1, 9);
    let table = g.table();
    table.rebuild().unwrap();
    let nobody = table.account(Owner(7)).pool::<4>(DomId(0x7FF0)).map(drop);
    assert_eq!(nobody, Err(Refusal::NotAPeer(DomId(0x7FF0))));
    let mut pool: Pool<'_, _, 4> = pool(&table);
    let OfferError { page, refusal } = pool.offer_read(lent(1 << 32)).unwrap_err();
    assert_eq!((page.gfn(), refusal), (Gfn(1 << 32), Refusal::TooHigh(Gfn(1 << 32))));
    let last = pool.offer_read(lent(1)).unwrap();
    let OfferError { page, refusal } = pool.offer_write(lent(2)).unwrap_err();
    assert_eq!((page.gfn(), refusal), (Gfn(2), Refusal::NoRefs));
    pool.end(last).unwrap();
    assert!(pool.offer_write(page).is_ok());
}

/// G01, G10: a peer that holds on costs its own queue the entry, and at last the right to get more.
#[test]
fn g01_g10_what_the_peer_keeps_is_set_aside() {
    let g = guest(1, 512);
    let table = g.table().with_cap(2);
    table.rebuild().unwrap();
    let (mut theirs, mut others): (Pool<'_, _, 4>, Pool<'_, _, 4>) =
        (pool(&table), table.account(Owner(8)).pool(OTHER).unwrap());
    for gfn in [1, 2] {
        let offer = theirs.offer_write(lent(gfn)).unwrap();
        g.peer_maps(offer.reference(), Flags::WRITING);
        let refused = theirs.end(offer).unwrap_err();
        assert_eq!(g.entry(refused.offer.reference())[0], 0x0005_0011, "as it was");
    }
    assert_eq!(theirs.offer_read(lent(3)).unwrap_err().refusal, Refusal::Distrusted(PEER));
    assert!(others.offer_read(lent(3)).is_ok());
    assert_eq!(table.ledger().quarantined, 2);
    let held: Vec<_> = table.holdings().map(|held| held.reference).collect();
    g.peer_unmaps(held[1]);
    assert!(matches!(table.poll_quarantine(2), Some(Page::Lent(page)) if page.gfn() == Gfn(2)));
    assert!(theirs.offer_read(lent(3)).is_ok());
}

/// Offers end where they like: by another pool, by the table, after the pool; entries of others' peers go to the table.
#[test]
fn an_offer_ends_anywhere() {
    let (g, h) = (guest(1, 40), guest(1, 40));
    let (table, foreign) = (g.table(), h.table());
    table.rebuild().unwrap();
    foreign.rebuild().unwrap();
    let (mut one, mut two): (Pool<'_, _, 4>, Pool<'_, _, 4>) = (pool(&table), pool(&table));
    let mut others: Pool<'_, _, 4> = table.account(Owner(8)).pool(OTHER).unwrap();
    let mut elsewhere: Pool<'_, _, 4> = pool(&foreign);
    let offers: Vec<Offer<'_, Read, _, LentPage>> = (0..4).map(|_| one.offer_read(lent(1)).unwrap()).collect();
    drop(one);
    let [a, b, c, d] = <[_; 4]>::try_from(offers).unwrap();
    two.end(a).unwrap();
    others.end(b).unwrap();
    elsewhere.end(c).unwrap();
    let of_table = table.offer_write(lent(1), PEER).unwrap();
    two.end(of_table).unwrap();
    assert_eq!((two.len(), others.len(), elsewhere.len()), (2, 0, 0));
    assert_eq!((table.ledger(), foreign.ledger()), (ledger(29, 2, 1, 0), ledger(32, 0, 0, 0)));
    d.end().unwrap();
}

/// G22: in a new domain a pool's entries are the table's again, and its old offers void; in a smaller table, too.
#[test]
fn g22_a_pool_of_the_old_domain_is_empty() {
    let g = guest(2, 1024);
    let table = g.table();
    table.rebuild().unwrap();
    let mut pool: Pool<'_, _, 8> = pool(&table);
    let all: Vec<Offer<'_, Write, _, LentPage>> = core::iter::from_fn(|| pool.offer_write(lent(1)).ok()).collect();
    assert_eq!(all.len(), 1016);
    for (at, offer) in all.into_iter().enumerate() {
        if at > 500 && at < 1000 {
            pool.end(offer).unwrap();
        } else {
            core::mem::forget(offer);
        }
    }
    let old = pool.offer_write(lent(2)).unwrap();
    assert!(!pool.is_empty());
    g.xen.max.set(1);
    g.new_domain();
    table.rebuild().unwrap();
    assert!(pool.is_empty());
    assert_eq!(pool.end(old).unwrap().gfn(), Gfn(2), "void");
    let fresh = pool.offer_write(lent(3)).unwrap();
    assert_eq!((fresh.epoch(), table.ledger()), (g.epoch.now(), ledger(500, 3, 1, 0)));
    drop(pool);
    assert_eq!(table.ledger(), ledger(503, 0, 1, 0));
}

/// G22: an old offer ends nothing of a new one by the same entry, and tells what it was.
#[test]
fn g22_an_old_offer_is_told_from_a_new_one() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let mut pool: Pool<'_, _, 4> = pool(&table);
    let (old, before) = (pool.offer_write(lent(1)).unwrap(), g.epoch.now());
    g.new_domain();
    table.rebuild().unwrap();
    let fresh = pool.offer_write(lent(2)).unwrap();
    assert_eq!((fresh.reference(), pool.len()), (old.reference(), 1));
    assert_eq!((old.owner(), old.peer(), old.epoch()), (Owner(7), PEER, before));
    assert_ne!(before, fresh.epoch());
    assert_eq!(pool.end(old).unwrap().gfn(), Gfn(1));
    assert_eq!((g.entry(fresh.reference()), pool.len()), ([0x0005_0001, 2], 1));
    assert_eq!(pool.end(fresh).unwrap().gfn(), Gfn(2));
    assert_eq!(table.ledger(), ledger(502, 2, 0, 0));
}

/// In the old domain it goes on as before.
#[test]
fn a_pool_outlives_a_checkpoint() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let mut pool: Pool<'_, _, 8> = pool(&table);
    let offer = pool.offer_write(lent(2)).unwrap();
    g.epoch.advance();
    table.reconcile().unwrap();
    assert_eq!(pool.len(), 3);
    pool.end(offer).unwrap();
    assert_eq!((pool.len(), table.ledger()), (4, ledger(500, 4, 0, 0)));
}

/// G01: what the peer did not let go once ends here later, and its entry is the pool's like any other.
#[test]
fn g01_a_page_is_let_go_late() {
    for g in [guest(1, 512), second(2, 1, 512)] {
        let table = g.table();
        table.rebuild().unwrap();
        let mut pool: Pool<'_, _, 8> = pool(&table);
        let offer = pool.offer_write(lent(2)).unwrap();
        let reference = offer.reference();
        g.peer_maps(reference, Flags::READING);
        let StillMapped { offer } = pool.end(offer).unwrap_err();
        assert_eq!((pool.len(), table.ledger()), (3, ledger(500, 3, 1, 0)));
        g.peer_unmaps(reference);
        assert_eq!(pool.end(offer).unwrap().gfn(), Gfn(2));
        assert_eq!((pool.len(), table.ledger()), (4, ledger(500, 4, 0, 0)));
        assert_eq!(pool.offer_write(lent(3)).unwrap().reference(), reference);
    }
}

/// In another epoch of the same domain a pool offers in that one.
#[test]
fn a_pool_offers_in_the_epoch_that_is() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let mut pool: Pool<'_, _, 8> = pool(&table);
    let before = pool.offer_write(lent(2)).unwrap();
    g.epoch.advance();
    table.reconcile().unwrap();
    let after = pool.offer_write(lent(3)).unwrap();
    assert_eq!(after.epoch(), g.epoch.now());
    assert_ne!(after.epoch(), before.epoch());
}

#[derive(Clone, Default)]
struct Gate(Rc<Cell<(u32, u32)>>);

impl IrqGate for Gate {
    type Saved = ();

    fn off(&self) {
        let (on, sections) = self.0.get();
        assert_eq!(on, 0, "one section at a time");
        self.0.set((1, sections + 1));
    }

    fn restore(&self, (): ()) {
        let (on, sections) = self.0.get();
        self.0.set((on - 1, sections));
    }
}

#[test]
fn every_use_is_one_section_of_the_gate() {
    let (g, gate): (Guest, _) = (guest(1, 512), Gate::default());
    let table = g.table().with_gate(gate.clone());
    table.rebuild().unwrap();
    let sections = |act: &mut dyn FnMut()| {
        gate.0.set((0, 0));
        act();
        assert_eq!(gate.0.get().0, 0);
        gate.0.get().1
    };
    let mut pool = Some(table.account(Owner(1)).pool::<4>(PEER).unwrap());
    let mut offer = None;
    assert_eq!(sections(&mut || offer = pool.as_mut().unwrap().offer_read(lent(1)).ok()), 1);
    assert_eq!(sections(&mut || drop(pool.as_mut().unwrap().end(offer.take().unwrap()))), 1);
    assert_eq!(sections(&mut || offer = pool.as_mut().unwrap().offer_read(lent(1)).ok()), 1);
    g.peer_maps(offer.as_ref().unwrap().reference(), Flags::READING);
    assert_eq!(sections(&mut || drop(offer.take())), 1);
    assert_eq!(sections(&mut || assert!(table.poll_quarantine(1).is_none())), 1);
    assert_eq!(sections(&mut || drop(pool.take())), 1);
}
