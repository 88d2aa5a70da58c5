//! Copies by Xen between the pages of two domains, by raw argument blocks.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::grant::*;
use xen_hypercall::{DomId, Gfn};
use xen_mock::{Host, MapMode, Violation};

#[test]
fn bytes_go_both_ways() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, page) = (guest.hook(), guest.page());
    let (own, far) = (Side::Frame(SELF, page.gfn()), Side::Ref(0, given.gref().0));
    given.write(4000, b"from dom0");
    assert_eq!(copy(&xen, (far, 4000), (own, 7), 9), 0);
    assert_eq!(&read::<11>(&page, 6), b"\0from dom0\0");
    page.copy_out(0, b"back");
    assert_eq!(copy(&xen, (own, 0), (far, 4092), 4), 0, "up to the last byte");
    assert_eq!(given.read(4092, 4), b"back");
    host.check().unwrap();
}

#[test]
fn g18_a_copy_stays_within_its_pages() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, page) = (guest.hook(), guest.page());
    let (own, far) = (Side::Frame(SELF, page.gfn()), Side::Ref(0, given.gref().0));
    for (from, to, len) in [(4093, 0, 4), (0, 4093, 4), (1, 0, 4096), (0xffff, 0, 2), (0, 0xffff, 0xffff)] {
        assert_eq!(copy(&xen, (far, from), (own, to), len), BAD_COPY, "{from} {to} {len}");
    }
    assert_eq!(copy(&xen, (far, 0), (own, 0), 4096), 0);
    assert_eq!(copy(&xen, (Side::Ref(9, 1), 9999), (own, 9999), 0), 0, "Xen looks at nothing of it");
    host.check().unwrap();
}

#[test]
fn who_may_not_copy() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (reads, stranger) = (host.dom0().grant(MapMode::Read), host.peer(DomId(4)));
    let (xen, page) = (guest.hook(), guest.page());
    let for_other = host.peer(DomId(6)).grant_to(DomId(4), MapMode::Write);
    let own = (Side::Frame(SELF, page.gfn()), 0);
    let copies = |source: Side| copy(&xen, (source, 0), own, 8);
    assert_eq!(copies(Side::Frame(0, Gfn(0x1000))), DENIED, "by frame only one's own");
    assert_eq!(copies(Side::Frame(guest.domid().0, page.gfn())), DENIED, "and only as DOMID_SELF");
    assert_eq!(copies(Side::Ref(77, 8)), BAD_DOMAIN);
    assert_eq!(copies(Side::Ref(stranger.domain().0, 8)), BAD_REF);
    assert_eq!(copies(Side::Ref(6, for_other.gref().0)), GENERAL, "it is for another domain");
    assert_eq!(copies(Side::Frame(SELF, Gfn(0xdead_beef))), BAD_PAGE);
    assert_eq!(copies(Side::Ref(0, reads.gref().0)), 0);
    assert_eq!(copy(&xen, own, (Side::Ref(0, reads.gref().0), 0), 8), GENERAL, "for reading only");
    host.check().unwrap();
}

#[test]
fn a_batch_has_a_status_an_operation() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, page) = (guest.hook(), guest.page());
    let (own, far) = (Side::Frame(SELF, page.gfn()), Side::Ref(0, given.gref().0));
    page.copy_out(0, b"abcd");
    let mut blocks =
        [copy_block((own, 0), (far, 10), 2), copy_block((own, 4095), (far, 0), 2), copy_block((own, 2), (far, 12), 2)];
    assert_eq!(call(&xen, COPY, &mut blocks), 0);
    assert_eq!(blocks.map(|block| status(&block, 36)), [0, BAD_COPY, 0]);
    assert_eq!(given.read(9, 6), b"\0abcd\0");
    host.check().unwrap();
}

#[test]
fn the_guest_copies_by_its_own_grants() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, own, from, to) = (guest.hook(), guest.domid().0, guest.page(), guest.page());
    let table = table(&guest);
    v1(&table, 8, (PERMIT | READONLY, own, from.gfn()));
    v1(&table, 9, (PERMIT, own, to.gfn()));
    from.copy_out(0, b"loop");
    assert_eq!(copy(&xen, (Side::Ref(SELF, 8), 0), (Side::Ref(own, 9), 4), 4), 0, "by either name");
    assert_eq!(&read::<8>(&to, 0), b"\0\0\0\0loop");
    assert_eq!(copy(&xen, (Side::Ref(SELF, 9), 0), (Side::Ref(SELF, 8), 0), 4), GENERAL);
    assert_eq!(flags(&table, 64), PERMIT | READONLY, "nothing is left of a copy");
    host.check().unwrap();
}

#[test]
fn a_grant_to_domid_self_is_no_grant() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, page) = (guest.hook(), guest.page());
    let table = table(&guest);
    v1(&table, 8, (PERMIT, SELF, page.gfn()));
    assert_eq!(copy(&xen, (Side::Ref(SELF, 8), 0), (Side::Frame(SELF, page.gfn()), 0), 4), GENERAL);
    let violations = host.check().unwrap_err();
    assert!(matches!(violations[..], [Violation::Grant(xen_mock::GrantMisuse::ToNobody(_, DomId(SELF)))]));
}

#[test]
fn a_part_of_a_page_can_be_copied_and_not_mapped() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.peer(DomId::DOM0).grant_part(MapMode::Write, 100, 50));
    let (xen, page, far) = (guest.hook(), guest.page(), Side::Ref(0, given.gref().0));
    let own = (Side::Frame(SELF, page.gfn()), 0);
    assert_eq!(map(&xen, guest.hole().gfn(), HOST, (0, given.gref().0)), Err(GENERAL));
    given.write(100, b"begin");
    given.write(147, b"end");
    assert_eq!(copy(&xen, (far, 100), own, 50), 0);
    assert_eq!((&read::<5>(&page, 0), &read::<3>(&page, 47)), (b"begin", b"end"));
    for (offset, len) in [(99, 1), (99, 50), (100, 51), (150, 1), (0, 4096)] {
        assert_eq!(copy(&xen, (far, offset), own, len), GENERAL, "{offset} {len}");
    }
    host.check().unwrap();
}

#[test]
fn g23_what_is_passed_on_can_be_copied_and_not_mapped() {
    let host = Host::builder().build();
    let (guest, dom0) = (host.guest(), host.peer(DomId::DOM0));
    let inner = host.peer(DomId(3)).grant_to(DomId::DOM0, MapMode::Read);
    let passed = dom0.pass_on(MapMode::Write, inner.domain(), inner.gref());
    let (xen, page) = (guest.hook(), guest.page());
    let (own, far) = (Side::Frame(SELF, page.gfn()), Side::Ref(0, passed.gref().0));
    inner.write(0, b"from 3");
    assert_eq!(copy(&xen, (far, 0), (own, 0), 6), 0);
    assert_eq!(&read::<6>(&page, 0), b"from 3");
    assert_eq!(copy(&xen, (own, 0), (far, 0), 6), GENERAL, "domain 3 let dom0 only read");
    assert_eq!(map(&xen, guest.hole().gfn(), HOST, (0, passed.gref().0)), Err(GENERAL));
    let again = host.peer(DomId(5)).pass_on(MapMode::Read, DomId::DOM0, passed.gref());
    assert_eq!(copy(&xen, (Side::Ref(5, again.gref().0), 0), (own, 0), 6), GENERAL, "one step, and not two");
    host.check().unwrap();
}

#[test]
fn caches_are_flushed_of_what_is_mapped() {
    let host = Host::builder().grant_ops(xen_mock::GrantOps::All).build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, place) = (guest.hook(), guest.hole());
    let mut blocks = [map_block(place.gfn(), HOST, (0, given.gref().0))];
    assert_eq!(call(&xen, MAP, &mut blocks), 0);
    let (handle, address) = (u32_at(&blocks[0], 20), u64_at(&blocks[0], 24));
    let flush = |address: u64, (offset, length): (u16, u16), op: u32| {
        let parts = [&address.to_le_bytes()[..], &offset.to_le_bytes(), &length.to_le_bytes(), &op.to_le_bytes()];
        call::<16>(&xen, FLUSH, &mut [parts.concat().try_into().unwrap()])
    };
    for op in 0..4 {
        assert_eq!(flush(address, (4, 4092), op), 0);
    }
    assert_eq!(flush(address, (4, 4093), 1), -22);
    assert_eq!(flush(address, (4096, 0), 1), -22);
    assert_eq!(flush(address, (0, 4), 4), -22, "no such operation");
    assert_eq!(flush(address, (0, 4), (1 << 31) | 1), -22, "by reference: the header has it, and no Xen");
    assert_eq!(flush(address + 4096, (0, 4), 1), -22, "not mapped");
    assert_eq!(unmap(&xen, place.gfn(), handle), 0);
    assert_eq!(flush(address, (0, 4), 1), -22, "no more mapped");
    host.check().unwrap();
}

#[test]
fn padding_is_zero() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, own) = (guest.hook(), Side::Frame(SELF, guest.page().gfn()));
    for at in [12, 15, 28, 34, 38] {
        let mut blocks = [copy_block((own, 0), (own, 8), 4)];
        blocks[0][at] |= 4;
        assert_eq!(call(&xen, COPY, &mut blocks), 0);
        let told = Violation::Padding(xen_hypercall::Number::GRANT_TABLE_OP, COPY);
        assert_eq!(host.check().unwrap_err().last(), Some(&told), "{at}");
    }
    assert_eq!(host.check().unwrap_err().len(), 5);
}
