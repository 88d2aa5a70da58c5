//! Slot rings whose two ends are ours: what works, on the real page and across the wrap.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{Message, Test, message, page, table};
use proptest::prelude::*;
use xen_hypercall::SharedPage;
use xen_ring::{Answer, Back, Front, More, Notify, Slots, Unanswered};

type P = Test<64>;
type Ends = (Front<'static, P, u32, 256>, Back<'static, P>);

const NEAR_WRAP: u32 = u32::MAX - 2;

fn ring(count: u32, start: u32) -> (Ends, &'static SharedPage) {
    let page = page();
    let slots = Slots::new(count).unwrap();
    (((Front::starting_at(page, slots, table(), start)), Back::attach(page, slots).unwrap()), page)
}

fn stage(front: &mut Front<'static, P, u32, 256>, value: u32) -> bool {
    front.vacancy().unwrap().map(|vacancy| vacancy.stage(message(1, value), value)).is_some()
}

fn reply(back: &mut Back<'static, P>, request: Message) {
    back.debt().unwrap().unwrap().stage(&Message { value: request.value + 1000, ..request });
}

fn take(front: &mut Front<'static, P, u32, 256>) -> Option<(u32, u32)> {
    front.poll_answer().unwrap().map(|Answer { response, payload }| (response.value, payload))
}

#[test]
fn r05_every_size_carries_its_fill_across_the_wrap() {
    for size in (0..8).map(|bit| 1 << bit) {
        let ((mut front, mut back), _) = ring(size, NEAR_WRAP);
        (0..4).for_each(|round| fill_and_empty(&mut front, &mut back, (size, round)));
    }
}

fn fill_and_empty(front: &mut Front<'static, P, u32, 256>, back: &mut Back<'static, P>, (size, round): (u32, u32)) {
    for value in 0..size {
        assert_eq!(front.room(), Ok(size - value));
        assert!(stage(front, value + round));
    }
    assert!(!stage(front, 0), "full");
    assert_eq!(front.publish(), Ok(Notify::Yes));
    for value in 0..size {
        let request = back.poll_request().unwrap().unwrap();
        assert_eq!(request.value, value + round);
        reply(back, request);
    }
    assert_eq!((back.poll_request(), back.owed(), back.publish()), (Ok(None), 0, Ok(Notify::Yes)));
    let answers: Vec<_> = (0..=size).map_while(|_| take(front)).collect();
    assert!(answers.into_iter().eq((round..size + round).map(|value| (value + 1000, value))));
}

#[test]
fn sizes_are_powers_of_two_that_fit() {
    assert_eq!(Slots::<P>::FULL.count(), 128, "4032 bytes of 16 are 252, rounded down");
    for (count, fits) in [
        (0, false),
        (1, true),
        (3, false),
        (64, true),
        (128, true),
        (256, true),
        (1 << 16, true),
        (1 << 17, false),
        (u32::MAX, false),
    ] {
        assert_eq!(Slots::<P>::new(count).is_some(), fits, "{count}");
    }
}

#[test]
#[should_panic(expected = "a place for each slot")]
fn a_front_needs_a_place_for_each_slot() {
    let _ = Front::<P, (), 64>::new(page(), Slots::FULL, table());
}

#[test]
fn r24_the_page_looks_as_in_the_header_file() {
    let ((mut front, mut back), page) = ring(4, 0);
    let word = |offset: usize| {
        let mut bytes = [0; 4];
        page.copy_in(offset, &mut bytes);
        u32::from_le_bytes(bytes)
    };
    let header = || [0, 4, 8, 12].map(word);
    assert_eq!(header(), [0, 1, 0, 1]);
    assert!(stage(&mut front, 5) && stage(&mut front, 6));
    assert_eq!(header(), [0, 1, 0, 1], "staged is not published");
    assert_eq!((word(64 + 12), word(64 + 16 + 12)), (5, 6), "slots lie behind 64 bytes");
    let _ = front.publish().unwrap();
    let request = back.poll_request().unwrap().unwrap();
    reply(&mut back, request);
    let _ = back.publish().unwrap();
    assert_eq!(header(), [2, 1, 1, 1]);
    assert_eq!(word(64 + 12), 1005, "the answer takes the slot of the request");
}

#[test]
fn events_are_sent_only_where_they_were_asked_for() {
    let ((mut front, mut back), _) = ring(8, NEAR_WRAP);
    assert_eq!(front.publish(), Ok(Notify::No), "nothing staged");
    assert!(stage(&mut front, 0));
    assert_eq!(front.publish(), Ok(Notify::Yes), "the back asked for the first");
    assert!(stage(&mut front, 1));
    assert_eq!(front.publish(), Ok(Notify::No), "it is awake");
    assert_eq!(back.poll_requests(9, |request| assert!(request.value < 2)), Ok(More::No));
    assert!(stage(&mut front, 2));
    assert_eq!(front.publish(), Ok(Notify::Yes), "it went to sleep");
    assert_eq!(back.publish(), Ok(Notify::No));
}

#[test]
fn r21_a_budget_ends_a_batch_and_says_so() {
    let ((mut front, mut back), _) = ring(8, 0);
    (0..6).for_each(|value| assert!(stage(&mut front, value)));
    let _ = front.publish().unwrap();
    let mut seen = Vec::new();
    assert_eq!(back.poll_requests(4, |request| seen.push(request)), Ok(More::Maybe));
    assert_eq!((seen.len(), back.owed()), (4, 4));
    assert_eq!(back.poll_requests(4, |request| seen.push(request)), Ok(More::No));
    seen.into_iter().for_each(|request| reply(&mut back, request));
    let _ = back.publish().unwrap();
    let mut tokens = Vec::new();
    assert_eq!(
        front.poll_answers(6, |answer| tokens.push(answer.payload)),
        Ok(More::Maybe),
        "six taken, none looked for"
    );
    assert_eq!(front.poll_answers(6, |answer| tokens.push(answer.payload)), Ok(More::No));
    assert_eq!(tokens, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn r18_r19_abort_hands_back_the_rest_once_and_oldest_first() {
    let ((mut front, mut back), _) = ring(4, NEAR_WRAP);
    (0..4).for_each(|value| assert!(stage(&mut front, value)));
    let _ = front.publish().unwrap();
    let requests: Vec<_> = (0..4).map(|_| back.poll_request().unwrap().unwrap()).collect();
    reply(&mut back, requests[2]);
    reply(&mut back, requests[0]);
    let _ = back.publish().unwrap();
    assert_eq!((take(&mut front), take(&mut front)), (Some((1002, 2)), Some((1000, 0))));
    assert!(stage(&mut front, 4));
    let _ = front.publish().unwrap();
    assert!(stage(&mut front, 5));
    let left: Vec<_> = front.abort_all().collect();
    use Unanswered::{Published, Staged};
    assert_eq!(left, [Published(1), Published(3), Published(4), Staged(5)]);
}

#[test]
fn a_back_attaches_to_a_ring_in_use() {
    let ((mut front, mut back), page) = ring(4, NEAR_WRAP);
    assert!(stage(&mut front, 1) && stage(&mut front, 2));
    let _ = front.publish().unwrap();
    let request = back.poll_request().unwrap().unwrap();
    reply(&mut back, request);
    let _ = back.publish().unwrap();
    let mut again = Back::<P>::attach(page, Slots::new(4).unwrap()).unwrap();
    assert_eq!(again.poll_request().unwrap().map(|request| request.value), Some(2), "the first has its answer");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the order of steps and answers, each token comes back once and nobody waits for an event never sent.
    #[test]
    fn every_token_comes_back_once(
        bits in 0_u32..5,
        start in prop_oneof![any::<u32>(), NEAR_WRAP - 20..=u32::MAX],
        steps in prop::collection::vec((0_u8..5, any::<prop::sample::Index>()), 0..200),
    ) {
        let ((mut front, mut back), _) = ring(1 << bits, start);
        let (mut asked, mut held, mut returned) = (0, Vec::new(), Vec::new());
        let (mut front_sleeps, mut back_sleeps) = (false, false);
        for (step, pick) in steps {
            match step {
                0 => asked += u32::from(stage(&mut front, asked)),
                1 => back_sleeps &= front.publish().unwrap() == Notify::No,
                2 => match back.poll_request().unwrap() {
                    Some(request) => {
                        prop_assert!(!back_sleeps, "work came without an event");
                        held.push(request);
                    }
                    None => back_sleeps = true,
                },
                3 if !held.is_empty() => {
                    reply(&mut back, held.swap_remove(pick.index(held.len())));
                    front_sleeps &= back.publish().unwrap() == Notify::No;
                }
                _ => match take(&mut front) {
                    Some((value, token)) => {
                        prop_assert!(!front_sleeps, "an answer came without an event");
                        prop_assert_eq!(value, token + 1000);
                        returned.push(token);
                    }
                    None => front_sleeps = true,
                },
            }
        }
        returned.extend(front.abort_all().map(Unanswered::into_payload));
        returned.sort_unstable();
        prop_assert!(returned.into_iter().eq(0..asked));
    }
}
