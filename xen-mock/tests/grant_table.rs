//! The size and the place of the table, limits, other hosts, and a Xen that goes wrong.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::grant::*;
use common::{Client, raw, set_callback};
use xen_hypercall::op::memory;
use xen_hypercall::{DomId, GrantRef, Number, Word};
use xen_mock::{Destination, GrantOps, Hook, Host, MapMode, Save};

#[repr(C)]
struct SetupTable {
    domain: u16,
    pad: u16,
    count: u32,
    status: i16,
    pad2: [u16; 3],
    list: *mut u64,
}

#[repr(C)]
struct StatusFrames {
    count: u32,
    domain: u16,
    status: i16,
    list: *mut u64,
}

/// What came of it: the result, the status, and the frames that were written.
type Frames = (isize, i16, Vec<u64>);

fn one<T>(xen: &Hook, cmd: usize, block: *mut T) -> isize {
    raw(xen, Number::GRANT_TABLE_OP, [Word::int(cmd), Word::ptr(block), Word::int(1), Word::ZERO, Word::ZERO])
}

fn setup(xen: &Hook, domain: u16, count: u32) -> Frames {
    let mut list = [0_u64; 8];
    let mut block = SetupTable { domain, pad: 0, count, status: UNWRITTEN, pad2: [0; 3], list: list.as_mut_ptr() };
    let result = one(xen, SETUP, &raw mut block);
    (result, block.status, list[..count as usize].to_vec())
}

fn status_frames(xen: &Hook, domain: u16, count: u32) -> Frames {
    let mut list = [0_u64; 8];
    let mut block = StatusFrames { count, domain, status: UNWRITTEN, list: list.as_mut_ptr() };
    let result = one(xen, STATUS_FRAMES, &raw mut block);
    (result, block.status, list[..count as usize].to_vec())
}

fn size(xen: &Hook, domain: u16) -> (i16, u32, u32) {
    let mut block = [0_u8; 16];
    block[..2].copy_from_slice(&domain.to_le_bytes());
    block[12..14].copy_from_slice(&UNWRITTEN.to_le_bytes());
    let mut blocks = [block];
    assert_eq!(call(xen, QUERY, &mut blocks), 0);
    (status(&blocks[0], 12), u32_at(&blocks[0], 4), u32_at(&blocks[0], 8))
}

#[test]
fn a_table_is_set_up_by_its_frames() {
    let host = Host::builder().max_grant_frames(4).build();
    let guest = host.guest();
    let (xen, first) = (guest.hook(), table(&guest));
    assert_eq!(setup(&xen, SELF, 3), (0, 0, vec![first.gfn().0, u64::MAX, u64::MAX]));
    assert_eq!(size(&xen, SELF), (0, 3, 4), "it grew");
    assert_eq!(setup(&xen, SELF, 5), (0, GENERAL, vec![0; 5]));
    assert_eq!(setup(&xen, 0, 1), (0, DENIED, vec![0]));
    assert_eq!(setup(&xen, 9, 1), (0, BAD_DOMAIN, vec![0]));
    assert_eq!((size(&xen, 0).0, size(&xen, 9).0), (DENIED, BAD_DOMAIN));
    assert_eq!(size(&xen, guest.domid().0), (0, 3, 4), "its own number is as good");
    let mut block = SetupTable { domain: SELF, pad: 0, count: 1, status: 0, pad2: [0; 3], list: std::ptr::null_mut() };
    assert_eq!((one(&xen, SETUP, &raw mut block), block.status), (0, BAD_ADDRESS));
    host.check().unwrap();
}

#[test]
fn status_frames_are_told_where_they_may_be_asked_for() {
    let host = Host::builder().max_grant_frames(9).grant_ops(GrantOps::All).build();
    let guest = host.guest();
    let xen = guest.hook();
    assert_eq!(status_frames(&xen, SELF, 1), (0, GENERAL, vec![0]), "version 1 has none");
    let (_table, status) = table_v2(&guest);
    assert_eq!(status_frames(&xen, SELF, 1), (0, 0, vec![status.gfn().0]));
    assert_eq!(status_frames(&xen, SELF, 2), (0, GENERAL, vec![0; 2]));
    memory::map_grant_frame(&xen, 8, &guest.page()).unwrap();
    assert_eq!(status_frames(&xen, SELF, 2), (0, 0, vec![status.gfn().0, u64::MAX]));
    assert_eq!(status_frames(&xen, 0, 1).1, DENIED);
    host.check().unwrap();
}

#[test]
fn g21_fewer_frames_than_asked_for_and_a_size_that_cannot_be() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (xen, first) = (guest.hook(), table(&guest));
    host.faults().grant_frames_written(0);
    assert_eq!(setup(&xen, SELF, 1), (0, 0, vec![0]));
    host.faults().grant_frames_written(1);
    assert_eq!(setup(&xen, SELF, 2), (0, 0, vec![first.gfn().0, 0]));
    host.faults().grant_size(0, u32::MAX);
    assert_eq!(size(&xen, SELF), (0, 0, u32::MAX));
    host.faults().clear();
    assert_eq!(size(&xen, SELF), (0, 2, 64));
    assert_eq!(setup(&xen, SELF, 1), (0, 0, vec![first.gfn().0]));
}

#[test]
fn g13_g17_a_status_that_no_xen_may_give() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, hole, grant) = (guest.hook(), guest.hole(), (0, given.gref().0));
    for wrong in [1, i16::MIN, i16::MAX, -14] {
        host.faults().on_grant(MAP).status(wrong);
        assert_eq!(map(&xen, hole.gfn(), HOST, grant), Err(wrong));
    }
    assert_eq!(given.mappings(), 0, "none was done");
    assert!(map(&xen, hole.gfn(), HOST, grant).is_ok());
    host.check().unwrap();
}

#[test]
fn g14_a_status_that_is_not_written() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, holes) = (guest.hook(), [guest.hole(), guest.hole(), guest.hole()]);
    host.faults().on_grant(MAP).nth(2).unwritten();
    let mut blocks = [0, 1, 2].map(|at: usize| map_block(holes[at].gfn(), HOST, (0, given.gref().0)));
    let before = blocks[1];
    assert_eq!(call(&xen, MAP, &mut blocks), 0);
    assert_eq!(blocks.map(|block| status(&block, 18)), [0, UNWRITTEN, 0]);
    assert_eq!((blocks[1], given.mappings()), (before, 2));
    host.check().unwrap();
}

#[test]
fn g15_a_call_that_ends_half_way() {
    let host = Host::builder().build();
    let (guest, given) = (host.guest(), host.dom0().grant(MapMode::Write));
    let (xen, holes) = (guest.hook(), [guest.hole(), guest.hole(), guest.hole()]);
    host.faults().on_grant(MAP).nth(2).fails_call(-14);
    let mut blocks = [0, 1, 2].map(|at: usize| map_block(holes[at].gfn(), HOST, (0, given.gref().0)));
    assert_eq!(call(&xen, MAP, &mut blocks), -14);
    assert_eq!(blocks.map(|block| status(&block, 18)), [0, UNWRITTEN, UNWRITTEN], "what came before is done");
    assert_eq!((given.mappings(), host.ledger().holdings().foreign.len()), (1, 1));
    host.faults().on_grant(UNMAP).times(2).status(GENERAL);
    let handle = u32_at(&blocks[0], 20);
    assert_eq!([0, 1, 2].map(|_| unmap(&xen, holes[0].gfn(), handle)), [GENERAL, GENERAL, 0], "g19: fails, and stays");
    host.check().unwrap();
}

#[test]
fn g22_nothing_of_a_table_survives_a_move() {
    let host = Host::builder().max_grant_frames(8).build();
    let mut client = Client::new(&host);
    let (guest, xen) = (host.guest(), client.xen.clone());
    let (given, hole, page) = (host.dom0().grant(MapMode::Write), guest.hole(), guest.page());
    let (table, status) = table_v2(&guest);
    v2(&table, 8, (PERMIT, 0, 0, page.gfn().0));
    let mapped = host.dom0().map(GrantRef(8), MapMode::Write).unwrap();
    map(&xen, hole.gfn(), HOST, (0, given.gref().0)).unwrap();
    memory::map_grant_frame(&xen, 7, &guest.page()).unwrap();
    let to = Destination { max_grant_frames: Some(2), max_grant_version: Some(1), ..Destination::DEFAULT };
    host.toolstack().await_suspend(Save::Restore(to));
    assert_eq!(client.suspend(), 0);
    client.rebuild();
    for gone in [&table, &status, &hole] {
        assert_eq!(read::<8>(gone, 64), [0xff; 8]);
    }
    assert!(!mapped.is_alive());
    assert_eq!((version(&xen), size(&xen, SELF)), (1, (0, 1, 2)), "another host, with less");
    assert_eq!(set_version(&xen, 2), (-38, 1));
    assert_eq!(add_to_physmap(&xen, 2, &guest.page()), -22);
    assert_eq!(map(&xen, hole.gfn(), HOST, (0, given.gref().0)), Err(BAD_REF), "it was the old domain's");
    let again = host.dom0().grant(MapMode::Write);
    assert!(map(&xen, hole.gfn(), HOST, (0, again.gref().0)).is_ok());
    host.check().unwrap();
}

#[test]
fn a_checkpoint_changes_nothing() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let (guest, xen) = (host.guest(), client.xen.clone());
    let (given, hole, page) = (host.dom0().grant(MapMode::Write), guest.hole(), guest.page());
    let (table, _status) = table_v2(&guest);
    v2(&table, 8, (PERMIT, 0, 0, page.gfn().0));
    let mapped = host.dom0().map(GrantRef(8), MapMode::Write).unwrap();
    let handle = map(&xen, hole.gfn(), HOST, (0, given.gref().0)).unwrap();
    let before = host.ledger().holdings();
    set_callback(&xen);
    host.toolstack().await_suspend(Save::Checkpoint);
    assert_eq!(client.suspend(), 1);
    assert_eq!((host.ledger().holdings(), version(&xen)), (before, 2));
    mapped.write(0, b"on");
    given.write(0, b"on");
    assert_eq!((read::<2>(&page, 0), read::<2>(&hole, 0)), (*b"on", *b"on"));
    assert_eq!(unmap(&xen, hole.gfn(), handle), 0);
    host.check().unwrap();
}

#[test]
fn g11_the_grants_of_a_domain_that_dies_are_free() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page, peer) = (table(&guest), guest.page(), host.peer(DomId(6)));
    let gref = v1(&table, 8, (PERMIT, 6, page.gfn()));
    let mapped = peer.map(gref, MapMode::Write).unwrap();
    peer.map(gref, MapMode::Read).unwrap().pin();
    assert_eq!((flags(&table, 64), host.ledger().holdings().mappings), (PERMIT | READING | WRITING, 2));
    peer.die();
    assert!(!mapped.is_alive());
    assert_eq!((flags(&table, 64), host.ledger().holdings().mappings), (PERMIT, 0));
    assert!(host.peer(DomId(6)).map(gref, MapMode::Read).is_ok(), "a stranger with the number gets in");
    drop(mapped);
    host.check().unwrap();
}
