//! The guest maps pages that others grant to it, or its own, by raw argument blocks.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::grant::*;
use xen_hypercall::{DomId, Gfn, GrantRef};
use xen_mock::{GrantMisuse, Host, MapMode, Violation};

fn misuse(misuse: GrantMisuse) -> Violation {
    Violation::Grant(misuse)
}

#[test]
fn a_page_of_dom0_is_mapped_and_unmapped() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, place) = (guest.hook(), guest.hole());
    assert_eq!(read::<4>(&place, 0), [0xff; 4], "a hole");
    given.write(10, b"from dom0");
    let handle = map(&xen, place.gfn(), HOST, (0, given.gref().0)).unwrap();
    assert_eq!(&read::<9>(&place, 10), b"from dom0");
    place.copy_out(100, b"from the guest");
    assert_eq!(given.read(100, 14), b"from the guest");
    given.set_u32(10, 7);
    assert_eq!(read::<4>(&place, 10), [7, 0, 0, 0], "at once");
    assert_eq!((given.mappings(), given.domain()), (1, DomId::DOM0));
    assert_eq!(host.ledger().holdings().foreign, [handle]);
    assert_eq!(unmap(&xen, place.gfn(), handle), 0);
    assert_eq!(read::<4>(&place, 0), [0xff; 4], "a hole again");
    assert_eq!(given.read(100, 14), b"from the guest");
    assert!(host.ledger().holdings().foreign.is_empty());
    given.withdraw().unwrap();
    host.check().unwrap();
}

#[test]
fn what_is_mapped_cannot_be_withdrawn() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Read));
    let (xen, place, gref) = (guest.hook(), guest.hole(), given.gref().0);
    assert_eq!(map(&xen, place.gfn(), HOST, (0, gref)), Err(GENERAL), "not to be written");
    let handle = map(&xen, place.gfn(), HOST_READ, (0, gref)).unwrap();
    let given = given.withdraw().unwrap_err().0;
    assert_eq!(unmap(&xen, place.gfn(), handle), 0);
    given.withdraw().unwrap();
    assert_eq!(map(&xen, place.gfn(), HOST_READ, (0, gref)), Err(BAD_REF));
    host.check().unwrap();
}

#[test]
fn each_operation_of_a_batch_has_its_status() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, places) = (guest.hook(), [guest.hole(), guest.hole(), guest.hole()]);
    let gref = given.gref().0;
    let wanted = [(0, gref), (0, 99), (7, gref)];
    let mut blocks: Vec<_> =
        places.iter().zip(wanted).map(|(place, grant)| map_block(place.gfn(), HOST, grant)).collect();
    assert_eq!(call(&xen, MAP, &mut blocks), 0);
    let statuses: Vec<i16> = blocks.iter().map(|block| status(block, 18)).collect();
    assert_eq!(statuses, [0, BAD_REF, BAD_DOMAIN]);
    assert_eq!(blocks[1][20..], [0xee; 12], "nothing else is written on an error");
    assert_ne!(u64_at(&blocks[0], 24), 0, "a bus address");
    let mut blocks = [unmap_block(places[0].gfn(), u32_at(&blocks[0], 20)), unmap_block(places[1].gfn(), 77)];
    assert_eq!(call(&xen, UNMAP, &mut blocks), 0);
    assert_eq!((status(&blocks[0], 20), status(&blocks[1], 20)), (0, BAD_HANDLE));
    assert_eq!(host.check().unwrap_err(), [misuse(GrantMisuse::NoSuchHandle(77))]);
}

#[test]
fn flags_that_a_translated_guest_cannot_use() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, place, grant) = (guest.hook(), guest.hole(), (0, given.gref().0));
    assert_eq!(map(&xen, place.gfn(), 0, grant), Err(BAD_REF), "for nobody");
    assert_eq!(map(&xen, place.gfn(), 4, grant), Err(BAD_REF), "for nobody, to read");
    for flags in [1, 3, HOST | 8, HOST | 16] {
        assert_eq!(map(&xen, place.gfn(), flags, grant), Err(GENERAL), "{flags}");
    }
    host.check().unwrap();
}

#[test]
fn the_guest_maps_its_own_page() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, own, page, place) = (guest.hook(), guest.domid().0, guest.page(), guest.hole());
    let table = table(&guest);
    v1(&table, 8, (PERMIT, own, page.gfn()));
    assert_eq!(map(&xen, place.gfn(), HOST, (SELF, 8)), Err(BAD_DOMAIN), "Xen wants the number here");
    page.copy_out(0, b"one");
    let handle = map(&xen, place.gfn(), HOST, (own, 8)).unwrap();
    assert_eq!(flags(&table, 64), PERMIT | READING | WRITING);
    assert_eq!(&read::<3>(&place, 0), b"one");
    place.copy_out(3, b"two");
    page.copy_out(6, b"six");
    xen_hypercall::op::sched::yield_now(&xen).unwrap();
    assert_eq!((&read::<9>(&place, 0), &read::<9>(&page, 0)), (b"onetwosix", b"onetwosix"));
    assert_eq!(unmap(&xen, place.gfn(), handle), 0);
    assert_eq!((flags(&table, 64), &read::<6>(&page, 0)), (PERMIT, b"onetwo"));
    v1(&table, 8, (0, 0, Gfn(0)));
    host.check().unwrap();
}

#[test]
fn a_grant_is_mapped_at_several_places() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, one, two) = (guest.hook(), guest.hole(), guest.hole());
    let first = map(&xen, one.gfn(), HOST, (0, given.gref().0)).unwrap();
    let second = map(&xen, two.gfn(), HOST_READ, (0, given.gref().0)).unwrap();
    assert_eq!(given.mappings(), 2);
    one.copy_out(0, b"here");
    assert_eq!(given.read(0, 4), b"here");
    assert_eq!(&read::<4>(&two, 0), b"here");
    assert_eq!(unmap(&xen, one.gfn(), first), 0);
    given.write(0, b"there");
    assert_eq!(&read::<5>(&two, 0), b"there");
    assert_eq!(unmap(&xen, two.gfn(), second), 0);
    host.check().unwrap();
}

#[test]
fn handles_and_places_run_out() {
    let host = Host::builder().max_mappings(2).build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, grant) = (guest.hook(), (0, given.gref().0));
    let places = [guest.hole(), guest.hole(), guest.hole()];
    let handles = [0, 1].map(|at: usize| map(&xen, places[at].gfn(), HOST, grant).unwrap());
    assert_eq!(map(&xen, places[2].gfn(), HOST, grant), Err(NO_SPACE));
    assert_eq!(unmap(&xen, places[0].gfn(), handles[0]), 0);
    assert_eq!(map(&xen, places[2].gfn(), HOST, grant), Ok(handles[0]), "a handle comes again at once");
    host.check().unwrap();
    assert_eq!(unmap(&xen, places[0].gfn(), handles[0]), GENERAL, "that page is elsewhere");
    assert_eq!(host.check().unwrap_err(), [misuse(GrantMisuse::UnmappedElsewhere(handles[0], places[0].gfn()))]);
}

#[test]
fn a_mapping_is_no_more_once_it_is_undone() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, place) = (guest.hook(), guest.hole());
    let handle = map(&xen, place.gfn(), HOST, (0, given.gref().0)).unwrap();
    assert_eq!(unmap(&xen, Gfn(0), handle), 0, "Xen does nothing, and says so");
    assert_eq!(given.mappings(), 1);
    assert_eq!(unmap(&xen, place.gfn(), handle), 0);
    assert_eq!(unmap(&xen, place.gfn(), handle), BAD_HANDLE);
    assert_eq!(
        host.check().unwrap_err(),
        [misuse(GrantMisuse::UnmappedNothing(handle)), misuse(GrantMisuse::UnmappedTwice(handle))]
    );
}

#[test]
fn a_page_needs_a_hole_to_be_mapped() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, place, ram, grant) = (guest.hook(), guest.hole(), guest.page(), (0, given.gref().0));
    map(&xen, place.gfn(), HOST, grant).unwrap();
    host.check().unwrap();
    for wrong in [ram.gfn(), place.gfn(), Gfn(0xdead_beef)] {
        assert_eq!(map(&xen, wrong, HOST, grant), Err(GENERAL));
        assert_eq!(host.check().unwrap_err().last(), Some(&misuse(GrantMisuse::NoSuchPlace(wrong))));
    }
    assert_eq!(given.mappings(), 1, "those that failed left nothing");
}

#[test]
fn what_is_mapped_to_be_read_must_not_be_written() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, place) = (guest.hook(), guest.hole());
    map(&xen, place.gfn(), HOST_READ, (0, given.gref().0)).unwrap();
    host.check().unwrap();
    place.copy_out(5, &[1]);
    assert_eq!(host.check().unwrap_err(), [misuse(GrantMisuse::WroteToReadOnly(place.gfn()))]);
    assert_eq!((given.read(5, 1), read::<1>(&place, 5)), (vec![0], [0]), "nothing came of it");
}

#[test]
fn g16_a_page_that_is_not_there_now() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, place, grant) = (guest.hook(), guest.hole(), (0, given.gref().0));
    given.absent(3);
    for _ in 0..2 {
        assert_eq!(map(&xen, place.gfn(), HOST, grant), Err(AGAIN));
    }
    let copied = copy(&xen, (Side::Ref(0, grant.1), 0), (Side::Frame(SELF, guest.page().gfn()), 0), 4);
    assert_eq!(copied, AGAIN);
    assert!(map(&xen, place.gfn(), HOST, grant).is_ok());
    host.check().unwrap();
}

#[test]
fn the_pages_of_a_domain_that_dies_stay_until_they_are_unmapped() {
    let host = Host::builder().build();
    let (guest, peer) = (host.guest(), host.peer(DomId(5)));
    let (xen, place, other) = (guest.hook(), guest.hole(), guest.hole());
    let (kept, lost) = (peer.grant(MapMode::Write), peer.grant(MapMode::Write));
    kept.write(0, b"last words");
    let handle = map(&xen, place.gfn(), HOST, (5, kept.gref().0)).unwrap();
    peer.die();
    assert_eq!(&read::<10>(&place, 0), b"last words");
    assert_eq!(map(&xen, other.gfn(), HOST, (5, kept.gref().0)), Err(GENERAL), "it is dying");
    assert_eq!(map(&xen, other.gfn(), HOST, (5, lost.gref().0)), Err(BAD_REF));
    assert_eq!(unmap(&xen, place.gfn(), handle), 0);
    assert_eq!(map(&xen, other.gfn(), HOST, (5, kept.gref().0)), Err(BAD_DOMAIN), "it is dead");
    host.check().unwrap();
}

#[test]
fn a_counter_of_mappings_is_a_byte() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    v1(&table, 8, (PERMIT, 0, page.gfn()));
    let mapped: Vec<_> = (0..128).map(|_| host.dom0().map(GrantRef(8), MapMode::Read).unwrap()).collect();
    assert_eq!(host.dom0().map(GrantRef(8), MapMode::Read).unwrap_err(), xen_mock::MapError::TooMany);
    drop(host.dom0().map(GrantRef(8), MapMode::Write).unwrap());
    drop(mapped);
    assert_eq!(flags(&table, 64), PERMIT);
    host.check().unwrap();
}
