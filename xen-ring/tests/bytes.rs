//! Byte rings: what a peer may do to them and what it may not.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{Access, Adversary, page, put};
use proptest::prelude::*;
use xen_ring::{ByteReceiver, ByteSender, Layout, Misbehaved, Moved, Notify, console, xenstore};

const NEAR_WRAP: u32 = u32::MAX - 2;
const RINGS: [Layout; 4] = [xenstore::REQ, xenstore::RSP, console::IN, console::OUT];

/// Sixteen bytes at 32, its indices at 0 and 4.
const SMALL: Layout = Layout::new(32, 16, 0, 4);

fn pair(memory: &Adversary) -> (ByteSender<'_, Adversary>, ByteReceiver<'_, Adversary>) {
    (ByteSender::attach(memory, SMALL).unwrap(), ByteReceiver::attach(memory, SMALL).unwrap())
}

fn overrun(seen: u32, now: u32, allowed: u32) -> Misbehaved {
    Misbehaved::Overrun { seen, now, allowed }
}

#[test]
fn both_pages_carry_bytes_both_ways() {
    let (store, console) = (page(), page());
    let ends = [
        (xen_ring::xenstore_front(store).unwrap(), xen_ring::xenstore_back(store).unwrap()),
        (xen_ring::console_front(console).unwrap(), xen_ring::console_back(console).unwrap()),
    ];
    for ((mut front_out, mut front_in), (mut back_out, mut back_in)) in ends {
        let mut got = [0; 8];
        assert_eq!(front_out.send(b"hello"), Ok(5));
        assert_eq!(back_in.receive(&mut got), Ok(5));
        assert_eq!(&got[..5], b"hello");
        assert_eq!(back_out.send(b"welcome"), Ok(7));
        assert_eq!(front_in.receive(&mut got), Ok(7));
        assert_eq!(&got[..7], b"welcome");
        assert_eq!((front_out.is_drained(), front_in.is_empty()), (Ok(true), Ok(true)));
    }
}

#[test]
fn layouts_are_those_of_the_headers() {
    let shape = |at: usize| {
        let store = page();
        store.copy_out(at, &3_u32.to_le_bytes());
        store
    };
    // Only the ring whose producer lies there sees three bytes.
    for (layout, prod) in RINGS.into_iter().zip([2052, 2060, 3076, 3084]) {
        let store = shape(prod);
        assert_eq!(ByteReceiver::attach(store, layout).unwrap().is_empty(), Ok(false));
        assert_eq!(ByteSender::attach(store, layout).unwrap().is_drained(), Ok(false));
    }
}

#[test]
fn room_shrinks_to_nothing_and_comes_back() {
    let memory = Adversary::new();
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
        let memory = Adversary::new();
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
    let memory = Adversary::new();
    let (_, mut receiver) = pair(&memory);
    memory.poke(4, 16);
    assert_eq!(receiver.receive(&mut [0; 40]), Ok(16), "a full ring is no lie");
}

#[test]
fn c02_consumer_past_the_producer_poisons_the_sender() {
    for lie in [4, 5, 1 << 31, u32::MAX] {
        let memory = Adversary::new();
        let (mut sender, _) = pair(&memory);
        assert_eq!(sender.send(b"abc"), Ok(3));
        memory.poke(0, lie);
        assert_eq!(sender.room(), Err(overrun(0, lie, 3)));
        assert_eq!(sender.send(b"x"), Err(overrun(0, lie, 3)));
        assert_eq!(sender.is_drained(), Err(overrun(0, lie, 3)));
    }
    let memory = Adversary::new();
    let (mut sender, _) = pair(&memory);
    assert_eq!(sender.send(b"abc"), Ok(3));
    memory.poke(0, 3);
    assert_eq!(sender.room(), Ok(16), "all taken is no lie");
}

#[test]
fn r03_indices_never_go_back() {
    let memory = Adversary::new();
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
    let memory = Adversary::new();
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
    let memory = Adversary::new();
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
    let memory = Adversary::new();
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
    let memory = Adversary::new();
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
    let memory = Adversary::new();
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
            let memory = Adversary::new();
            memory.poke(4, 3);
            let mut receiver = ByteReceiver::attach(&memory, SMALL).unwrap();
            memory.drain();
            memory.strike(when, move |bytes| put(bytes, 4, value));
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
            let memory = Adversary::new();
            memory.poke(0, start);
            memory.poke(4, start.wrapping_add(ahead));
            let (mut sender, mut receiver) = pair(&memory);
            let ahead = usize::try_from(ahead).unwrap();
            assert_eq!(sender.room(), Ok(16 - ahead));
            assert_eq!(receiver.receive(&mut [0; 16]), Ok(ahead));
        }
        for ahead in [17, 1 << 31, u32::MAX] {
            let memory = Adversary::new();
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
            let memory = Adversary::new();
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

/// Fewer under Miri.
const STEPS: usize = if cfg!(miri) { 5 } else { 20 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any run of sends and receives carries the bytes in order, whatever the index and the sizes.
    #[test]
    fn c07_a_stream_arrives_as_it_left(
        ring in 0..RINGS.len(),
        start in prop_oneof![any::<u32>(), NEAR_WRAP - 2100..=u32::MAX],
        steps in prop::collection::vec((0_usize..2500, 0_usize..2500), 1..STEPS),
    ) {
        let layout = RINGS[ring];
        let page = page();
        for at in [2048, 2052, 2056, 2060, 3072, 3076, 3080, 3084] {
            page.copy_out(at, &start.to_le_bytes());
        }
        let mut sender = ByteSender::attach(page, layout).unwrap();
        let mut receiver = ByteReceiver::attach(page, layout).unwrap();
        let mut stream = (0_u8..251).cycle();
        let mut expected = (0_u8..251).cycle();
        for (send, receive) in steps {
            let bytes: Vec<u8> = stream.clone().take(send).collect();
            // In one piece, or in three.
            let (head, tail) = bytes.split_at(send / 3);
            let (middle, tail) = tail.split_at(tail.len() / 2);
            let sent = if send % 2 == 0 {
                sender.send(&bytes).unwrap()
            } else {
                sender.send_vectored(&[head, middle, tail]).unwrap().bytes
            };
            stream.by_ref().take(sent).for_each(drop);
            let mut got = vec![0; receive];
            let (head, tail) = got.split_at_mut(receive / 3);
            let count = if receive % 2 == 0 {
                receiver.receive(&mut got).unwrap()
            } else {
                receiver.receive_vectored(&mut [head, tail]).unwrap().bytes
            };
            prop_assert!(got.into_iter().take(count).eq(expected.by_ref().take(count)));
        }
    }
}
