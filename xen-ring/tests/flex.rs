//! Flex rings in real pages: where they lie, of any order, and that bytes arrive as they left.
#![expect(unsafe_code, reason = "a test gives its own pages")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{page, pages};
use proptest::prelude::*;
use xen_hypercall::{GrantRef, SharedPages};
use xen_ring::{FlexOrder, flex_accept, flex_back, flex_front, flex_offer};

const NEAR_WRAP: u32 = u32::MAX - 2;

#[test]
fn bytes_go_both_ways_at_every_order() {
    let areas: [&SharedPages<'_>; 4] = [pages::<1>(), pages::<2>(), pages::<8>(), pages::<64>()];
    // Under Miri the small ones.
    for data in areas.into_iter().take(if cfg!(miri) { 2 } else { 4 }) {
        let (indices, size) = (page(), data.size() / 2);
        for at in [0, 4, 64, 68] {
            indices.copy_out(at, &NEAR_WRAP.to_le_bytes());
        }
        let (mut front_out, mut front_in) = flex_front(indices, data).unwrap();
        let (mut back_out, mut back_in) = flex_back(indices, data).unwrap();
        let (there, back) = (vec![1; size + 1], vec![2; size + 1]);
        assert_eq!(front_out.send(&there), Ok(size), "a ring is half of the pages");
        assert_eq!(back_out.send(&back), Ok(size));
        let mut got = vec![0; size + 1];
        assert_eq!(back_in.receive(&mut got), Ok(size));
        assert_eq!((got.iter().filter(|byte| **byte == 1).count(), got[size]), (size, 0));
        assert_eq!(front_in.receive(&mut got), Ok(size));
        assert_eq!((got.iter().filter(|byte| **byte == 2).count(), got[size]), (size, 0));
    }
}

/// `in` is the first half, `out` the second; the frontend sends by `out`.
#[test]
fn bytes_lie_where_the_macro_puts_them() {
    let (indices, data) = (page(), pages::<2>());
    let (mut front_out, _) = flex_front(indices, data).unwrap();
    let (mut back_out, _) = flex_back(indices, data).unwrap();
    assert_eq!((front_out.send(b"request"), back_out.send(b"answer")), (Ok(7), Ok(6)));
    let (mut request, mut answer, mut words) = ([0; 7], [0; 6], [0; 72]);
    data.copy_in(4096, &mut request);
    data.copy_in(0, &mut answer);
    indices.copy_in(0, &mut words);
    assert_eq!((&request, &answer), (b"request", b"answer"));
    assert_eq!((words[4], words[68]), (6, 7));
    assert_eq!(words.iter().filter(|byte| **byte != 0).count(), 2);
}

#[test]
fn an_offer_is_read_as_it_was_written() {
    for pages in [1, 2, 16, 512] {
        let indices = page();
        let grants: Vec<_> = (0..pages).map(|number| GrantRef(number * 3 + 8)).collect();
        let order = flex_offer(indices, &grants).unwrap();
        assert_eq!(order.pages(), grants.len());
        let mut read = vec![GrantRef(0); 512];
        assert_eq!(flex_accept(indices, &mut read), Ok(order));
        assert_eq!(read[..grants.len()], grants);
        assert!(read[grants.len()..].iter().all(|grant| grant.0 == 0));
    }
    for pages in [0, 3, 511, 1024] {
        let indices = page();
        assert_eq!(flex_offer(indices, &vec![GrantRef(1); pages]), None);
        assert_eq!(flex_accept(indices, &mut [GrantRef(0)]).map(FlexOrder::get), Ok(0), "nothing was written");
    }
}

/// Fewer under Miri.
const STEPS: usize = if cfg!(miri) { 4 } else { 30 };

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any run of sends and receives, in pieces or not, carries the bytes in order at every order of ring.
    #[test]
    fn c07_a_flex_stream_arrives_as_it_left(
        order in 0_usize..3,
        start in prop_oneof![any::<u32>(), NEAR_WRAP - 9000..=u32::MAX],
        steps in prop::collection::vec((0_usize..9000, 0_usize..9000), 1..STEPS),
    ) {
        let data: &SharedPages<'_> = [pages::<1>, pages::<2>, pages::<4>][order]();
        let indices = page();
        indices.copy_out(64, &start.to_le_bytes());
        indices.copy_out(68, &start.to_le_bytes());
        let (mut sender, _) = flex_front(indices, data).unwrap();
        let (_, mut receiver) = flex_back(indices, data).unwrap();
        let mut stream = (0_u8..251).cycle();
        let mut expected = stream.clone();
        for (send, receive) in steps {
            let bytes: Vec<u8> = stream.clone().take(send).collect();
            let (head, tail) = bytes.split_at(send / 3);
            let sent = sender.send_vectored(&[head, tail]).unwrap().bytes;
            stream.by_ref().take(sent).for_each(drop);
            let mut got = vec![0; receive];
            let (head, tail) = got.split_at_mut(receive / 5);
            let count = receiver.receive_vectored(&mut [head, tail]).unwrap().bytes;
            prop_assert!(got.into_iter().take(count).eq(expected.by_ref().take(count)));
        }
    }
}
