//! What the guest must not do with its table, be it that Xen bears it.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::grant::*;
use common::raw;
use xen_hypercall::op::{memory, sched};
use xen_hypercall::{DomId, Gfn, GrantRef, Number, Word};
use xen_mock::{GrantMisuse, Host, MapMode, Violation};

fn told(host: &Host) -> Vec<GrantMisuse> {
    let misuse = |violation| match violation {
        Violation::Grant(misuse) => misuse,
        other => panic!("{other}"),
    };
    host.check().err().unwrap_or_default().into_iter().map(misuse).collect()
}

#[test]
fn it_grants_what_is_its_own() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page, shared, hole) = (table(&guest), guest.page(), guest.page(), guest.hole());
    memory::map_shared_info(&guest.hook(), &shared).unwrap();
    let other = host.dom0().grant(MapMode::Write);
    map(&guest.hook(), hole.gfn(), HOST, (0, other.gref().0)).unwrap();
    v1(&table, 8, (PERMIT, 0, page.gfn()));
    assert_eq!(told(&host), []);
    let foreign = [table.gfn(), shared.gfn(), hole.gfn(), Gfn(0xdead)];
    for (gref, gfn) in (9..).zip(foreign) {
        let gref = v1(&table, gref, (PERMIT, 0, gfn));
        assert_eq!(told(&host).last(), Some(&GrantMisuse::NotOwn(gref, gfn)));
    }
    assert_eq!(told(&host).len(), foreign.len(), "each once");
}

#[test]
fn g24_it_grants_to_a_domain() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    for (gref, domain) in (8..).zip([0, 5, 0x7fef]) {
        v1(&table, gref, (PERMIT, domain, page.gfn()));
    }
    assert_eq!(told(&host), []);
    for (gref, domain) in (20..).zip([0x7ff0, 0x7ff4, 0xffff]) {
        let gref = v1(&table, gref, (PERMIT, domain, page.gfn()));
        assert_eq!(told(&host).last(), Some(&GrantMisuse::ToNobody(gref, DomId(domain))));
    }
}

#[test]
fn g12_reserved_entries_are_left_alone() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    assert_eq!(told(&host), []);
    table.copy_out(8, &[0]);
    v1(&table, 7, (PERMIT, 0, page.gfn()));
    assert_eq!(told(&host), [GrantMisuse::ReservedTouched(GrantRef(1)), GrantMisuse::ReservedTouched(GrantRef(7))]);
}

#[test]
fn entries_are_as_the_header_has_them() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    v1(&table, 8, (PERMIT | READONLY, 0, page.gfn()));
    assert_eq!(told(&host), []);
    for (gref, wrong) in (9..).zip([READING, WRITING, SUB_PAGE, 1 << 9, 1 << 15, 2]) {
        let flags = if wrong == 2 { 2 } else { PERMIT | wrong };
        let gref = v1(&table, gref, (flags, 0, page.gfn()));
        assert_eq!(told(&host).last(), Some(&GrantMisuse::Malformed(gref)), "{wrong:#x}");
    }
    assert_eq!(told(&host).len(), 6);
}

#[test]
fn entries_of_version_2_have_no_padding() {
    let host = Host::builder().build();
    let guest = host.guest();
    let ((table, _status), page) = (table_v2(&guest), guest.page());
    let frame = page.gfn().0;
    v2(&table, 8, (PERMIT, 0, 0, frame));
    v2(&table, 9, (PERMIT | SUB_PAGE, 0, 4095 | (1 << 16), frame));
    v2(&table, 10, (TRANSITIVE, 0, 3, 8));
    assert_eq!(told(&host), []);
    let wrong = [
        (PERMIT, 0, 1, frame),
        (PERMIT | SUB_PAGE, 0, 4095 | (2 << 16), frame),
        (PERMIT | SUB_PAGE, 0, 100, frame),
        (TRANSITIVE, 0, 3 | (1 << 16), 8),
        (TRANSITIVE, 0, 3, 8 | (1 << 32)),
        (PERMIT | READING, 0, 0, frame),
    ];
    for (gref, entry) in (20..).zip(wrong) {
        let gref = v2(&table, gref, entry);
        assert_eq!(told(&host).last(), Some(&GrantMisuse::Malformed(gref)));
    }
}

#[test]
fn g01_access_ends_when_nobody_has_it_mapped() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    let gref = v1(&table, 8, (PERMIT, 0, page.gfn()));
    drop(host.dom0().map(gref, MapMode::Write).unwrap());
    v1(&table, 8, (0, 0, Gfn(0)));
    host.check().unwrap();
    let gref = v1(&table, 8, (PERMIT, 0, page.gfn()));
    let mapped = host.dom0().map(gref, MapMode::Read).unwrap();
    table.copy_out(64, &[0, 0]);
    assert_eq!(host.check().unwrap_err(), [Violation::ChangedWhileMapped(DomId::DOM0, gref)]);
    drop(mapped);
    assert_eq!(host.check().unwrap_err().len(), 1, "told once");
}

#[test]
fn a_grant_in_use_may_become_read_only_and_back() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    let gref = v1(&table, 8, (PERMIT, 0, page.gfn()));
    let reader = host.dom0().map(gref, MapMode::Read).unwrap();
    table.copy_out(64, &(PERMIT | READONLY | READING).to_le_bytes());
    assert_eq!(host.dom0().map(gref, MapMode::Write).unwrap_err(), xen_mock::MapError::Denied);
    table.copy_out(64, &(PERMIT | READING).to_le_bytes());
    let writer = host.dom0().map(gref, MapMode::Write).unwrap();
    host.check().unwrap();
    table.copy_out(64, &(PERMIT | READONLY | READING | WRITING).to_le_bytes());
    assert_eq!(host.check().unwrap_err(), [Violation::ChangedWhileMapped(DomId::DOM0, gref)], "while it is written");
    drop((reader, writer));
}

#[test]
fn g26_a_xen_that_clears_its_bits_too_early() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    let gref = v1(&table, 8, (PERMIT, 0, page.gfn()));
    let mapped = host.dom0().map(gref, MapMode::Write).unwrap();
    host.grants().set_bits(gref, 0);
    assert_eq!(flags(&table, 64), PERMIT, "the guest must think that it is free");
    host.grants().set_bits(gref, READING);
    assert_eq!((flags(&table, 64), host.grants().bits(gref)), (PERMIT | READING, Some(READING)));
    table.copy_out(64, &[0, 0]);
    host.check().unwrap();
    table.copy_out(64, &(PERMIT | READING).to_le_bytes());
    mapped.write(0, b"still there");
    assert_eq!(&read::<11>(&page, 0), b"still there");
    drop(mapped);
    assert_eq!((flags(&table, 64), host.grants().bits(GrantRef(512))), (PERMIT, None));
    host.check().unwrap();
}

#[test]
fn nothing_is_left_when_it_stops() {
    for (reason, rules) in [(sched::Reason::POWEROFF, 2), (sched::Reason::REBOOT, 2), (sched::Reason::CRASH, 0)] {
        let host = Host::builder().build();
        let guest = host.guest();
        let (table, page, hole, given) = (table(&guest), guest.page(), guest.hole(), host.dom0().grant(MapMode::Write));
        let gref = v1(&table, 8, (PERMIT, 0, page.gfn()));
        let handle = map(&guest.hook(), hole.gfn(), HOST, (0, given.gref().0)).unwrap();
        assert_eq!(told(&host), []);
        assert_eq!(sched::shutdown(&guest.hook(), reason), 0);
        assert_eq!(told(&host), [GrantMisuse::GrantLeft(gref), GrantMisuse::MappingLeft(handle)][..rules]);
    }
}

#[test]
fn padding_is_zero() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, given, hole) = (guest.hook(), host.dom0().grant(MapMode::Write), guest.hole());
    let padding = |cmd| Violation::Padding(Number::GRANT_TABLE_OP, cmd);
    let mut blocks = [map_block(hole.gfn(), HOST | (1 << 16), (0, given.gref().0))];
    assert_eq!((call(&xen, MAP, &mut blocks), status(&blocks[0], 18)), (0, 0));
    let mut undo = [unmap_block(hole.gfn(), u32_at(&blocks[0], 20))];
    undo[0][23] = 1;
    assert_eq!((call(&xen, UNMAP, &mut undo), status(&undo[0], 20)), (0, 0));
    assert_eq!(host.check().unwrap_err(), [padding(MAP), padding(UNMAP)]);
}

#[test]
fn h_calls_that_there_are_not() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let mut block = [0_u8; 64];
    for cmd in [3, 4, 7, STATUS_FRAMES, FLUSH, 13, 99] {
        let words = [Word::int(cmd), Word::ptr(block.as_mut_ptr()), Word::int(1), Word::ZERO, Word::ZERO];
        assert_eq!(raw(&xen, Number::GRANT_TABLE_OP, words), -38, "{cmd}");
    }
    for cmd in [MAP, UNMAP, COPY, SWAP] {
        let words = |count| [Word::int(cmd), Word::ZERO, Word::int(count), Word::ZERO, Word::ZERO];
        assert_eq!(raw(&xen, Number::GRANT_TABLE_OP, words(1)), -14, "{cmd}: nowhere");
        assert_eq!(raw(&xen, Number::GRANT_TABLE_OP, words(0)), 0, "{cmd}: nothing");
        assert_eq!(raw(&xen, Number::GRANT_TABLE_OP, words(0x8000_0000)), -22, "{cmd}: too many");
    }
    host.check().unwrap();
}
