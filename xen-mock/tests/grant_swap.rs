//! Entries that change places: who may map by which reference then, and when Xen refuses.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]
#![allow(unsafe_code, reason = "vouches for grants")]

mod common;

use common::grant::*;
use xen_hypercall::op::grant_table::{self as typed, GrantStatus, Swap};
use xen_hypercall::{Gfn, GrantRef, Number};
use xen_mock::{GrantMisuse, Host, MapError, MapMode, Violation};

#[test]
fn two_grants_change_places() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, table, pages) = (guest.hook(), table(&guest), [guest.page(), guest.page()]);
    let [nine, last] = [9, 511].map(GrantRef);
    v1(&table, nine.0, (PERMIT | READONLY, 0, pages[0].gfn()));
    v1(&table, last.0, (PERMIT, 0, pages[1].gfn()));
    pages.iter().zip([b"one", b"two"]).for_each(|(page, word)| page.copy_out(0, word));
    assert_eq!(swap(&xen, nine.0, last.0), 0);
    assert_eq!([72, 4088].map(|at| flags(&table, at)), [PERMIT, PERMIT | READONLY]);
    let read = |gref| host.dom0().map(gref, MapMode::Read).unwrap().read(0, 3);
    assert_eq!([read(nine), read(last)], [b"two", b"one"]);
    assert_eq!(host.dom0().map(last, MapMode::Write).unwrap_err(), MapError::Denied);
    assert_eq!(host.ledger().holdings().grants, [nine, last]);

    // Into an entry that grants nothing: then the old one does not.
    assert_eq!(swap(&xen, last.0, 10), 0);
    assert_eq!(read(GrantRef(10)), b"one");
    assert_eq!(host.dom0().map(last, MapMode::Read).unwrap_err(), MapError::BadRef);
    host.check().unwrap();
}

#[test]
fn a_grant_in_use_stays_where_it_is() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, table, page) = (guest.hook(), table(&guest), guest.page());
    let gref = v1(&table, 9, (PERMIT, 0, page.gfn()));
    let mapped = host.dom0().map(gref, MapMode::Write).unwrap();
    assert_eq!([swap(&xen, 9, 10), swap(&xen, 10, 9)], [AGAIN; 2]);
    assert_eq!(swap(&xen, 9, 9), 0, "which is nothing to do");
    assert_eq!([72, 80].map(|at| flags(&table, at)), [PERMIT | READING | WRITING, 0]);
    drop(mapped);
    assert_eq!(swap(&xen, 9, 10), 0);
    assert_eq!([72, 80].map(|at| flags(&table, at)), [0, PERMIT]);
    host.check().unwrap();
}

/// Xen looks at the bounds first, also of an entry and itself; the table has 512 entries of version 1, 256 of version 2.
#[test]
fn a_reference_beyond_the_table_is_refused() {
    let host = Host::builder().build();
    let guest = host.guest();
    let xen = guest.hook();
    let _table = table(&guest);
    for (one, other) in [(9, 512), (512, 9), (512, 512), (u32::MAX, 9), (u32::MAX, u32::MAX)] {
        assert_eq!(swap(&xen, one, other), BAD_REF, "{one} {other}");
    }
    assert_eq!(swap(&xen, 9, 511), 0);
    assert_eq!(set_version(&xen, 2), (0, 2));
    assert_eq!([swap(&xen, 9, 255), swap(&xen, 9, 256)], [0, BAD_REF]);
    host.check().unwrap();
}

/// In version 2 the status goes with its entry, whatever stands there.
#[test]
fn the_status_changes_places_too() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, (table, status), page) = (guest.hook(), table_v2(&guest), guest.page());
    let gref = v2(&table, 9, (PERMIT | SUB_PAGE, 0, 0x0010_0004, page.gfn().0));
    host.grants().set_bits(gref, READING);
    let entry = read::<16>(&table, 144);
    assert_eq!(swap(&xen, 9, 200), 0);
    assert_eq!((read::<16>(&table, 144), read::<16>(&table, 3200)), ([0; 16], entry));
    assert_eq!([18, 400].map(|at| flags(&status, at)), [0, READING]);
    host.check().unwrap();
}

/// A batch goes on after a refusal; what the toolstack granted is not to be moved; padding is zero.
#[test]
fn a_batch_of_pairs_and_what_xen_bears() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, table, page) = (guest.hook(), table(&guest), guest.page());
    v1(&table, 9, (PERMIT, 0, page.gfn()));
    let mut blocks = [swap_block(9, 10), swap_block(10, 512), swap_block(10, 11)];
    assert_eq!(call(&xen, SWAP, &mut blocks), 0);
    assert_eq!(blocks.map(|block| status(&block, 8)), [0, BAD_REF, 0]);
    assert_eq!([72, 80, 88].map(|at| flags(&table, at)), [0, 0, PERMIT]);
    host.check().unwrap();
    assert_eq!(swap(&xen, 7, 20), 0);
    let mut blocks = [swap_block(9, 9)];
    blocks[0][11] = 1;
    assert_eq!((call(&xen, SWAP, &mut blocks), status(&blocks[0], 8)), (0, 0));
    let touched = Violation::Grant(GrantMisuse::ReservedTouched(GrantRef(7)));
    assert_eq!(host.check().unwrap_err(), [touched, Violation::Padding(Number::GRANT_TABLE_OP, SWAP)]);
}

/// The typed operation and the mock agree on the block.
#[test]
fn the_typed_operation_does_the_same() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, table, page) = (guest.hook(), table(&guest), guest.page());
    v1(&table, 9, (PERMIT, 0, page.gfn()));
    // SAFETY: nobody else ends these grants.
    let mut blocks = [(9, 10), (9, 512)].map(|(one, other)| unsafe { Swap::new(GrantRef(one), GrantRef(other)) });
    assert_eq!(typed::swap(&xen, &mut blocks), Ok(()));
    assert_eq!(blocks.each_ref().map(Swap::result), [Ok(()), Err(GrantStatus::BAD_GNTREF)]);
    assert_eq!([72, 80].map(|at| flags(&table, at)), [0, PERMIT]);
    v1(&table, 10, (0, 0, Gfn(0)));
    host.check().unwrap();
}
