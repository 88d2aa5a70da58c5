//! Channels of libxenvchan: their shapes, their events, their end, and what a peer may write into the page.
#![expect(unsafe_code, reason = "a test gives its own pages")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{Access, Adversary, page, pages, put};
use xen_hypercall::{GrantRef, SharedPages};
use xen_ring::{BadShape, Misbehaved, Moved, Notify, Transfer, Vchan, VchanMemory, VchanPeer, VchanShape};

const ORDERS: usize = 16;
const CLI_LIVE: usize = 20;
const SRV_LIVE: usize = 21;
const CLI_NOTIFY: usize = 22;
const SRV_NOTIFY: usize = 23;
const WRITE: u8 = 1;
const READ: u8 = 2;

type Ends<'m> = (Vchan<'m, Adversary>, Vchan<'m, Adversary>);

fn small() -> VchanShape {
    VchanShape::new(10, 11).unwrap()
}

/// Server and client of a channel whose rings are both in the page.
fn ends(page: &Adversary) -> Ends<'_> {
    small().offer(page, &[]);
    let memory = VchanMemory::<_, Adversary> { page, left: None, right: None };
    (Vchan::serve(&memory, small()).unwrap(), Vchan::join(&memory, small()).unwrap())
}

fn moved(bytes: usize, notify: Notify) -> Result<Transfer, Misbehaved> {
    Ok(Transfer::Moved(Moved { bytes, notify }))
}

fn flag(page: &Adversary, at: usize) -> u8 {
    page.with(|bytes| bytes[at])
}

fn set(page: &Adversary, at: usize, value: u8) {
    page.with(|bytes| bytes[at] = value);
}

/// Gives pages for a ring that has so many of its own.
fn area(count: usize) -> Option<&'static SharedPages<'static>> {
    match count {
        0 => None,
        1 => Some(pages::<1>()),
        2 => Some(pages::<2>()),
        _ => Some(pages::<4>()),
    }
}

/// Fills a ring of `size` bytes with a message that is too long, and takes it out in two pieces.
fn carry(sender: &mut Vchan<'_>, receiver: &mut Vchan<'_>, size: usize) {
    let sent: Vec<u8> = (0..251).cycle().take(size + 9).collect();
    assert_eq!(sender.send(&[&sent[..3], &sent[3..]]), moved(size, Notify::Yes));
    let mut got = vec![0; size + 9];
    let (head, tail) = got.split_at_mut(700);
    assert!(matches!(receiver.receive(&mut [head, tail]), Ok(Transfer::Moved(moved)) if moved.bytes == size));
    assert_eq!(got[..size], sent[..size]);
}

#[test]
fn bytes_go_both_ways_in_every_shape() {
    // Under Miri the small ones.
    let shapes = [(10, 11), (10, 12), (12, 11), (11, 10), (12, 12), (14, 13)];
    for (left, right) in shapes.into_iter().take(if cfg!(miri) { 3 } else { 6 }) {
        let shape = VchanShape::new(left, right).unwrap();
        let (page, [lefts, rights]) = (page(), shape.pages());
        let grants: Vec<_> = (0..).map(|number| GrantRef(number + 50)).take(lefts + rights).collect();
        shape.offer(page, &grants);
        let mut read = vec![GrantRef(0); grants.len()];
        assert_eq!(VchanShape::accept(page, &mut read), Ok(shape));
        assert_eq!(read, grants);
        let memory = VchanMemory { page, left: area(lefts), right: area(rights) };
        let mut server = Vchan::serve(&memory, shape).unwrap();
        assert_eq!(server.peer(), VchanPeer::Awaited);
        let mut client = Vchan::join(&memory, shape).unwrap();
        assert_eq!((server.peer(), client.peer()), (VchanPeer::Here, VchanPeer::Here));
        carry(&mut client, &mut server, 1 << left);
        carry(&mut server, &mut client, 1 << right);
    }
}

/// As `struct vchan_interface` has it, and what libxenvchan's server writes.
#[test]
fn an_offer_is_laid_out_as_the_header_says() {
    let page = Adversary::new();
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
            let page = Adversary::new();
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
    let page = Adversary::new();
    page.poke(ORDERS, 13 << 16 | 13);
    let mut grants = [GrantRef(7); 3];
    assert_eq!(VchanShape::accept(&page, &mut grants), Err(BadShape::Grants { needed: 4, room: 3 }));
    assert_eq!(grants, [GrantRef(7); 3]);
}

/// Orders and grants change before each access: one value decides, and the ends' rings stay as they are.
#[test]
fn c12_a_shape_is_read_once() {
    for when in 0..5 {
        let page = Adversary::new();
        page.poke(ORDERS, 12 << 16 | 13);
        page.drain();
        page.strike(when, |bytes| put(bytes, ORDERS, 20 << 16 | 20));
        let read = VchanShape::accept(&page, &mut [GrantRef(0); 8]);
        if when == 0 {
            assert_eq!(read, Err(BadShape::Grants { needed: 512, room: 8 }));
        } else {
            assert_eq!(read.map(VchanShape::pages), Ok([2, 1]));
        }
    }
    let page = Adversary::new();
    let (mut server, mut client) = ends(&page);
    page.poke(ORDERS, u32::MAX);
    assert_eq!(client.send(&[&[5; 2000]]), moved(1024, Notify::Yes));
    assert_eq!(server.receive(&mut [&mut [0; 2000]]), moved(1024, Notify::No));
    assert!(!page.drain().contains(&Access::Load(ORDERS)));
}

#[test]
fn c01_c02_impossible_indices_poison_one_direction() {
    for lie in [1025, 1 << 31, u32::MAX] {
        let page = Adversary::new();
        let (mut server, mut client) = ends(&page);
        page.poke(4, lie);
        let reason = Misbehaved::Overrun { seen: 0, now: lie, allowed: 1024 };
        assert_eq!(server.receive(&mut [&mut [0; 8]]), Err(reason));
        assert_eq!(server.receive(&mut [&mut [0; 8]]), Err(reason), "for good");
        assert_eq!(server.send(&[b"still"]), moved(5, Notify::Yes), "the other direction lives");
        page.poke(0, lie);
        let nothing = Misbehaved::Overrun { seen: 0, now: lie, allowed: 0 };
        assert_eq!(client.send(&[&[1; 1025]]), Err(nothing));
        let memory = VchanMemory::<_, Adversary> { page: &page, left: None, right: None };
        page.poke(0, 0);
        assert_eq!(Vchan::serve(&memory, small()).err(), Some(reason), "and nobody takes such a page");
    }
}

#[test]
fn c08_ends_go_on_from_indices_in_use() {
    let page = Adversary::new();
    let (_, mut client) = ends(&page);
    for index in [0, 4, 8, 12] {
        page.poke(index, u32::MAX - 2);
    }
    let memory = VchanMemory::<_, Adversary> { page: &page, left: None, right: None };
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
    let page = Adversary::new();
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
    let page = Adversary::new();
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
    let page = Adversary::new();
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
    let page = Adversary::new();
    let (mut server, _client) = ends(&page);
    set(&page, CLI_NOTIFY, 0);
    page.drain();
    assert_eq!(server.receive(&mut [&mut [0; 9]]), Ok(Transfer::Wait));
    let expected = [
        Access::Load(4),
        Access::Byte(CLI_NOTIFY),
        Access::Raise(CLI_NOTIFY, WRITE),
        Access::Fence,
        Access::Byte(CLI_LIVE),
        Access::Load(4),
    ];
    assert_eq!(page.drain(), expected);
    assert_eq!(server.receive(&mut [&mut [0; 9]]), Ok(Transfer::Wait));
    let again: Vec<_> = expected.into_iter().filter(|access| !matches!(access, Access::Raise(..))).collect();
    assert_eq!(page.drain(), again, "a bit that is set is not set again");
    // Between the two looks the peer sends a byte.
    page.strike(3, |bytes| put(bytes, 4, 1));
    assert_eq!(server.receive(&mut [&mut [0; 9]]), moved(1, Notify::No));
}

#[test]
fn c13_what_was_sent_before_the_end_arrives() {
    let page = Adversary::new();
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
        let page = Adversary::new();
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
        let page = Adversary::new();
        let (mut server, _client) = ends(&page);
        page.drain();
        page.strike(when, |bytes| {
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
    let page = Adversary::new();
    let (mut server, mut client) = ends(&page);
    assert_eq!(client.send(&[]), moved(0, Notify::No));
    assert_eq!(server.receive(&mut [&mut []]), moved(0, Notify::No));
    assert_eq!(flag(&page, CLI_NOTIFY), WRITE);
}

/// What the peer does to a word or a flag.
type Stroke = fn(&mut [u8; 4096], usize);

const STROKES: [Stroke; 8] = [
    |bytes, at| bump(bytes, at, 1),
    |bytes, at| bump(bytes, at, 1024),
    |bytes, at| bump(bytes, at, 1025),
    |bytes, at| bump(bytes, at, 1 << 31),
    |bytes, at| bump(bytes, at, u32::MAX),
    |bytes, at| put(bytes, at, 0),
    |bytes, at| put(bytes, at, u32::MAX),
    |bytes, at| bytes[at] = 77,
];

fn bump(bytes: &mut [u8; 4096], at: usize, by: u32) {
    let old = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    put(bytes, at, old.wrapping_add(by));
}

/// Has a client send, and a server receive, three times, with strokes between; returns the number of accesses.
fn converse(strokes: &[(usize, usize, Stroke)]) -> usize {
    let page = Adversary::new();
    let (mut server, mut client) = ends(&page);
    for index in [0, 4] {
        page.poke(index, 0);
    }
    page.drain();
    for &(when, at, stroke) in strokes {
        page.strike(when, move |bytes| stroke(bytes, at));
    }
    let mut fault = [None; 2];
    for round in 0..3 {
        let (mut one, mut two) = ([0; 90], [0; 700]);
        let sent = bounded(&page, || client.send(&[&[round; 300], b"", &[round; 200]]));
        let got = bounded(&page, || server.receive(&mut [&mut one, &mut two]));
        for (fault, result) in fault.iter_mut().zip([sent, got]) {
            assert!(fault.is_none() || result.err() == *fault, "R30: the same reason for good");
            *fault = result.err();
        }
    }
    let accesses = page.drain();
    accesses.iter().for_each(is_allowed);
    accesses.len()
}

/// Runs an operation, which takes a bounded number of accesses and moves no more than there can be.
fn bounded(page: &Adversary, operation: impl FnOnce() -> Result<Transfer, Misbehaved>) -> Result<Transfer, Misbehaved> {
    let before = page.len();
    let result = operation();
    assert!(page.len() - before <= 12, "C15: a bounded number of accesses");
    assert!(!matches!(result, Ok(Transfer::Moved(moved)) if moved.bytes > 790), "no more than was asked");
    result
}

fn is_allowed(access: &Access) {
    match *access {
        Access::In(at, len) | Access::Out(at, len) => {
            assert!(at >= 1024 && at + len <= 2048, "C01: the ring's bytes");
        }
        Access::Load(at) => assert!([0, 4].contains(&at), "C03, C12: nothing but the peers' indices"),
        _ => {}
    }
}

/// Under Miri only some strokes are tried.
const STRIDE: usize = if cfg!(miri) { 31 } else { 1 };

#[test]
fn c01_c02_c03_c12_c13_c14_channels_struck_everywhere() {
    let accesses = converse(&[]);
    assert!(accesses > 15, "{accesses}");
    let places = [0, 4, 8, 12, ORDERS, CLI_LIVE];
    let single = || {
        (0..accesses).flat_map(move |when| places.into_iter().flat_map(move |at| STROKES.map(|how| (when, at, how))))
    };
    for first in single().step_by(STRIDE) {
        converse(&[first]);
        for second in single().filter(|second| second.0 >= first.0).step_by(29 * STRIDE) {
            converse(&[first, second]);
        }
    }
}
