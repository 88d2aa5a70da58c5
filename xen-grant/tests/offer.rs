//! A page is offered, and comes back when the peer has let go, never before.
#![allow(clippy::arithmetic_side_effects, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod fake;

use std::cell::Cell;

use fake::{guest, lent, page};
use proptest::prelude::*;
use xen_grant::{Flags, Hold, Holding, Ledger, Offer, Owner, Page, Refusal, Write};
use xen_hypercall::{DomId, Gfn, GrantRef, IrqGate};

const PEER: DomId = DomId(5);
const OTHER: DomId = DomId(6);

fn ledger(free: u32, in_use: u32, quarantined: u32) -> Ledger {
    Ledger { free, pooled: 0, in_use, quarantined }
}

/// G28: reading alone where reading is enough.
#[test]
fn g28_an_entry_says_who_what_and_how() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let read = table.offer_read(page(0x77), PEER).unwrap();
    let write = table.offer_write(page(0x78), OTHER).unwrap();
    assert_eq!([read.reference(), write.reference()], [GrantRef(8), GrantRef(9)]);
    assert_eq!(g.entry(GrantRef(8)), [0x0005_0005, 0x77]);
    assert_eq!(g.entry(GrantRef(9)), [0x0006_0001, 0x78]);
    assert_eq!(table.ledger(), ledger(502, 2, 0));
    assert_eq!(read.end().unwrap().gfn(), Gfn(0x77));
    assert_eq!(g.entry(GrantRef(8))[0], 0);
}

/// G01, G02: while the peer has it mapped the page stays away; afterwards it comes.
#[test]
fn g01_g02_a_mapped_page_does_not_come_back() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    for flags in [Flags::READING, Flags::WRITING, Flags::READING | Flags::WRITING] {
        let offer = table.offer_write(page(0x77), PEER).unwrap();
        let reference = offer.reference();
        g.peer_maps(reference, flags);
        let before = g.entry(reference);
        let refused = offer.end().unwrap_err();
        assert_eq!(g.entry(reference), before, "the entry is as it was");
        assert!(refused.to_string().ends_with("mapped"));
        g.peer_unmaps(reference);
        assert_eq!(refused.offer.end().unwrap().gfn(), Gfn(0x77));
    }
    assert_eq!(table.ledger(), ledger(504, 0, 0));
}

/// G03: what is dropped while mapped is set aside, its entry never given out before the peer lets go.
#[test]
fn g03_dropping_a_mapped_page_sets_it_aside() {
    let g = guest(1, 10);
    let table = g.table();
    table.rebuild().unwrap();
    drop(table.offer_read(page(1), PEER).unwrap());
    assert_eq!(table.ledger(), ledger(2, 0, 0), "not mapped: ended");
    let offer = table.offer_read(page(1), PEER).unwrap();
    let reference = offer.reference();
    g.peer_maps(reference, Flags::READING);
    drop(offer);
    assert!(table.poll_quarantine(9).is_none());
    assert_eq!(table.ledger(), ledger(1, 0, 1));
    let neighbour = table.offer_read(page(2), PEER).unwrap();
    assert_ne!(neighbour.reference(), reference);
    g.peer_unmaps(reference);
    assert!(table.poll_quarantine(0).is_none(), "no budget, no look");
    table.reconcile().unwrap();
    assert!(
        matches!(table.poll_quarantine(1), Some(Page::Shared(page)) if page.gfn() == Gfn(1)),
        "the page that was dropped"
    );
    assert_eq!(table.ledger(), ledger(1, 1, 0));
    assert!(table.poll_quarantine(9).is_none());
}

/// G09, G24: a refusal hands the page back and takes no entry.
#[test]
fn g09_g24_a_refusal_hands_the_page_back() {
    let g = guest(1, 9);
    let table = g.table();
    table.rebuild().unwrap();
    for domain in [DomId(0x7FF0), DomId(0x7FF4), DomId(0xFFFF)] {
        let refused = table.offer_read(page(3), domain).unwrap_err();
        assert_eq!((refused.page.gfn(), refused.refusal), (Gfn(3), Refusal::NotAPeer(domain)));
    }
    let high = Gfn(1 << 32);
    assert_eq!(table.offer_read(page(high.0), PEER).unwrap_err().refusal, Refusal::TooHigh(high));
    let last = table.offer_read(page(u64::from(u32::MAX)), DomId(0x7FEF)).unwrap();
    let refused = table.offer_write(page(3), PEER).unwrap_err();
    assert_eq!((refused.page.gfn(), refused.refusal), (Gfn(3), Refusal::NoRefs));
    drop(last);
    assert!(table.offer_write(refused.page, PEER).is_ok());
}

/// G10: a peer that pins all it gets gets no more; others do.
#[test]
fn g10_a_peer_that_lets_nothing_go_gets_no_more() {
    let g = guest(1, 512);
    let table = g.table().with_cap(3);
    table.rebuild().unwrap();
    let pin = |peer| {
        let offer = table.offer_write(page(1), peer).unwrap();
        g.peer_maps(offer.reference(), Flags::WRITING);
        offer.reference()
    };
    let pinned = [pin(OTHER), pin(PEER), pin(PEER), pin(PEER)];
    assert_eq!(table.quarantined(), 4);
    assert_eq!(table.offer_read(page(2), PEER).unwrap_err().refusal, Refusal::Distrusted(PEER));
    assert!(table.offer_read(page(2), OTHER).is_ok());
    g.peer_unmaps(pinned[1]);
    assert!(table.poll_quarantine(9).is_some());
    assert!(table.offer_read(page(2), PEER).is_ok());
}

/// G10: in all, too; but those who let go are not punished for others.
#[test]
fn g10_the_total_is_capped_for_those_who_have_a_part_in_it() {
    let g = guest(1, 512);
    let table = g.table().with_cap(3).with_total_cap(4);
    table.rebuild().unwrap();
    for peer in [PEER, PEER, OTHER, OTHER] {
        let offer = table.offer_write(page(1), peer).unwrap();
        g.peer_maps(offer.reference(), Flags::WRITING);
    }
    for peer in [PEER, OTHER] {
        assert_eq!(table.offer_read(page(2), peer).unwrap_err().refusal, Refusal::Distrusted(peer));
    }
    assert!(table.offer_read(page(2), DomId(7)).is_ok());
}

/// One look an entry, and the next time another one: a peer that holds on keeps nobody's page back.
#[test]
fn quarantine_is_looked_through_in_turn() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let references = [1, 2, 3].map(|gfn| {
        let offer = table.offer_read(lent(gfn), PEER).unwrap();
        g.peer_maps(offer.reference(), Flags::READING);
        offer.reference()
    });
    g.peer_unmaps(references[2]);
    assert!(table.poll_quarantine(2).is_none());
    assert!(matches!(table.poll_quarantine(1), Some(Page::Lent(page)) if page.gfn() == Gfn(3)));
    g.peer_unmaps(references[0]);
    g.peer_unmaps(references[1]);
    let back: Vec<_> = core::iter::from_fn(|| table.poll_quarantine(1)).map(|page| page.gfn().0).collect();
    assert_eq!((back, table.ledger()), (vec![1, 2], ledger(504, 0, 0)));
}

/// What is offered in whose name, guarded, forgotten and set aside; and nothing of others'.
#[test]
fn an_owner_is_told_what_it_holds() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let (disk, net) = (table.account(Owner(7)), table.account(Owner(8)));
    let (kept, forgotten) = (disk.offer_write(page(1), PEER).unwrap(), disk.offer_read(page(2), OTHER).unwrap());
    let set_aside = net.offer_read(lent(3), PEER).unwrap();
    assert_eq!((kept.owner(), kept.peer(), set_aside.page().gfn()), (Owner(7), PEER, Gfn(3)));
    g.peer_maps(set_aside.reference(), Flags::READING);
    drop(set_aside);
    core::mem::forget(forgotten);
    let held: Vec<Holding> = table.holdings().collect();
    let holding = |at, owner, peer, hold| Holding { reference: GrantRef(at), owner: Owner(owner), peer, hold };
    let expected = [
        holding(8, 7, PEER, Hold::Guarded),
        holding(9, 7, OTHER, Hold::Guarded),
        holding(10, 8, PEER, Hold::Quarantined),
    ];
    assert_eq!(held, expected);
    assert_eq!((disk.ledger(), net.ledger()), (ledger(0, 2, 0), ledger(0, 0, 1)));
    kept.end().unwrap();
    assert_eq!((disk.ledger().total(), table.ledger()), (1, ledger(502, 1, 1)));
}

#[derive(Default)]
struct Gate(Cell<u32>, Cell<u32>);

impl IrqGate for Gate {
    type Saved = ();

    fn off(&self) {
        assert_eq!(self.0.replace(1), 0, "one section at a time");
        self.1.set(self.1.get() + 1);
    }

    fn restore(&self, (): ()) {
        assert_eq!(self.0.replace(0), 1);
    }
}

#[test]
fn every_change_is_one_section_of_the_gate() {
    let (g, gate) = (guest(1, 512), Gate::default());
    let table = g.table().with_gate(&gate);
    table.rebuild().unwrap();
    gate.1.set(0);
    let [one, two] = [1, 2].map(|gfn| table.offer_read(page(gfn), PEER).unwrap());
    one.end().unwrap();
    drop(two);
    assert_eq!((gate.0.get(), gate.1.get()), (0, 4));
}

proptest! {
    /// G05, G12: whatever is offered, mapped, unmapped, ended and dropped, in any order: the ledger adds up, no
    /// entry has two owners, none of the reserved eight is touched, and no page comes back mapped.
    #[test]
    fn g05_g12_no_entry_is_lost_or_shared(steps in prop::collection::vec((0_u8..6, any::<prop::sample::Index>()), 0..200)) {
        let g = guest(1, 24);
        let table = g.table();
        table.rebuild().unwrap();
        let mut offers: Vec<Offer<'_, Write>> = vec![];
        for (step, at) in steps {
            let at = if offers.is_empty() { None } else { Some(at.index(offers.len())) };
            match (step, at) {
                (0 | 1, _) => offers.extend(table.offer_write(page(1), PEER)),
                (2, Some(at)) => g.peer_maps(offers[at].reference(), Flags::WRITING),
                (3, Some(at)) => g.peer_unmaps(offers[at].reference()),
                (4, Some(at)) => {
                    let mapped = g.entry(offers[at].reference())[0] & 0x10 != 0;
                    let ended = offers.remove(at).end();
                    prop_assert_eq!(ended.is_err(), mapped);
                    offers.extend(ended.err().map(|refused| refused.offer));
                }
                (5, Some(at)) => drop(offers.remove(at)),
                _ => {
                    let back = table.poll_quarantine(1);
                    prop_assert_eq!(back.is_some_and(|page| page.gfn() != Gfn(1)), false);
                }
            }
            let ledger = table.ledger();
            prop_assert_eq!(ledger.total(), 16);
            prop_assert_eq!(usize::try_from(ledger.in_use).unwrap(), offers.len());
            let owned: std::collections::BTreeSet<_> = offers.iter().map(|offer| offer.reference()).collect();
            prop_assert_eq!(owned.len(), offers.len());
            prop_assert!((0..8).all(|at| g.entry(GrantRef(at)) == [0, 0]));
        }
    }
}
