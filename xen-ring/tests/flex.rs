//! Flex rings: bytes in pages of their own, of any order, and what a peer may write into the page of indices.
#![expect(unsafe_code, reason = "a test gives its own pages")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{Access, Adversary, page, pages};
use proptest::prelude::*;
use xen_hypercall::{GrantRef, SharedPages};
use xen_ring::{FlexOrder, Misbehaved, UnsupportedOrder, flex_accept, flex_back, flex_front, flex_offer};

const NEAR_WRAP: u32 = u32::MAX - 2;
const ORDER: usize = 128;

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

#[test]
fn c11_no_overflow_hides_behind_the_mask() {
    // What `_queued` of the macro takes for 5 bytes, or for a full ring.
    for lie in [2048 + 5, 4096, 3 * 2048, (1 << 31) + 5, u32::MAX - 2042] {
        let (indices, data) = (Adversary::new(), Adversary::new());
        let (mut sender, mut receiver) = flex_front(&indices, &data).unwrap();
        indices.poke(4, lie);
        let reason = Misbehaved::Overrun { seen: 0, now: lie, allowed: 2048 };
        assert_eq!(receiver.receive(&mut [0; 8]), Err(reason));
        assert_eq!(flex_back(&indices, &data).err(), Some(reason));
        indices.poke(64, 0_u32.wrapping_sub(lie));
        assert!(sender.send(&[1; 2049]).is_err(), "nothing was sent, so nothing can be taken");
        assert!(sender.send(b"").is_err());
    }
    let (indices, data) = (Adversary::new(), Adversary::new());
    let (_, mut receiver) = flex_front(&indices, &data).unwrap();
    indices.poke(4, 2048);
    assert_eq!(receiver.receive(&mut [0; 4096]), Ok(2048), "a full ring is no lie");
}

#[test]
fn c12_an_order_that_is_not_supported_is_refused() {
    for order in [2, 10, 20, 31, 32, 33, 64, 1 << 31, u32::MAX] {
        let indices = Adversary::new();
        indices.poke(ORDER, order);
        indices.drain();
        let mut grants = [GrantRef(7); 2];
        assert_eq!(flex_accept(&indices, &mut grants), Err(UnsupportedOrder(order)));
        assert_eq!((indices.drain(), grants), (vec![Access::Load(ORDER)], [GrantRef(7); 2]), "no grant is read");
    }
    let indices = Adversary::new();
    indices.poke(ORDER, 1);
    assert_eq!(flex_accept(&indices, &mut [GrantRef(7); 2]).map(FlexOrder::pages), Ok(2));
}

/// The order changes before each access: one value decides, and as many grants are read as it says.
#[test]
fn c12_an_order_is_read_once() {
    for when in 0..6 {
        let indices = Adversary::new();
        indices.poke(ORDER, 1);
        indices.drain();
        indices.strike(when, |bytes| memory::put(bytes, ORDER, 2));
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
    let (indices, data) = (Adversary::new(), Adversary::new());
    let (mut sender, mut receiver) = flex_back(&indices, &data).unwrap();
    for order in [0, 9, u32::MAX] {
        indices.poke(ORDER, order);
        assert_eq!((sender.room(), receiver.is_empty()), (Ok(2048), Ok(true)));
    }
    assert!(!indices.drain().contains(&Access::Load(ORDER)));
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
