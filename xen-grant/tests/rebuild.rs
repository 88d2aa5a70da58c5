//! The table at the start, in a new domain, and in the old one.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::std_instead_of_core,
    reason = "a panic fails the test; hosted"
)]

mod fake;

use fake::{guest, lent, page};
use xen_grant::{Flags, Ledger, Owner, Pool, Refusal, TableError, Version};
use xen_hypercall::op::grant_table::GrantStatus;
use xen_hypercall::{DomId, Errno, Gfn, GrantRef};

const PEER: DomId = DomId(5);

/// Entries that there is storage for where their number does not matter; under Miri few.
const SLOTS: usize = if cfg!(miri) { 16 } else { 2048 };

#[test]
fn the_highest_frame_is_mapped_first() {
    // Under Miri a table that reaches into its last frame, and no more.
    let (frames, slots) = if cfg!(miri) { (2, 516) } else { (3, 2048) };
    let g = guest(frames, slots);
    let table = g.table();
    assert_eq!(table.offer_read(page(1), PEER).unwrap_err().refusal, Refusal::NoRefs, "not yet mapped");
    assert_eq!(table.rebuild(), Ok(frames as usize));
    assert_eq!(*g.xen.placed.borrow(), (0..frames).rev().map(|at| (at, 100 + at)).collect::<Vec<_>>());
    let entries = slots.min(frames as usize * 512) - 8;
    assert_eq!(table.ledger().free as usize, entries);
    let last = (0..entries).map(|_| table.offer_read(page(7), PEER).unwrap()).last().unwrap();
    assert_eq!(g.entry(last.reference())[1], 7, "the last entry is in the last frame");
}

/// G21, G29: as many entries as Xen gave frames and the caller storage, whichever is less.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn g21_g29_the_table_is_as_large_as_its_smallest_part() {
    for (max, slots, frames, free) in [(2, 2048, 2, 1016), (8, 600, 4, 592), (1, 3, 1, 0), (8, 0, 4, 0)] {
        let g = guest(4, slots);
        g.xen.max.set(max);
        let table = g.table();
        assert_eq!((table.rebuild(), table.ledger().free), (Ok(frames), free));
    }
}

#[test]
fn a_hole_in_the_table_is_an_error() {
    let g = guest(3, SLOTS);
    let table = g.table();
    table.rebuild().unwrap();
    for fail in [0, 1] {
        g.xen.fail.set(Some(fail));
        let frame = u32::try_from(fail).unwrap();
        assert_eq!(table.rebuild(), Err(TableError::Frame(frame, Errno::EINVAL)));
        assert_eq!(table.ledger(), Ledger::default(), "nothing to give");
    }
    g.xen.max.set(0);
    assert_eq!(table.rebuild(), Err(TableError::Frame(0, Errno::EINVAL)));
}

/// G08: version 1 or none.
#[test]
fn g08_another_version_is_refused() {
    let g = guest(1, 512);
    let table = g.table();
    g.xen.refuse.set(Some((8, -16)));
    assert_eq!(table.rebuild(), Err(TableError::Version(Errno::EBUSY)));
    assert_eq!((table.version(), table.ledger()), (None, Ledger::default()));
    g.xen.refuse.set(Some((8, -38)));
    assert_eq!(table.rebuild(), Ok(1), "a Xen that knows no versions");
    assert_eq!(table.version(), Some(Version::V1));
}

/// G08: a version that changed under us is found, and what was made for the other layout touches nothing any more.
#[test]
fn g08_another_version_is_found_at_a_resume() {
    let g = guest(1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let offer = table.offer_write(page(1), PEER).unwrap();
    let aside = table.offer_write(page(2), PEER).unwrap();
    g.peer_maps(aside.reference(), Flags::WRITING);
    drop(aside);
    let mut pool: Pool<'_, _, 4> = table.account(Owner(1)).pool(PEER).unwrap();
    pool.reserve(4);
    g.xen.refuse.set(Some((10, -38)));
    assert_eq!(table.reconcile(), Ok(()), "a Xen that knows no versions");
    g.xen.refuse.set(None);
    let pooled = pool.offer_write(page(4)).unwrap();
    g.xen.version.set(2);
    assert_eq!(table.reconcile(), Err(TableError::Changed(2)));
    let before: Vec<_> = (0..512).map(|at| g.words(GrantRef(at))).collect();
    let (refused, pooled) = (offer.end().unwrap_err(), pool.end(pooled).unwrap_err());
    assert_eq!(pool.offer_read(page(3)).unwrap_err().refusal, Refusal::NoRefs);
    drop((refused, pooled));
    assert_eq!(table.offer_read(page(3), PEER).unwrap_err().refusal, Refusal::NoRefs);
    assert!(table.poll_quarantine(9).is_none());
    drop(pool);
    assert_eq!((0..512).map(|at| g.words(GrantRef(at))).collect::<Vec<_>>(), before);
    assert_eq!(table.ledger().quarantined, 3);
}

/// G12: none of the reserved eight, whatever the storage.
#[test]
fn g12_reserved_entries_are_never_given_out() {
    for slots in 0..12 {
        let g = guest(1, slots);
        let table = g.table();
        table.rebuild().unwrap();
        let all: Vec<_> = core::iter::from_fn(|| table.offer_read(lent(1), PEER).ok()).collect();
        let numbers: Vec<_> = all.iter().map(|offer| offer.reference().0 as usize).collect();
        assert_eq!(numbers, (8..slots).collect::<Vec<_>>());
        let mut pool: Pool<'_, _, 4> = table.account(Owner(1)).pool(PEER).unwrap();
        assert_eq!(pool.reserve(4), 0);
    }
}

/// G21: a Xen that says there are more frames than it has, or none, or does not say.
#[test]
fn g21_what_xen_says_of_its_size_is_no_promise() {
    for (said, memory, mapped) in [(u32::MAX, 2, 2), (0, 8, 1), (3, 8, 3), (2, 1, 1)] {
        let g = guest(4, SLOTS);
        g.xen.max.set(said.max(1));
        g.xen.memory.set(memory);
        if said == 0 {
            g.xen.max.set(0);
            assert_eq!(g.table().rebuild(), Err(TableError::Frame(0, Errno::EINVAL)));
        } else {
            assert_eq!(g.table().rebuild(), Ok(mapped));
        }
    }
    let g = guest(4, SLOTS);
    g.xen.refuse.set(Some((6, -1)));
    assert_eq!(g.table().rebuild(), Ok(4));
}

/// A table that begins small grows where it is told to, and is as large again in the next domain.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn a_table_grows() {
    let g = guest(4, 2048);
    let table = g.table().with_first(1);
    assert_eq!((table.rebuild(), table.ledger().free), (Ok(1), 504));
    let offers: Vec<_> = core::iter::from_fn(|| table.offer_read(lent(1), PEER).ok()).collect();
    assert_eq!((offers.len(), table.grow(1), table.grow(0)), (504, Ok(1), Ok(1)));
    g.xen.placed.borrow_mut().clear();
    assert_eq!((table.grow(3), table.ledger().free), (Ok(3), 1024));
    assert_eq!(*g.xen.placed.borrow(), [(2, 102), (1, 101)], "the highest first, and none twice");
    assert_eq!(table.offer_read(lent(1), PEER).unwrap().reference(), GrantRef(512));
    g.xen.fail.set(Some(3));
    assert_eq!((table.grow(9), table.ledger().total()), (Err(TableError::Frame(3, Errno::EINVAL)), 1528));
    drop(offers);
    g.new_domain();
    assert_eq!((table.rebuild(), table.ledger().free), (Ok(3), 1528));
    g.xen.max.set(2);
    g.new_domain();
    assert_eq!((table.rebuild(), table.ledger().free), (Ok(2), 1016));
    assert_eq!((table.grow(4), table.ledger().total()), (Ok(2), 1016));
}

/// A PV guest maps what Xen lists, as much as there is room for in the list.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn frames_are_listed_for_pv() {
    let g = guest(4, 2048);
    let table = g.table().with_first(2);
    let mut seen = vec![];
    let mut list = [0; 3];
    let mut map = |page: &xen_hypercall::SharedPage, frame| {
        seen.push((page.gfn().0, frame));
        Ok(())
    };
    assert_eq!(table.rebuild_listed(&mut list, &mut map), Ok(2));
    assert_eq!(table.grow_listed(4, &mut list, &mut map), Ok(3));
    assert_eq!((seen, table.ledger().free), (vec![(100, 0x1000), (101, 0x1001), (102, 0x1002)], 1528));
    let refuse = |_: &_, frame| if frame == 0x1001 { Err(Errno::ENOMEM) } else { Ok(()) };
    assert_eq!(table.rebuild_listed(&mut list, refuse), Err(TableError::Frame(1, Errno::ENOMEM)));
    g.xen.memory.set(1);
    let unlisted = TableError::List(GrantStatus::UNWRITTEN.into());
    assert_eq!(table.rebuild_listed(&mut list, |_, _| Ok(())), Err(unlisted));
    assert_eq!((unlisted.errno(), TableError::Frame(0, Errno::EIO).errno()), (None, Some(Errno::EIO)));
}

/// G22: a processor that is parked while it makes the table larger finds a new one, of which nothing that it mapped is a part.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn g22_a_table_is_made_anew_while_it_grows() {
    let g = guest(4, 2048);
    let table = g.table().with_first(1);
    let here = |_: &_, _| Ok(());
    assert_eq!(table.rebuild_listed(&mut [0; 4], here), Ok(1));
    let mut parked = false;
    let suspended = |_: &_, _| {
        if !core::mem::replace(&mut parked, true) {
            g.new_domain();
            table.rebuild_listed(&mut [0; 4], here).unwrap();
        }
        Ok(())
    };
    assert_eq!((table.grow_listed(3, &mut [0; 4], suspended), table.ledger().total()), (Ok(1), 504));
    assert_eq!((table.grow_listed(3, &mut [0; 4], here), table.ledger().total()), (Ok(3), 1528));
}

/// G12, G22: in a new domain every grant is void, the reserved entries are the toolstack's, and old guards touch nothing.
#[test]
fn g12_g22_a_new_domain_has_a_new_table() {
    let g = guest(1, 10);
    let table = g.table();
    table.rebuild().unwrap();
    let [one, two] = [1, 2].map(|gfn| table.offer_write(page(gfn), PEER).unwrap());
    g.peer_maps(one.reference(), Flags::WRITING);
    let epoch = one.epoch();
    g.new_domain();
    let new = g.epoch.now();
    g.peer_maps(GrantRef(1), Flags::PERMIT_ACCESS);
    table.rebuild().unwrap();
    assert_eq!([g.entry(GrantRef(1)), g.entry(GrantRef(8)), g.entry(GrantRef(9))], [[1, 0], [0, 0], [0, 0]]);
    let fresh = table.offer_write(page(3), PEER).unwrap();
    g.peer_maps(fresh.reference(), Flags::WRITING);
    assert_eq!((fresh.reference(), fresh.epoch()), (one.reference(), new));
    assert_ne!(epoch, new);
    assert_eq!(one.end().unwrap().gfn(), Gfn(1), "void, though a stranger's entry is mapped");
    drop(two);
    assert_eq!(table.ledger(), Ledger { free: 1, pooled: 0, in_use: 1, quarantined: 0 });
}

/// G01, G22: in the old domain a later epoch voids nothing, for the peer may have the page mapped as before.
#[test]
fn g01_g22_the_old_domain_keeps_its_grants() {
    let g = guest(1, 10);
    let table = g.table();
    table.rebuild().unwrap();
    let [one, two] = [1, 2].map(|gfn| table.offer_write(page(gfn), PEER).unwrap());
    g.peer_maps(one.reference(), Flags::WRITING);
    g.epoch.advance();
    table.reconcile().unwrap();
    let refused = one.end().unwrap_err();
    assert_eq!(two.end().unwrap().gfn(), Gfn(2));
    drop(refused);
    assert_eq!(table.ledger(), Ledger { free: 1, pooled: 0, in_use: 0, quarantined: 1 });
}

/// G01, G22: where the old domain is taken for a new one, what peers have mapped comes back to nobody, in whatever way.
#[test]
fn g01_g22_a_domain_taken_for_a_new_one() {
    let g = guest(1, 12);
    let table = g.table();
    table.rebuild().unwrap();
    let [kept, ended, dropped, free] = [1, 2, 3, 4].map(|gfn| table.offer_write(page(gfn), PEER).unwrap());
    let aside = kept.reference();
    [&kept, &ended, &dropped].into_iter().for_each(|offer| g.peer_maps(offer.reference(), Flags::WRITING));
    g.epoch.advance();
    table.rebuild().unwrap();
    assert_eq!(table.ledger(), Ledger { free: 1, pooled: 0, in_use: 0, quarantined: 3 });
    let refused = ended.end().unwrap_err();
    drop(dropped);
    assert_eq!(free.end().unwrap().gfn(), Gfn(4), "not mapped, and void");
    assert!(table.poll_quarantine(9).is_none());
    (8..12).for_each(|at| g.peer_unmaps(GrantRef(at)));
    assert!(table.poll_quarantine(9).is_none(), "the entries come back; the pages are with their guards");
    assert_eq!(refused.offer.end().unwrap().gfn(), Gfn(2));
    assert_eq!((kept.reference(), kept.end().unwrap().gfn()), (aside, Gfn(1)));
    assert_eq!(table.ledger(), Ledger { free: 4, pooled: 0, in_use: 0, quarantined: 0 });
}

/// G10, G22: what was in quarantine comes back in a new domain, though the table may be smaller there.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn g22_quarantine_is_void_in_a_new_domain() {
    let g = guest(2, 1024);
    let table = g.table();
    table.rebuild().unwrap();
    let offers: Vec<_> = (8..1024).map(|gfn| table.offer_write(lent(gfn), PEER).unwrap()).collect();
    for offer in offers.into_iter().filter(|offer| [8, 600].contains(&offer.reference().0)) {
        g.peer_maps(offer.reference(), Flags::WRITING);
    }
    assert_eq!(table.quarantined(), 2);
    g.xen.max.set(1);
    g.new_domain();
    g.xen.refuse.set(Some((8, -1)));
    table.rebuild().unwrap_err();
    assert!(table.poll_quarantine(9).is_none(), "without a table nothing is known");
    g.xen.refuse.set(None);
    assert_eq!((table.rebuild(), table.ledger().quarantined), (Ok(1), 2));
    let back: Vec<_> = core::iter::from_fn(|| table.poll_quarantine(1)).map(|page| page.gfn().0).collect();
    assert_eq!((back, table.ledger().free, table.ledger().total()), (vec![8, 600], 504, 504));
}

/// G10, G22: an entry in quarantine is not given out because the table grows over it.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn g10_g22_a_table_grows_over_its_quarantine() {
    let g = guest(2, 1024);
    let table = g.table();
    table.rebuild().unwrap();
    let offers: Vec<_> = (8..1024).map(|gfn| table.offer_write(lent(gfn), PEER).unwrap()).collect();
    for offer in offers.into_iter().filter(|offer| offer.reference() == GrantRef(600)) {
        g.peer_maps(offer.reference(), Flags::WRITING);
    }
    g.xen.max.set(1);
    g.new_domain();
    assert_eq!((table.rebuild(), table.ledger().quarantined), (Ok(1), 1));
    g.xen.max.set(2);
    assert_eq!(table.grow(2), Ok(2));
    assert_eq!(table.ledger(), Ledger { free: 1015, pooled: 0, in_use: 0, quarantined: 1 });
    assert_eq!(table.poll_quarantine(1).map(|page| page.gfn()), Some(Gfn(600)));
    assert_eq!(table.ledger(), Ledger { free: 1016, pooled: 0, in_use: 0, quarantined: 0 });
    let mut all: Vec<_> = (0..1016).map(|_| table.offer_read(lent(1), PEER).unwrap()).collect();
    assert!(table.offer_read(lent(1), PEER).is_err());
    all.sort_by_key(|offer| offer.reference().0);
    assert!(all.windows(2).all(|two| two[0].reference() != two[1].reference()), "each once");
}
