//! The table in version 2: entries, status, and the change between versions.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::grant::*;
use xen_hypercall::{DomId, Gfn, GrantRef};
use xen_mock::{GrantMisuse, Host, MapError, MapMode, Violation};

const ENOSYS: isize = -38;

#[test]
fn g08_versions_are_asked_for() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    assert_eq!((version(&xen), host.grants().version()), (1, 1));
    assert_eq!(set_version(&xen, 2), (0, 2));
    assert_eq!(set_version(&xen, 2), (0, 2), "as it is");
    assert_eq!((version(&xen), host.grants().version()), (2, 2));
    assert_eq!(set_version(&xen, 3), (-22, 2));
    assert_eq!(set_version(&xen, 0), (-22, 2));
    assert_eq!(set_version(&xen, 1), (0, 1));
    host.check().unwrap();
    let host = Host::builder().max_grant_version(1).build();
    assert_eq!(set_version(&host.guest().hook(), 2), (ENOSYS, 1));
}

#[test]
fn reserved_entries_are_kept_over_a_change() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, table) = (guest.hook(), table(&guest));
    let before = [read::<8>(&table, 0), read::<8>(&table, 8)];
    assert_eq!(set_version(&xen, 2), (0, 2));
    for (at, old) in before.iter().enumerate() {
        let new = read::<16>(&table, at * 16);
        assert_eq!((&new[..4], &new[4..8], u64_at(&new, 8)), (&old[..4], &[0; 4][..], u64::from(u32_at(old, 4))));
    }
    assert_eq!(read::<16>(&table, 128), [0; 16]);
    assert_eq!(set_version(&xen, 1), (0, 1));
    assert_eq!([read::<8>(&table, 0), read::<8>(&table, 8)], before);
    host.check().unwrap();
}

#[test]
fn a_reserved_entry_may_be_mapped_over_a_change() {
    let host = Host::builder().build();
    let guest = host.guest();
    let xen = guest.hook();
    let mapped = host.dom0().map(GrantRef(1), MapMode::Write).unwrap();
    let (table, status) = table_v2(&guest);
    assert_eq!((flags(&table, 16), flags(&status, 2)), (PERMIT, READING | WRITING));
    assert_eq!(set_version(&xen, 1), (0, 1));
    assert_eq!(flags(&table, 8), PERMIT | READING | WRITING);
    assert_eq!(read::<4>(&status, 0), [0xff; 4], "there is no status any more");
    drop(mapped);
    assert_eq!(flags(&table, 8), PERMIT);
    host.check().unwrap();
}

#[test]
fn g08_no_change_while_an_entry_is_mapped() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, page, table) = (guest.hook(), guest.page(), table(&guest));
    v1(&table, 8, (PERMIT, 0, page.gfn()));
    let mapped = host.dom0().map(GrantRef(8), MapMode::Read).unwrap();
    assert_eq!(set_version(&xen, 2), (-16, 1));
    drop(mapped);
    host.check().unwrap();
    assert_eq!(set_version(&xen, 2), (0, 2), "but it wipes what is only granted");
    assert_eq!(read::<8>(&table, 64), [0; 8]);
    assert_eq!(host.check().unwrap_err(), [Violation::Grant(GrantMisuse::Wiped(GrantRef(8)))]);
}

#[test]
fn the_status_tells_who_maps() {
    let host = Host::builder().build();
    let guest = host.guest();
    let ((table, status), page) = (table_v2(&guest), guest.page());
    let gref = v2(&table, 9, (PERMIT, 0, 0, page.gfn().0));
    page.copy_out(0, b"v2");
    let reader = host.dom0().map(gref, MapMode::Read).unwrap();
    assert_eq!((reader.read(0, 2), flags(&table, 144), flags(&status, 18)), (b"v2".to_vec(), PERMIT, READING));
    let writer = host.dom0().map(gref, MapMode::Write).unwrap();
    assert_eq!((flags(&status, 18), host.grants().bits(gref)), (READING | WRITING, Some(READING | WRITING)));
    drop(writer);
    assert_eq!(flags(&status, 18), READING);
    drop(reader);
    assert_eq!((flags(&status, 18), host.grants().entry(gref).unwrap().len()), (0, 16));
    assert_eq!(host.ledger().holdings().grants, [gref]);
    host.check().unwrap();
}

#[test]
fn g07_flags_are_cleared_and_then_the_status_is_read() {
    let host = Host::builder().build();
    let guest = host.guest();
    let ((table, status), page) = (table_v2(&guest), guest.page());
    let gref = v2(&table, 9, (PERMIT, 0, 0, page.gfn().0));
    let mapped = host.dom0().map(gref, MapMode::Write).unwrap();
    table.copy_out(144, &[0, 0]);
    assert_eq!(flags(&status, 18), READING | WRITING, "still in use");
    assert_eq!(host.dom0().map_as(DomId(4), gref, MapMode::Read).unwrap_err(), MapError::Denied);
    assert_eq!(host.ledger().holdings().grants, [gref]);
    host.check().unwrap();
    drop(mapped);
    assert_eq!(flags(&status, 18), 0);
    assert!(host.ledger().holdings().grants.is_empty());
    assert_eq!(host.dom0().map(gref, MapMode::Read).unwrap_err(), MapError::BadRef);
    host.check().unwrap();
}

/// Xen looks at the flags anew when the first one wants to write.
#[test]
fn a_closed_entry_is_mapped_once_more_only_as_it_is_mapped() {
    let host = Host::builder().build();
    let guest = host.guest();
    let ((table, _status), page) = (table_v2(&guest), guest.page());
    let gref = v2(&table, 9, (PERMIT, 0, 0, page.gfn().0));
    let reader = host.dom0().map(gref, MapMode::Read).unwrap();
    table.copy_out(144, &[0, 0]);
    let again = host.dom0().map(gref, MapMode::Read).unwrap();
    assert_eq!(host.dom0().map(gref, MapMode::Write).unwrap_err(), MapError::BadRef);
    drop((reader, again));
    let gref = v2(&table, 9, (PERMIT, 0, 0, page.gfn().0));
    let writer = host.dom0().map(gref, MapMode::Write).unwrap();
    table.copy_out(144, &[0, 0]);
    assert!(host.dom0().map(gref, MapMode::Write).is_ok());
    drop(writer);
    host.check().unwrap();
}

#[test]
fn g05_an_entry_in_use_is_not_used_for_something_else() {
    let host = Host::builder().build();
    let guest = host.guest();
    let ((table, _status), pages) = (table_v2(&guest), [guest.page(), guest.page()]);
    let gref = v2(&table, 9, (PERMIT, 0, 0, pages[0].gfn().0));
    host.dom0().map(gref, MapMode::Read).unwrap().pin();
    v2(&table, 9, (PERMIT, 0, 0, pages[1].gfn().0));
    assert_eq!(host.check().unwrap_err(), [Violation::ChangedWhileMapped(DomId::DOM0, gref)]);
}

#[test]
fn parts_of_a_page_are_copied_and_not_mapped() {
    let host = Host::builder().build();
    let guest = host.guest();
    let ((table, status), page) = (table_v2(&guest), guest.page());
    let dom0 = host.peer(DomId::DOM0);
    let gref = v2(&table, 10, (PERMIT | SUB_PAGE, 0, 64 | (16 << 16), page.gfn().0));
    page.copy_out(64, b"sixteen bytes...");
    assert_eq!(dom0.copy_from(gref, 64, 16).unwrap(), b"sixteen bytes...");
    dom0.copy_to(gref, 72, b"BYTES").unwrap();
    assert_eq!(&read::<16>(&page, 64), b"sixteen BYTES...");
    assert_eq!(dom0.copy_from(gref, 63, 2).unwrap_err(), GENERAL);
    assert_eq!(dom0.copy_to(gref, 79, b"no").unwrap_err(), GENERAL);
    assert_eq!(dom0.copy_from(gref, 4095, 2).unwrap_err(), BAD_COPY);
    assert_eq!(dom0.map(gref, MapMode::Read).unwrap_err(), MapError::BadRef);
    assert_eq!(flags(&status, 20), 0, "nothing is left of a copy");
    host.check().unwrap();
}

#[test]
fn g23_a_grant_of_another_domain_is_passed_on() {
    let host = Host::builder().build();
    let guest = host.guest();
    let ((table, _status), stranger) = (table_v2(&guest), host.peer(DomId(4)));
    let given = host.dom0().grant(MapMode::Read);
    given.write(0, b"dom0's");
    let gref = v2(&table, 11, (TRANSITIVE, 4, 0, u64::from(given.gref().0)));
    assert_eq!(stranger.copy_from(gref, 0, 6).unwrap(), b"dom0's");
    assert_eq!(stranger.copy_to(gref, 0, b"mine").unwrap_err(), GENERAL, "the guest may only read it");
    assert_eq!(stranger.map(gref, MapMode::Read).unwrap_err(), MapError::BadRef);
    assert_eq!(host.peer(DomId(5)).copy_from(gref, 0, 6).unwrap_err(), GENERAL, "it is for domain 4");
    let own = v2(&table, 12, (TRANSITIVE, 4, u32::from(guest.domid().0), 11));
    assert_eq!(stranger.copy_from(own, 0, 6).unwrap_err(), GENERAL, "not through oneself");
    host.check().unwrap();
}

#[test]
fn version_1_has_neither_parts_nor_passing_on() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page, dom0) = (table(&guest), guest.page(), host.peer(DomId::DOM0));
    let part = v1(&table, 8, (PERMIT | SUB_PAGE, 0, page.gfn()));
    let through = v1(&table, 9, (TRANSITIVE, 0, page.gfn()));
    assert_eq!(dom0.map(part, MapMode::Read).unwrap_err(), MapError::BadRef);
    assert_eq!(dom0.copy_from(part, 0, 4).unwrap(), [0; 4], "a bit of no meaning for a copy");
    assert_eq!(dom0.copy_from(through, 0, 4).unwrap_err(), GENERAL);
    assert_eq!(host.check().unwrap_err(), [Violation::Grant(GrantMisuse::Malformed(part))]);
}

#[test]
fn a_frame_above_16_tib_needs_version_2() {
    let host = Host::builder().build();
    let guest = host.guest();
    let xen = guest.hook();
    let (table, _status) = table_v2(&guest);
    let gref = v2(&table, 7, (PERMIT, 0, 0, 1 << 32));
    assert_eq!(set_version(&xen, 1), (-34, 2), "version 1 cannot hold the reserved entry");
    assert_eq!(host.dom0().map(gref, MapMode::Read).unwrap_err(), MapError::BadFrame);
    assert_eq!(host.check().unwrap_err(), [Violation::Grant(GrantMisuse::ReservedTouched(gref))]);
    assert_eq!(Gfn(1 << 32), Gfn(u64_at(&host.grants().entry(gref).unwrap(), 8)));
}

#[test]
fn g29_status_frames_go_with_the_table() {
    let host = Host::builder().max_grant_frames(9).build();
    let guest = host.guest();
    let xen = guest.hook();
    let (pages, page) = ([guest.page(), guest.page(), guest.page()], guest.page());
    assert_eq!(add_to_physmap(&xen, STATUS_INDEX, &pages[0]), -22, "version 1 has none");
    assert_eq!(set_version(&xen, 2), (0, 2));
    assert_eq!(add_to_physmap(&xen, STATUS_INDEX, &pages[0]), 0);
    assert_eq!(add_to_physmap(&xen, 0, &pages[1]), 0);
    assert_eq!(add_to_physmap(&xen, 8, &pages[2]), 0, "the ninth frame: 256 entries an frame, 2048 a frame of status");
    let gref = v2(&pages[2], 0, (PERMIT, 0, 0, page.gfn().0));
    assert_eq!(gref, GrantRef(0));
    let beyond = GrantRef(8 * 256);
    assert_eq!(host.check().unwrap_err(), [Violation::Grant(GrantMisuse::StatusNotMapped(beyond))]);
    assert_eq!(add_to_physmap(&xen, STATUS_INDEX | 1, &guest.page()), 0);
    v2(&pages[2], 1, (PERMIT, 0, 0, page.gfn().0));
    assert_eq!(host.check().unwrap_err().len(), 1, "its status is mapped now");
    assert_eq!(host.ledger().holdings().grant_frames.len(), 4);
}

#[test]
fn a_frame_of_status_makes_the_table_grow() {
    let host = Host::builder().max_grant_frames(9).build();
    let guest = host.guest();
    let xen = guest.hook();
    assert_eq!(set_version(&xen, 2), (0, 2));
    assert_eq!(add_to_physmap(&xen, STATUS_INDEX | 1, &guest.page()), 0);
    assert_eq!(xen_hypercall::op::grant_table::query_size(&xen).unwrap().frames, 9);
    assert_eq!(add_to_physmap(&xen, STATUS_INDEX | 2, &guest.page()), -22, "beyond");
    assert_eq!(add_to_physmap(&xen, 9, &guest.page()), -22);
    host.check().unwrap();
}

#[test]
fn the_status_is_xens_to_write() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (_table, status) = table_v2(&guest);
    host.check().unwrap();
    status.copy_out(100, &[8]);
    assert_eq!(host.check().unwrap_err(), [Violation::Grant(GrantMisuse::StatusWritten(GrantRef(50)))]);
}
