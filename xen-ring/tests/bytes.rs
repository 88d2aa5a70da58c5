//! Byte rings in real pages: where they lie, and that bytes arrive as they left.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::page;
use proptest::prelude::*;
use xen_ring::{ByteReceiver, ByteSender, Layout, console, xenstore};

const NEAR_WRAP: u32 = u32::MAX - 2;
const RINGS: [Layout; 4] = [xenstore::REQ, xenstore::RSP, console::IN, console::OUT];

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
        assert_eq!((front_out.sent(), back_out.sent()), (5, 7));
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
