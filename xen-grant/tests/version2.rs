//! The table in version 2: what Xen says of an entry stands apart from what it allows.
#![allow(clippy::arithmetic_side_effects, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod fake;

use fake::{STATUS, guest, lent, page, second};
use xen_grant::{Flags, Ledger, Page, Refusal, TableError, Version};
use xen_hypercall::{DomId, Errno, Gfn, GrantRef};

const PEER: DomId = DomId(5);

fn ledger(free: u32, in_use: u32, quarantined: u32) -> Ledger {
    Ledger { free, pooled: 0, in_use, quarantined }
}

/// G21: all frames of the table, then those of the status words, each highest first.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn both_arrays_are_mapped() {
    let g = second(9, 2, 4096);
    g.xen.max.set(64);
    let table = g.table();
    assert_eq!((table.rebuild(), table.version()), (Ok(9), Some(Version::V2)));
    let shared = (0..9).rev().map(|at| (at, 100 + at));
    let expected: Vec<_> = shared.chain([(STATUS | 1, 201), (STATUS, 200)]).collect();
    assert_eq!(*g.xen.placed.borrow(), expected);
    assert_eq!(table.ledger().free, 9 * 256 - 8);
}

/// G29: no entry whose status has no place, or no slot.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn g29_entries_are_those_that_have_a_status() {
    let all = [(9, 2, 300, 292), (9, 1, 4096, 2040), (4, 3, 4096, 1016), (16, 2, 4096, 4088), (16, 1, 4096, 2040)];
    for (frames, status, slots, free) in all {
        let g = second(frames, status, slots);
        g.xen.max.set(64);
        let table = g.table();
        table.rebuild().unwrap();
        assert_eq!(table.ledger().free, free, "{frames} {status} {slots}");
        let all: Vec<_> = core::iter::from_fn(|| table.offer_read(lent(1), PEER).ok()).collect();
        let last = all.last().unwrap().reference();
        g.peer_maps(last, Flags::READING);
        assert_eq!((last.0, g.is_mapped(last)), (free + 7, true));
        drop(all);
        assert_eq!(table.ledger(), ledger(free - 1, 0, 1));
    }
}

/// Frames of any height.
#[test]
fn no_frame_is_too_high() {
    let g = second(1, 1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    let offer = table.offer_write(lent(0xAB_1234_5678), PEER).unwrap();
    assert_eq!(g.entry(offer.reference()), [0x0005_0001, 0x1234_5678]);
    let one = guest(1, 512);
    one.table().rebuild().unwrap();
    assert!(one.table().version().is_none(), "each table is its own");
}

/// G01, G02, G07: what is mapped does not come back; once the end was tried, the permit is gone.
#[test]
fn g01_g02_g07_a_mapped_page_does_not_come_back() {
    let g = second(1, 1, 512);
    let table = g.table();
    table.rebuild().unwrap();
    for flags in [Flags::READING, Flags::WRITING, Flags::READING | Flags::WRITING] {
        let offer = table.offer_write(page(0x77), PEER).unwrap();
        let reference = offer.reference();
        g.peer_maps(reference, flags);
        let refused = offer.end().unwrap_err();
        assert_eq!((g.entry(reference)[0], g.is_mapped(reference)), (0, true));
        let refused = refused.offer.end().unwrap_err();
        g.peer_unmaps(reference);
        assert_eq!(refused.offer.end().unwrap().gfn(), Gfn(0x77));
    }
    assert_eq!(table.ledger(), ledger(248, 0, 0));
}

/// G03, G10: quarantine, its cap and its way back are those of version 1.
#[test]
fn g03_g10_quarantine() {
    let g = second(1, 1, 512);
    let table = g.table().with_cap(2);
    table.rebuild().unwrap();
    for gfn in [1, 2] {
        let offer = table.offer_write(page(gfn), PEER).unwrap();
        g.peer_maps(offer.reference(), Flags::WRITING);
    }
    assert_eq!(table.offer_read(page(3), PEER).unwrap_err().refusal, Refusal::Distrusted(PEER));
    assert!(table.poll_quarantine(9).is_none());
    let held: Vec<GrantRef> = table.holdings().map(|held| held.reference).collect();
    held.iter().for_each(|reference| g.peer_unmaps(*reference));
    for gfn in [1, 2] {
        assert!(matches!(table.poll_quarantine(1), Some(Page::Shared(page)) if page.gfn() == Gfn(gfn)));
    }
    assert_eq!(table.ledger(), ledger(248, 0, 0));
}

/// G08: where version 2 is refused, the table is of version 1, and asks again in the next domain.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn g08_version_2_may_be_refused() {
    let g = second(2, 1, 1024);
    g.xen.highest.set(1);
    let table = g.table();
    assert_eq!((table.rebuild(), table.version(), table.ledger().free), (Ok(2), Some(Version::V1), 1016));
    assert_eq!(*g.xen.placed.borrow(), [(1, 101), (0, 100)], "no status words");
    let old = table.offer_read(page(1), PEER).unwrap();
    assert_eq!(g.words(old.reference()), [0x0005_0005, 1]);
    g.new_domain();
    g.xen.highest.set(2);
    assert_eq!((table.rebuild(), table.version(), table.ledger().free), (Ok(2), Some(Version::V2), 504));
    assert_eq!(old.end().unwrap().gfn(), Gfn(1));
    g.new_domain();
    g.xen.highest.set(1);
    assert_eq!((table.rebuild(), table.version(), table.ledger().free), (Ok(2), Some(Version::V1), 1016));
}

/// G08: an answer that is no refusal of the version is no reason to go on with another.
#[test]
fn g08_entries_in_use_forbid_another_version() {
    for (raw, expected) in [
        (-16, Err(TableError::Version(Errno::EBUSY))),
        (-12, Err(TableError::Version(Errno::ENOMEM))),
        (-38, Ok(1)),
        (-1, Err(TableError::Version(Errno::EPERM))),
    ] {
        let g = second(1, 1, 512);
        // The command that sets a version is refused whatever the version.
        g.xen.refuse.set(Some((8, raw)));
        assert_eq!(g.table().rebuild(), expected, "{raw}");
    }
}

#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn a_status_frame_that_is_not_to_be_had() {
    let g = second(9, 2, 4096);
    g.xen.max.set(64);
    let table = g.table();
    g.xen.fail.set(Some(STATUS | 1));
    assert_eq!((table.rebuild(), table.ledger().free), (Ok(9), 2040), "fewer entries");
    g.xen.fail.set(Some(STATUS));
    assert_eq!(table.rebuild(), Err(TableError::StatusFrame(0, Errno::EINVAL)));
    assert_eq!((table.version(), table.ledger()), (None, Ledger::default()));
}

#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn the_status_words_grow_with_the_table() {
    let g = second(20, 3, 8192);
    g.xen.max.set(64);
    let table = g.table().with_first(8);
    assert_eq!((table.rebuild(), table.ledger().free), (Ok(8), 2040));
    g.xen.placed.borrow_mut().clear();
    assert_eq!((table.grow(10), table.ledger().free), (Ok(10), 2552));
    assert_eq!(*g.xen.placed.borrow(), [(9, 109), (8, 108), (STATUS | 1, 201)]);
    g.xen.placed.borrow_mut().clear();
    assert_eq!((table.grow(12), table.grow(99), table.ledger().free), (Ok(12), Ok(20), 5112));
    assert_eq!(g.xen.placed.borrow().len(), 2 + 8 + 1);
}

/// A PV guest is told of both arrays.
#[test]
#[cfg_attr(
    miri,
    ignore = "a table of a thousand entries takes Miri a quarter of an hour; the small ones go the same ways"
)]
fn status_frames_are_listed_for_pv() {
    let g = second(9, 2, 4096);
    g.xen.max.set(64);
    let table = g.table();
    let mut seen = vec![];
    let map = |page: &xen_hypercall::SharedPage, frame| {
        seen.push((page.gfn().0, frame));
        Ok(())
    };
    assert_eq!(table.rebuild_listed(&mut [0; 16], map), Ok(9));
    let shared = (0..9).map(|at| (100 + at, 0x1000 + at));
    let status = (0..2).map(|at| (200 + at, 0x1000 + STATUS + at));
    assert_eq!((seen, table.ledger().free), (shared.chain(status).collect(), 2296));
}

/// G22, G01: a new domain, and the old one taken for one.
#[test]
fn g01_g22_resumes() {
    let g = second(1, 1, 12);
    let table = g.table();
    table.rebuild().unwrap();
    let [one, two] = [1, 2].map(|gfn| table.offer_write(page(gfn), PEER).unwrap());
    g.peer_maps(one.reference(), Flags::WRITING);
    g.epoch.advance();
    table.rebuild().unwrap();
    assert_eq!(table.ledger(), ledger(3, 0, 1));
    let one = one.end().unwrap_err().offer;
    assert_eq!(two.end().unwrap().gfn(), Gfn(2));
    g.new_domain();
    table.rebuild().unwrap();
    assert_eq!((one.end().unwrap().gfn(), table.ledger()), (Gfn(1), ledger(4, 0, 0)));
}
