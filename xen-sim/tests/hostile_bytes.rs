//! Byte rings and flex rings against a peer that lies: each row of the catalogue with its accepted neighbour.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use xen_hypercall::GrantRef;
use xen_ring::{ByteReceiver, ByteSender, FlexOrder, Layout, Misbehaved, Moved, Notify, UnsupportedOrder};
use xen_ring::{flex_accept, flex_back, flex_front};
use xen_sim::adversary::{Access, Memory, put};

const PAGE: usize = 4096;
const NEAR_WRAP: u32 = u32::MAX - 2;
/// `ring_order` of a flex ring.
const ORDER: usize = 128;

/// Sixteen bytes at 32, its indices at 0 and 4.
const SMALL: Layout = Layout::new(32, 16, 0, 4);

fn pair(memory: &Memory) -> (ByteSender<'_, Memory>, ByteReceiver<'_, Memory>) {
    (ByteSender::attach(memory, SMALL).unwrap(), ByteReceiver::attach(memory, SMALL).unwrap())
}

fn overrun(seen: u32, now: u32, allowed: u32) -> Misbehaved {
    Misbehaved::Overrun { seen, now, allowed }
}

#[test]
fn room_shrinks_to_nothing_and_comes_back() {
    let memory = Memory::new(PAGE);
    let (mut sender, mut receiver) = pair(&memory);
    assert_eq!(sender.send(&[7; 20]), Ok(16));
    assert_eq!((sender.room(), sender.send(b"x"), sender.is_drained()), (Ok(0), Ok(0), Ok(false)));
    assert_eq!(receiver.receive(&mut [0; 5]), Ok(5));
    assert_eq!((sender.room(), sender.is_drained()), (Ok(5), Ok(false)));
    assert_eq!(receiver.receive(&mut [0; 50]), Ok(11));
    assert_eq!((sender.room(), sender.is_drained()), (Ok(16), Ok(true)));
}

#[test]
fn c01_producer_past_the_ring_poisons_the_receiver() {
    for lie in [17, 18, 1 << 31, u32::MAX] {
        let memory = Memory::new(PAGE);
        let (mut sender, mut receiver) = pair(&memory);
        memory.poke(4, lie);
        assert_eq!(receiver.receive(&mut [0; 4]), Err(overrun(0, lie, 16)));
        memory.poke(4, 0);
        memory.drain();
        assert_eq!(receiver.receive(&mut [0; 4]), Err(overrun(0, lie, 16)), "for good");
        assert_eq!(receiver.is_empty(), Err(overrun(0, lie, 16)));
        assert_eq!(memory.drain(), [], "R30: the page is not read again");
        assert_eq!(sender.send(b"x"), Ok(1), "the other half lives");
    }
    let memory = Memory::new(PAGE);
    let (_, mut receiver) = pair(&memory);
    memory.poke(4, 16);
    assert_eq!(receiver.receive(&mut [0; 40]), Ok(16), "a full ring is no lie");
}

#[test]
fn c02_consumer_past_the_producer_poisons_the_sender() {
    for lie in [4, 5, 1 << 31, u32::MAX] {
        let memory = Memory::new(PAGE);
        let (mut sender, _) = pair(&memory);
        assert_eq!(sender.send(b"abc"), Ok(3));
        memory.poke(0, lie);
        assert_eq!(sender.room(), Err(overrun(0, lie, 3)));
        assert_eq!(sender.send(b"x"), Err(overrun(0, lie, 3)));
        assert_eq!(sender.is_drained(), Err(overrun(0, lie, 3)));
    }
    let memory = Memory::new(PAGE);
    let (mut sender, _) = pair(&memory);
    assert_eq!(sender.send(b"abc"), Ok(3));
    memory.poke(0, 3);
    assert_eq!(sender.room(), Ok(16), "all taken is no lie");
}

#[test]
fn r03_indices_never_go_back() {
    let memory = Memory::new(PAGE);
    let (mut sender, mut receiver) = pair(&memory);
    assert_eq!(sender.send(b"abcd"), Ok(4));
    assert_eq!(receiver.receive(&mut [0; 2]), Ok(2));
    memory.poke(4, 3);
    assert_eq!(receiver.is_empty(), Err(overrun(4, 3, 14)), "though byte 3 is still unread");
    assert_eq!(sender.room(), Ok(14));
    memory.poke(0, 1);
    assert_eq!(sender.room(), Err(overrun(2, 1, 2)));
}

#[test]
fn c03_our_index_in_the_page_is_never_read_back() {
    let memory = Memory::new(PAGE);
    let (mut sender, mut receiver) = pair(&memory);
    memory.drain();
    assert_eq!(sender.send(b"ab"), Ok(2));
    assert_eq!(receiver.receive(&mut [0; 1]), Ok(1));
    let expected = [Access::Out(32, 2), Access::Store(4, 2), Access::Load(4), Access::In(32, 1), Access::Store(0, 1)];
    assert_eq!(memory.drain(), expected);
    memory.poke(4, 9999);
    assert_eq!(sender.send(b"cd"), Ok(2), "the sender goes on from its own index");
    assert_eq!(memory.peek(4), 4);
    memory.poke(0, 1);
    assert_eq!(receiver.receive(&mut [0; 9]), Ok(3), "and so does the receiver");
    assert_eq!(memory.peek(0), 4);
}

/// The peer's index is loaded when what is known of it does not suffice, once a call, and not before.
#[test]
fn c05_the_peer_is_asked_only_where_it_matters() {
    let memory = Memory::new(PAGE);
    let (mut sender, mut receiver) = pair(&memory);
    memory.drain();
    for _ in 0..4 {
        assert_eq!(sender.send(b"four"), Ok(4));
    }
    assert!(!memory.drain().contains(&Access::Load(0)), "sixteen bytes were known to be free");
    assert_eq!(sender.send(b"x"), Ok(0));
    assert_eq!(memory.drain(), [Access::Load(0)]);
    for (expected, loads) in [(3, 1), (3, 0), (3, 0)] {
        assert_eq!(receiver.receive(&mut [0; 3]), Ok(expected));
        assert_eq!(memory.drain().iter().filter(|access| **access == Access::Load(4)).count(), loads);
    }
    assert_eq!(sender.send_vectored(&[b"12", b"", b"3456", b"7890"]), Ok(Moved { bytes: 9, notify: Notify::Yes }));
    let expected = [Access::Load(0), Access::Out(32, 2), Access::Out(34, 4), Access::Out(38, 3), Access::Store(4, 25)];
    assert_eq!(memory.drain(), expected, "one look, one index for all pieces");
}

#[test]
fn c07_pieces_arrive_as_one_stream_and_tell_whether_to_notify() {
    let memory = Memory::new(PAGE);
    memory.poke(0, NEAR_WRAP);
    memory.poke(4, NEAR_WRAP);
    let (mut sender, mut receiver) = pair(&memory);
    let none = Moved { bytes: 0, notify: Notify::No };
    assert_eq!(receiver.receive_vectored(&mut [&mut [0; 4]]), Ok(none));
    assert_eq!(sender.send_vectored(&[]), Ok(none));
    assert_eq!(sender.send_vectored(&[b"", b"ab", b"cdefghijkl", b"mnopqrstuv"]).map(|moved| moved.bytes), Ok(16));
    assert_eq!(sender.send_vectored(&[b"w"]), Ok(none), "wait");
    let (mut one, mut two, mut three) = ([0; 1], [0; 0], [0; 20]);
    let moved = receiver.receive_vectored(&mut [&mut one, &mut two, &mut three]);
    assert_eq!(moved, Ok(Moved { bytes: 16, notify: Notify::Yes }));
    assert_eq!((&one, &three[..15], three[15]), (b"a", &b"bcdefghijklmnop"[..], 0));
    assert_eq!(sender.is_drained(), Ok(true));
}

#[test]
fn c08_what_lay_there_can_be_given_up() {
    let memory = Memory::new(PAGE);
    memory.poke(0, NEAR_WRAP);
    memory.poke(4, NEAR_WRAP.wrapping_add(9));
    let (mut sender, mut receiver) = pair(&memory);
    assert_eq!(receiver.discard(), Ok(Moved { bytes: 9, notify: Notify::Yes }));
    assert_eq!(receiver.discard(), Ok(Moved { bytes: 0, notify: Notify::No }));
    assert_eq!(sender.send(b"new"), Ok(3));
    let mut got = [0; 9];
    assert_eq!(receiver.receive(&mut got), Ok(3));
    assert_eq!(&got[..3], b"new");
}

#[test]
fn c04_a_negative_count_is_no_count() {
    let memory = Memory::new(PAGE);
    memory.poke(0, 5);
    memory.poke(4, 5);
    let mut receiver = ByteReceiver::attach(&memory, SMALL).unwrap();
    memory.poke(4, 4);
    assert_eq!(receiver.receive(&mut [0; 16]), Err(overrun(5, 4, 16)));
}

/// The peer rewrites its index before each access of one call: the call acts on one value, or names the lie.
#[test]
fn c05_one_load_decides_a_call() {
    for when in 0..4 {
        for value in [0, 1, 2, 3, 15, 16, 17, 1 << 31, u32::MAX] {
            let memory = Memory::new(PAGE);
            memory.poke(4, 3);
            let mut receiver = ByteReceiver::attach(&memory, SMALL).unwrap();
            memory.drain();
            memory.write_at(when, move |bytes| put(bytes, 4, value));
            let got = receiver.receive(&mut [0; 16]);
            let loads = memory.drain().iter().filter(|access| **access == Access::Load(4)).count();
            assert_eq!(loads, 1, "one load");
            match got {
                Ok(len) => assert!(len == 3 || (when == 0 && len == usize::try_from(value).unwrap())),
                Err(reason) => assert_eq!((when, reason), (0, overrun(3, value, 13))),
            }
        }
    }
}

#[test]
fn c08_attach_goes_on_from_possible_indices_only() {
    for start in [0, 7, NEAR_WRAP, u32::MAX] {
        for ahead in [0, 1, 15, 16] {
            let memory = Memory::new(PAGE);
            memory.poke(0, start);
            memory.poke(4, start.wrapping_add(ahead));
            let (mut sender, mut receiver) = pair(&memory);
            let ahead = usize::try_from(ahead).unwrap();
            assert_eq!(sender.room(), Ok(16 - ahead));
            assert_eq!(receiver.receive(&mut [0; 16]), Ok(ahead));
        }
        for ahead in [17, 1 << 31, u32::MAX] {
            let memory = Memory::new(PAGE);
            memory.poke(0, start);
            memory.poke(4, start.wrapping_add(ahead));
            let reason = overrun(start, start.wrapping_add(ahead), 16);
            assert_eq!(ByteSender::attach(&memory, SMALL).err(), Some(reason));
            assert_eq!(ByteReceiver::attach(&memory, SMALL).err(), Some(reason));
        }
    }
}

#[test]
fn c07_every_split_of_every_length_near_the_wrap() {
    // Under Miri only some of them.
    let [starts, lens] = if cfg!(miri) { [3, 5] } else { [1, 1] };
    for start in (0..20).step_by(starts).map(|step| NEAR_WRAP.wrapping_sub(10).wrapping_add(step)) {
        for len in (0..=16).step_by(lens) {
            let memory = Memory::new(PAGE);
            memory.with(|bytes| bytes.fill(0xee));
            memory.poke(0, start);
            memory.poke(4, start);
            let (mut sender, mut receiver) = pair(&memory);
            let sent: Vec<u8> = (0..len).collect();
            let mut got = [0x55; 17];
            assert_eq!(sender.send(&sent), Ok(sent.len()));
            assert_eq!(receiver.receive(&mut got), Ok(sent.len()));
            assert_eq!(got[..sent.len()], sent);
            assert!(got[sent.len()..].iter().all(|byte| *byte == 0x55), "nothing past the count");
            memory.with(|bytes| assert_eq!((&bytes[8..32], &bytes[48..]), (&[0xee; 24][..], &[0xee; 4048][..])));
        }
    }
}

#[test]
fn c11_no_overflow_hides_behind_the_mask() {
    // What `_queued` of the macro takes for 5 bytes, or for a full ring.
    for lie in [2048 + 5, 4096, 3 * 2048, (1 << 31) + 5, u32::MAX - 2042] {
        let (indices, data) = (Memory::new(PAGE), Memory::new(PAGE));
        let (mut sender, mut receiver) = flex_front(&indices, &data).unwrap();
        indices.poke(4, lie);
        let reason = Misbehaved::Overrun { seen: 0, now: lie, allowed: 2048 };
        assert_eq!(receiver.receive(&mut [0; 8]), Err(reason));
        assert_eq!(flex_back(&indices, &data).err(), Some(reason));
        indices.poke(64, 0_u32.wrapping_sub(lie));
        assert!(sender.send(&[1; 2049]).is_err(), "nothing was sent, so nothing can be taken");
        assert!(sender.send(b"").is_err());
    }
    let (indices, data) = (Memory::new(PAGE), Memory::new(PAGE));
    let (_, mut receiver) = flex_front(&indices, &data).unwrap();
    indices.poke(4, 2048);
    assert_eq!(receiver.receive(&mut [0; 4096]), Ok(2048), "a full ring is no lie");
}

#[test]
fn c12_an_order_that_is_not_supported_is_refused() {
    for order in [2, 10, 20, 31, 32, 33, 64, 1 << 31, u32::MAX] {
        let indices = Memory::new(PAGE);
        indices.poke(ORDER, order);
        indices.drain();
        let mut grants = [GrantRef(7); 2];
        assert_eq!(flex_accept(&indices, &mut grants), Err(UnsupportedOrder(order)));
        assert_eq!((indices.drain(), grants), (vec![Access::Load(ORDER)], [GrantRef(7); 2]), "no grant is read");
    }
    let indices = Memory::new(PAGE);
    indices.poke(ORDER, 1);
    assert_eq!(flex_accept(&indices, &mut [GrantRef(7); 2]).map(FlexOrder::pages), Ok(2));
}

/// The order changes before each access: one value decides, and as many grants are read as it says.
#[test]
fn c12_an_order_is_read_once() {
    for when in 0..6 {
        let indices = Memory::new(PAGE);
        indices.poke(ORDER, 1);
        indices.drain();
        indices.write_at(when, |bytes| put(bytes, ORDER, 2));
        let mut grants = [GrantRef(7); 4];
        let order = flex_accept(&indices, &mut grants).unwrap();
        let accesses = indices.drain();
        assert_eq!(order.get(), if when == 0 { 2 } else { 1 });
        assert_eq!(accesses.iter().filter(|access| **access == Access::Load(ORDER)).count(), 1);
        assert_eq!(accesses.len(), 1 + order.pages());
        assert_eq!(grants.iter().filter(|grant| grant.0 == 7).count(), 4 - order.pages());
    }
}

/// Once the rings are taken, their length is that of the pages, whatever the order in the page becomes.
#[test]
fn c12_a_later_order_changes_nothing() {
    let (indices, data) = (Memory::new(PAGE), Memory::new(PAGE));
    let (mut sender, mut receiver) = flex_back(&indices, &data).unwrap();
    for order in [0, 9, u32::MAX] {
        indices.poke(ORDER, order);
        assert_eq!((sender.room(), receiver.is_empty()), (Ok(2048), Ok(true)));
    }
    assert!(!indices.drain().contains(&Access::Load(ORDER)));
}
