//! The table at the start, in a new domain, and in the old one.
#![allow(clippy::arithmetic_side_effects, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod fake;

use fake::{guest, page};
use xen_grant::{Flags, Ledger, Refusal, Table, TableError};
use xen_hypercall::{DomId, Errno, Gfn, GrantRef};

const PEER: DomId = DomId(5);

#[test]
fn the_highest_frame_is_mapped_first() {
    // Under Miri a table that reaches into its last frame, and no more.
    let (frames, slots) = if cfg!(miri) { (2, 516) } else { (3, 2048) };
    let g = guest(frames, slots);
    let table = Table::new(&g.xen, &g.epoch, &g.frames, &g.slots);
    assert_eq!(table.offer_read(page(1), PEER).unwrap_err().refusal, Refusal::NoRefs, "not yet mapped");
    assert_eq!(table.rebuild(), Ok(frames as usize));
    assert_eq!(*g.xen.mapped.borrow(), (0..frames).rev().map(|at| (at, 100 + at)).collect::<Vec<_>>());
    let entries = slots.min(frames as usize * 512) - 8;
    assert_eq!(table.ledger().free as usize, entries);
    let last = (0..entries).map(|_| table.offer_read(page(7), PEER).unwrap()).last().unwrap();
    assert_eq!(g.entry(last.reference())[1], 7, "the last entry is in the last frame");
}

/// G21, G29: as many entries as Xen gave frames and the caller storage, whichever is less.
#[test]
fn the_table_is_as_large_as_its_smallest_part() {
    for (max, slots, frames, free) in [(2, 2048, 2, 1016), (8, 600, 4, 592), (1, 3, 1, 0), (8, 0, 4, 0)] {
        let g = guest(4, slots);
        g.xen.max.set(max);
        let table = Table::new(&g.xen, &g.epoch, &g.frames, &g.slots);
        assert_eq!((table.rebuild(), table.ledger().free), (Ok(frames), free));
    }
}

#[test]
fn a_hole_in_the_table_is_an_error() {
    let g = guest(3, 2048);
    let table = Table::new(&g.xen, &g.epoch, &g.frames, &g.slots);
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
fn another_version_is_refused() {
    let g = guest(1, 512);
    let table = Table::new(&g.xen, &g.epoch, &g.frames, &g.slots);
    g.xen.version.set(-16);
    assert_eq!(table.rebuild(), Err(TableError::Version(Errno::EBUSY)));
    g.xen.version.set(-38);
    assert_eq!(table.rebuild(), Ok(1), "a Xen that knows no versions");
}

/// G12, G22: in a new domain every grant is void, the reserved entries are the toolstack's, and old guards touch nothing.
#[test]
fn a_new_domain_has_a_new_table() {
    let g = guest(1, 10);
    let table = Table::new(&g.xen, &g.epoch, &g.frames, &g.slots);
    table.rebuild().unwrap();
    let [one, two] = [1, 2].map(|gfn| table.offer_write(page(gfn), PEER).unwrap());
    g.peer_maps(one.reference(), Flags::WRITING);
    g.peer_maps(GrantRef(1), Flags::PERMIT_ACCESS);
    let epoch = one.epoch();
    let new = g.epoch.advance();
    table.rebuild().unwrap();
    assert_eq!([g.entry(GrantRef(1)), g.entry(GrantRef(8)), g.entry(GrantRef(9))], [[1, 0], [0, 0], [0, 0]]);
    let fresh = table.offer_write(page(3), PEER).unwrap();
    g.peer_maps(fresh.reference(), Flags::WRITING);
    assert_eq!((fresh.reference(), fresh.epoch()), (one.reference(), new));
    assert_ne!(epoch, new);
    assert_eq!(one.end().unwrap().gfn(), Gfn(1), "void, though a stranger's entry is mapped");
    drop(two);
    assert_eq!(table.ledger(), Ledger { free: 1, in_use: 1, quarantined: 0 });
}

/// G01, G22: in the old domain a later epoch voids nothing, for the peer may have the page mapped as before.
#[test]
fn the_old_domain_keeps_its_grants() {
    let g = guest(1, 10);
    let table = Table::new(&g.xen, &g.epoch, &g.frames, &g.slots);
    table.rebuild().unwrap();
    let [one, two] = [1, 2].map(|gfn| table.offer_write(page(gfn), PEER).unwrap());
    g.peer_maps(one.reference(), Flags::WRITING);
    g.epoch.advance();
    table.reconcile();
    let refused = one.end().unwrap_err();
    assert_eq!(two.end().unwrap().gfn(), Gfn(2));
    drop(refused);
    assert_eq!(table.ledger(), Ledger { free: 1, in_use: 0, quarantined: 1 });
}
