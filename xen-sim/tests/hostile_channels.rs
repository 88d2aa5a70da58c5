//! Channels of libxenvchan against a peer that lies, waits or goes: each row of the catalogue with its accepted neighbour.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use xen_hypercall::GrantRef;
use xen_ring::{BadShape, Misbehaved, Moved, Notify, Transfer, Vchan, VchanMemory, VchanPeer, VchanShape};
use xen_sim::adversary::{Access, Memory, put};

const PAGE: usize = 4096;
const ORDERS: usize = 16;
const CLI_LIVE: usize = 20;
const SRV_LIVE: usize = 21;
const CLI_NOTIFY: usize = 22;
const SRV_NOTIFY: usize = 23;
const WRITE: u8 = 1;
const READ: u8 = 2;

type Ends<'m> = (Vchan<'m, Memory>, Vchan<'m, Memory>);

fn small() -> VchanShape {
    VchanShape::new(10, 11).unwrap()
}

/// Server and client of a channel whose rings are both in the page.
fn ends(page: &Memory) -> Ends<'_> {
    small().offer(page, &[]);
    let memory = VchanMemory::<_, Memory> { page, left: None, right: None };
    (Vchan::serve(&memory, small()).unwrap(), Vchan::join(&memory, small()).unwrap())
}

fn moved(bytes: usize, notify: Notify) -> Result<Transfer, Misbehaved> {
    Ok(Transfer::Moved(Moved { bytes, notify }))
}

fn flag(page: &Memory, at: usize) -> u8 {
    page.with(|bytes| bytes[at])
}

fn set(page: &Memory, at: usize, value: u8) {
    page.with(|bytes| bytes[at] = value);
}

/// As `struct vchan_interface` has it, and what libxenvchan's server writes.
#[test]
fn an_offer_is_laid_out_as_the_header_says() {
    let page = Memory::new(PAGE);
    VchanShape::new(13, 11).unwrap().offer(&page, &[GrantRef(0x0102_0304), GrantRef(9)]);
    let mut expected = [0; 40];
    expected[16..24].copy_from_slice(&[13, 0, 11, 0, 2, 1, WRITE, 0]);
    expected[24..32].copy_from_slice(&[4, 3, 2, 1, 9, 0, 0, 0]);
    page.with(|bytes| assert_eq!(bytes[..40], expected));
}

#[test]
fn c12_orders_that_are_none_are_refused() {
    for order in [0, 1, 9, 21, 31, 32, 33, 255, u16::MAX] {
        for (left, right) in [(order, 12), (12, order)] {
            let page = Memory::new(PAGE);
            page.poke(ORDERS, u32::from(right) << 16 | u32::from(left));
            page.drain();
            assert_eq!(VchanShape::accept(&page, &mut [GrantRef(0); 8]), Err(BadShape::Order(order)));
            assert_eq!(page.drain(), [Access::Load(ORDERS)], "no grant is read");
        }
    }
    for order in [10, 11] {
        assert_eq!(VchanShape::new(order, order), Err(BadShape::SamePlace(order)));
    }
    assert_eq!(VchanShape::new(12, 12).map(VchanShape::pages), Ok([1, 1]));
}

/// The list of grants would end in a ring, or beyond the page.
#[test]
fn c12_grants_that_do_not_fit_are_refused() {
    // 250 words are free before byte 1024, 506 before 2048, and 1018 in the whole page.
    assert_eq!(VchanShape::new(10, 20), Err(BadShape::Grants { needed: 256, room: 250 }));
    assert_eq!(VchanShape::new(20, 11).map(VchanShape::pages), Ok([256, 0]));
    assert_eq!(VchanShape::new(20, 20).map(VchanShape::pages), Ok([256, 256]));
    assert_eq!(VchanShape::new(10, 19).map(VchanShape::pages), Ok([0, 128]));
    let page = Memory::new(PAGE);
    page.poke(ORDERS, 13 << 16 | 13);
    let mut grants = [GrantRef(7); 3];
    assert_eq!(VchanShape::accept(&page, &mut grants), Err(BadShape::Grants { needed: 4, room: 3 }));
    assert_eq!(grants, [GrantRef(7); 3]);
}

/// Orders and grants change before each access: one value decides, and the ends' rings stay as they are.
#[test]
fn c12_a_shape_is_read_once() {
    for when in 0..5 {
        let page = Memory::new(PAGE);
        page.poke(ORDERS, 12 << 16 | 13);
        page.drain();
        page.write_at(when, |bytes| put(bytes, ORDERS, 20 << 16 | 20));
        let read = VchanShape::accept(&page, &mut [GrantRef(0); 8]);
        if when == 0 {
            assert_eq!(read, Err(BadShape::Grants { needed: 512, room: 8 }));
        } else {
            assert_eq!(read.map(VchanShape::pages), Ok([2, 1]));
        }
    }
    let page = Memory::new(PAGE);
    let (mut server, mut client) = ends(&page);
    page.poke(ORDERS, u32::MAX);
    assert_eq!(client.send(&[&[5; 2000]]), moved(1024, Notify::Yes));
    assert_eq!(server.receive(&mut [&mut [0; 2000]]), moved(1024, Notify::No));
    assert!(!page.drain().contains(&Access::Load(ORDERS)));
}

#[test]
fn c01_c02_impossible_indices_poison_one_direction() {
    for lie in [1025, 1 << 31, u32::MAX] {
        let page = Memory::new(PAGE);
        let (mut server, mut client) = ends(&page);
        page.poke(4, lie);
        let reason = Misbehaved::Overrun { seen: 0, now: lie, allowed: 1024 };
        assert_eq!(server.receive(&mut [&mut [0; 8]]), Err(reason));
        assert_eq!(server.receive(&mut [&mut [0; 8]]), Err(reason), "for good");
        assert_eq!(server.send(&[b"still"]), moved(5, Notify::Yes), "the other direction lives");
        page.poke(0, lie);
        let nothing = Misbehaved::Overrun { seen: 0, now: lie, allowed: 0 };
        assert_eq!(client.send(&[&[1; 1025]]), Err(nothing));
        let memory = VchanMemory::<_, Memory> { page: &page, left: None, right: None };
        page.poke(0, 0);
        assert_eq!(Vchan::serve(&memory, small()).err(), Some(reason), "and nobody takes such a page");
    }
}

#[test]
fn c08_ends_go_on_from_indices_in_use() {
    let page = Memory::new(PAGE);
    let (_, mut client) = ends(&page);
    for index in [0, 4, 8, 12] {
        page.poke(index, u32::MAX - 2);
    }
    let memory = VchanMemory::<_, Memory> { page: &page, left: None, right: None };
    let mut again = Vchan::join(&memory, small()).unwrap();
    let mut server = Vchan::serve(&memory, small()).unwrap();
    assert!(matches!(again.send(&[b"across ", b"the wrap"]), Ok(Transfer::Moved(_))));
    let mut got = [0; 20];
    assert!(matches!(server.receive(&mut [&mut got]), Ok(Transfer::Moved(moved)) if moved.bytes == 15));
    assert_eq!(&got[..15], b"across the wrap");
    assert!(client.receive(&mut [&mut got]).is_err(), "an end of before finds indices that are not its own");
}

/// What the other end asked for is told once; what it did not ask for is not told.
#[test]
fn c14_events_come_when_they_were_asked_for() {
    let page = Memory::new(PAGE);
    let (mut server, mut client) = ends(&page);
    let mut got = [0; 4];
    assert_eq!(client.send(&[b"1"]), moved(1, Notify::Yes), "a server is told of the first byte");
    assert_eq!(client.send(&[b"2"]), moved(1, Notify::No), "once");
    assert_eq!(server.receive(&mut [&mut got]), moved(2, Notify::No));
    assert_eq!(server.receive(&mut [&mut got]), Ok(Transfer::Wait));
    assert_eq!(flag(&page, CLI_NOTIFY), WRITE);
    assert_eq!(client.send(&[b"3"]), moved(1, Notify::Yes));
    assert_eq!(flag(&page, CLI_NOTIFY), 0);
}

#[test]
fn c14_room_is_told_of_when_it_was_asked_for() {
    let page = Memory::new(PAGE);
    let (mut server, mut client) = ends(&page);
    let mut got = [0; 4];
    assert_eq!(client.send(&[&[0; 2000]]), moved(1024, Notify::Yes));
    assert_eq!(client.send(&[b"x"]), Ok(Transfer::Wait));
    assert_eq!(flag(&page, SRV_NOTIFY), WRITE | READ, "the client has asked for both");
    assert_eq!(server.receive(&mut [&mut got]), moved(4, Notify::Yes));
    assert_eq!(server.receive(&mut [&mut got]), moved(4, Notify::No));
    assert_eq!(flag(&page, SRV_NOTIFY), WRITE);
    assert_eq!(server.send(&[b"y"]), moved(1, Notify::Yes));
}

/// Bits set for ever cost one event an operation; bits that are taken away, or mean nothing, are the peer's own loss.
#[test]
fn c14_bits_are_hints_alone() {
    let page = Memory::new(PAGE);
    let (mut server, mut client) = ends(&page);
    for (bits, notify) in
        [(0, Notify::No), (0xff, Notify::Yes), (READ, Notify::No), (0xfc, Notify::No), (WRITE, Notify::Yes)]
    {
        set(&page, CLI_NOTIFY, bits);
        assert_eq!(client.send(&[b"z"]), moved(1, notify), "{bits:#x}");
        assert_eq!(flag(&page, CLI_NOTIFY), bits & !WRITE, "only the one bit is taken");
    }
    assert_eq!(server.receive(&mut [&mut [0; 9]]), moved(5, Notify::No));
    assert_eq!(server.receive(&mut [&mut [0; 9]]), Ok(Transfer::Wait));
    set(&page, CLI_NOTIFY, 0);
    page.poke(4, 6);
    assert_eq!(server.receive(&mut [&mut [0; 9]]), moved(1, Notify::No), "who looks again finds it all the same");
}

/// An operation that finds nothing asks, then looks once more, and no oftener, whatever the peer does.
#[test]
fn c14_c15_an_idle_operation_has_a_bounded_number_of_steps() {
    let page = Memory::new(PAGE);
    let (mut server, _client) = ends(&page);
    set(&page, CLI_NOTIFY, 0);
    page.drain();
    assert_eq!(server.receive(&mut [&mut [0; 9]]), Ok(Transfer::Wait));
    let expected = [
        Access::Load(4),
        Access::Flag(CLI_NOTIFY),
        Access::Flag(CLI_NOTIFY),
        Access::Fence,
        Access::Flag(CLI_LIVE),
        Access::Load(4),
    ];
    assert_eq!(page.drain(), expected);
    assert_eq!(server.receive(&mut [&mut [0; 9]]), Ok(Transfer::Wait));
    let again = [Access::Load(4), Access::Flag(CLI_NOTIFY), Access::Fence, Access::Flag(CLI_LIVE), Access::Load(4)];
    assert_eq!(page.drain(), again, "a bit that is set is not set again");
    // Between the two looks the peer sends a byte.
    page.write_at(3, |bytes| put(bytes, 4, 1));
    assert_eq!(server.receive(&mut [&mut [0; 9]]), moved(1, Notify::No));
}

#[test]
fn c13_what_was_sent_before_the_end_arrives() {
    let page = Memory::new(PAGE);
    let (mut server, mut client) = ends(&page);
    assert!(matches!(client.send(&[b"last words"]), Ok(Transfer::Moved(_))));
    assert_eq!(client.close(), Notify::Yes);
    assert_eq!(server.send(&[b"too late"]), Ok(Transfer::Closed));
    let mut got = [0; 6];
    assert_eq!(server.receive(&mut [&mut got]), moved(6, Notify::No));
    assert_eq!(server.receive(&mut [&mut got]), moved(4, Notify::No));
    assert_eq!(server.receive(&mut [&mut got]), Ok(Transfer::Closed));
    page.drain();
    set(&page, CLI_LIVE, 1);
    page.poke(4, 100);
    assert_eq!(server.receive(&mut [&mut got]), Ok(Transfer::Closed), "for good");
    assert_eq!(server.send(&[b"x"]), Ok(Transfer::Closed));
    assert_eq!(page.drain(), []);
}

#[test]
fn c13_a_live_byte_that_means_nothing_means_gone() {
    for (value, server_sees, client_sees) in [
        (0, VchanPeer::Gone, VchanPeer::Gone),
        (1, VchanPeer::Here, VchanPeer::Here),
        (2, VchanPeer::Awaited, VchanPeer::Gone),
        (3, VchanPeer::Gone, VchanPeer::Gone),
        (77, VchanPeer::Gone, VchanPeer::Gone),
        (255, VchanPeer::Gone, VchanPeer::Gone),
    ] {
        let page = Memory::new(PAGE);
        let (mut server, mut client) = ends(&page);
        set(&page, CLI_LIVE, value);
        set(&page, SRV_LIVE, value);
        assert_eq!((server.peer(), client.peer()), (server_sees, client_sees), "{value}");
        let expected = if server_sees == VchanPeer::Gone { Transfer::Closed } else { Transfer::Wait };
        assert_eq!(server.receive(&mut [&mut [0; 3]]), Ok(expected), "{value}");
        set(&page, CLI_LIVE, 1);
        let after = if server_sees == VchanPeer::Gone { VchanPeer::Gone } else { VchanPeer::Here };
        assert_eq!(server.peer(), after, "who was gone does not come back");
    }
}

/// The peer goes before each access of a call that finds nothing, having sent a byte just before: the byte is not lost.
#[test]
fn c13_the_end_is_seen_before_the_last_look() {
    for when in 0..5 {
        let page = Memory::new(PAGE);
        let (mut server, _client) = ends(&page);
        page.drain();
        page.write_at(when, |bytes| {
            put(bytes, 4, 1);
            bytes[CLI_LIVE] = 0;
        });
        let found = server.receive(&mut [&mut [0; 3]]).unwrap();
        page.drain();
        match found {
            Transfer::Moved(moved) => assert_eq!(moved.bytes, 1),
            // It was too late for this call; the event of the closing peer brings the next.
            Transfer::Wait => assert_eq!(server.receive(&mut [&mut [0; 3]]), moved(1, Notify::No)),
            Transfer::Closed => unreachable!("{when}: the byte is lost"),
        }
        assert_eq!(server.receive(&mut [&mut [0; 3]]), Ok(Transfer::Closed));
    }
}

#[test]
fn nothing_asked_is_nothing_done() {
    let page = Memory::new(PAGE);
    let (mut server, mut client) = ends(&page);
    assert_eq!(client.send(&[]), moved(0, Notify::No));
    assert_eq!(server.receive(&mut [&mut []]), moved(0, Notify::No));
    assert_eq!(flag(&page, CLI_NOTIFY), WRITE);
}
