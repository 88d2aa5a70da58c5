//! Peers and hosts that are not as they should be: each bad input beside one that is accepted.
#![allow(clippy::arithmetic_side_effects, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod fake;

use fake::{guest, lent, page, second};
use xen_grant::{Flags, Ledger, TableError};
use xen_hypercall::{DomId, Errno, Gfn, GrantRef};

const PEER: DomId = DomId(5);

/// G01, G22: the old domain is taken for a new one, and the table is not made: no page comes back before it is known who has it.
#[test]
fn g01_g22_without_a_table_no_page_comes_back() {
    for g in [guest(1, 12), second(1, 1, 12)] {
        let table = g.table();
        table.rebuild().unwrap();
        let [mapped, dropped, free] = [1, 2, 3].map(|gfn| table.offer_write(page(gfn), PEER).unwrap());
        g.peer_maps(mapped.reference(), Flags::WRITING);
        g.peer_maps(dropped.reference(), Flags::WRITING);
        g.epoch.advance();
        g.xen.refuse.set(Some((8, -9999)));
        assert_eq!(table.rebuild(), Err(TableError::Version(Errno::of(9999))));
        let [mapped, free] = [mapped, free].map(|offer| offer.end().unwrap_err().offer);
        drop(dropped);
        g.xen.refuse.set(None);
        table.rebuild().unwrap();
        let mapped = mapped.end().unwrap_err().offer;
        assert_eq!(free.end().unwrap().gfn(), Gfn(3), "the neighbour, which nobody has");
        g.peer_unmaps(mapped.reference());
        assert!(table.poll_quarantine(9).is_none(), "the entry is free, the page with its guard");
        assert_eq!(mapped.end().unwrap().gfn(), Gfn(1));
        assert_eq!(table.ledger(), Ledger { free: 3, pooled: 0, in_use: 0, quarantined: 1 });
    }
}

/// G01, G22: the same with a table that had grown: it is as large as it was after an attempt that failed, so that what peers have
/// mapped beyond its first frame is seen.
#[test]
fn g01_g22_a_table_that_had_grown_is_as_large_again() {
    let g = guest(2, 1024);
    let table = g.table().with_first(1);
    assert_eq!((table.rebuild(), table.grow(2)), (Ok(1), Ok(2)));
    let offers: Vec<_> = (8..1024).map(|gfn| table.offer_write(lent(gfn), PEER).unwrap()).collect();
    let mapped = offers.into_iter().find(|offer| offer.reference() == GrantRef(600)).unwrap();
    g.peer_maps(mapped.reference(), Flags::WRITING);
    g.epoch.advance();
    g.xen.refuse.set(Some((8, -9999)));
    table.rebuild().unwrap_err();
    g.xen.refuse.set(None);
    assert_eq!((table.rebuild(), table.ledger().quarantined), (Ok(2), 1));
    let mapped = mapped.end().unwrap_err().offer;
    g.peer_unmaps(mapped.reference());
    assert!(table.poll_quarantine(9).is_none());
    assert!(mapped.end().is_ok());
}
