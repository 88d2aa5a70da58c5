//! Drain and replay: what a ring leaves comes from the private table, in order, once, ahead of anything new.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{Message, RSP_PROD, Test, message, page, table};
use proptest::prelude::*;
use xen_hypercall::Nanos;
use xen_ring::{Back, Drain, Front, Misbehaved, Policy, ReplaySet, Requests, Slots, Unanswered};

type P = Test<64>;
type Asks = Front<'static, P, u32, 16>;

const FLUSH: u32 = 3;

fn ring(count: u32) -> (Asks, Back<'static, P>) {
    let (page, slots) = (page(), Slots::new(count).unwrap());
    (Front::new(page, slots, table()), Back::attach(page, slots).unwrap())
}

fn stage(front: &mut Asks, operation: u32, value: u32) {
    front.vacancy().unwrap().unwrap().stage(message(operation, value), value);
}

fn answer(back: &mut Back<'static, P>, request: Message) {
    back.debt().unwrap().unwrap().stage(&Message { value: request.value + 1000, ..request });
    let _ = back.publish().unwrap();
}

/// A front with values 0 to 3 published (2 is a flush), 1 answered, and 4 staged.
fn left() -> (Asks, Back<'static, P>) {
    let (mut front, mut back) = ring(8);
    (0..4).for_each(|value| stage(&mut front, if value == 2 { FLUSH } else { 1 }, value));
    let _ = front.publish().unwrap();
    let requests: Vec<_> = (0..4).map(|_| back.poll_request().unwrap().unwrap()).collect();
    answer(&mut back, requests[1]);
    assert_eq!(front.poll_answer().unwrap().unwrap().payload, 1);
    stage(&mut front, 1, 4);
    (front, back)
}

fn all(set: ReplaySet<'_, P, u32, 16>) -> Vec<Unanswered<u32>> {
    set.abort_all().collect()
}

#[test]
fn a_drain_ends_when_nothing_is_with_the_peer() {
    let (front, mut back) = left();
    let mut quiet = front.quiesce(Nanos(100));
    let mut got = Vec::new();
    let mut poll = |quiet: &mut xen_ring::Quiesced<'static, P, u32, 16>, now, budget| {
        quiet.poll(Nanos(now), budget, |answer| got.push(answer.payload)).unwrap()
    };
    assert_eq!(poll(&mut quiet, 0, 8), Drain::Wait);
    assert_eq!(poll(&mut quiet, 100, 8), Drain::Expired, "the deadline is the first moment too late");
    for (id, value) in [((1 << 32) | 3, 3), (1 << 32, 0)] {
        answer(&mut back, Message { id, operation: 1, value });
    }
    assert_eq!(poll(&mut quiet, 99, 1), Drain::More);
    assert_eq!(poll(&mut quiet, 200, 8), Drain::Expired, "answers are taken, however late");
    answer(&mut back, Message { id: (1 << 32) | 2, operation: FLUSH, value: 2 });
    assert_eq!(poll(&mut quiet, 99, 8), Drain::Empty);
    assert_eq!(got, [3, 0, 2]);
    let set = quiet.abandon().into_replay().decide(Policy::<()>::Drain, |_, ()| unreachable!()).unwrap();
    assert_eq!(all(set), [Unanswered::Staged(4)], "staged only: the peer never heard of it");
}

#[test]
fn a_quiet_ring_goes_on_where_the_suspend_was_cancelled() {
    let (front, mut back) = left();
    let mut front = front.quiesce(Nanos(0)).resume();
    let _ = front.publish().unwrap();
    assert_eq!(back.poll_request().unwrap().unwrap().value, 4);
}

#[test]
fn policies_speak_of_what_the_old_peer_was_told() {
    let set = || left().0.abort_all().into_replay();
    assert_eq!(set().len(), 4);
    let undrained = set().decide(Policy::<()>::Drain, |_, ()| unreachable!()).unwrap_err();
    assert_eq!(undrained.to_string(), "3 requests have no answer");
    use Unanswered::{Published, Staged};
    assert_eq!(all(undrained.set), [Published(0), Published(2), Published(3), Staged(4)]);
    let kept = set().decide(Policy::<()>::Replay, |_, ()| unreachable!()).unwrap();
    assert_eq!(all(kept), [Published(0), Published(2), Published(3), Staged(4)]);
    let mut done = Vec::new();
    let kept = set().decide(Policy::CompleteAs(7), |payload, status| done.push((payload, status))).unwrap();
    assert_eq!(done, [(0, 7), (2, 7), (3, 7)], "in order, each once");
    assert_eq!(all(kept), [Staged(4)], "what was never sent is not counted as sent");
}

/// The set is rebuilt from the payload and the kind; the old slots hold the old peer's lies by then.
#[test]
fn r16_a_replay_keeps_its_order_and_reads_no_old_slot() {
    let (page, mut requests) = (page(), Requests::<P, u32, 4>::new());
    let mut front = Front::new(page, Slots::new(4).unwrap(), &mut requests);
    for (operation, value) in [(1, 10), (FLUSH, 11), (1, 12)] {
        front.vacancy().unwrap().unwrap().stage(message(operation, value), value);
    }
    let _ = front.publish().unwrap();
    page.copy_out(0, &[0xa5; 4096]);
    let set = front.abort_all().into_replay();
    let (new, mut back) = ring(2);
    let mut replay = set.onto(new);
    let rebuild = |kind, payload: &mut u32| message(kind, *payload);
    assert!(replay.stage_next(rebuild).unwrap().is_some() && replay.stage_next(rebuild).unwrap().is_some());
    assert_eq!((replay.stage_next(rebuild).unwrap(), replay.left()), (None, 1), "full, and one is left");
    let mut replay = replay.finish().unwrap_err();
    let _ = replay.publish().unwrap();
    let mut replay = replay.finish().unwrap_err();
    let first = back.poll_request().unwrap().unwrap();
    answer(&mut back, first);
    assert_eq!(replay.poll_answer().unwrap().unwrap().payload, 10);
    assert!(replay.stage_next(rebuild).unwrap().is_some());
    let mut replay = replay.finish().unwrap_err();
    let _ = replay.publish().unwrap();
    let mut front = replay.finish().unwrap();
    stage_new(&mut front, &mut back);
    assert_eq!((first.operation, first.value), (1, 10));
}

/// New requests come behind the set; the flush has its place in it.
fn stage_new(front: &mut Asks, back: &mut Back<'static, P>) {
    let flush = back.poll_request().unwrap().unwrap();
    assert_eq!((flush.operation, flush.value), (FLUSH, 11));
    answer(back, flush);
    assert_eq!(front.poll_answer().unwrap().unwrap().payload, 11);
    stage(front, 1, 99);
    let _ = front.publish().unwrap();
    let rest: Vec<_> = (0..2).map(|_| back.poll_request().unwrap().unwrap().value).collect();
    assert_eq!(rest, [12, 99]);
}

#[test]
fn r18_a_poisoned_ring_leaves_its_set_too() {
    let (page, mut requests) = (page(), Requests::<P, u32, 4>::new());
    let mut front = Front::new(page, Slots::new(4).unwrap(), &mut requests);
    front.vacancy().unwrap().unwrap().stage(message(1, 5), 5);
    let _ = front.publish().unwrap();
    page.copy_out(RSP_PROD, &9_u32.to_le_bytes());
    let mut quiet = front.quiesce(Nanos(1));
    let reason = Misbehaved::Overrun { seen: 0, now: 9, allowed: 1 };
    assert_eq!(quiet.poll(Nanos(0), 8, |_| unreachable!()), Err(reason));
    assert_eq!(quiet.abandon().into_replay().take_oldest(), Some((1, Unanswered::Published(5))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was answered before the ring went, each payload comes back once: by its answer, or on the new ring, there in
    /// the order of submission and ahead of what is new.
    #[test]
    fn a_replay_loses_and_doubles_nothing(
        steps in prop::collection::vec((0_u8..4, any::<prop::sample::Index>()), 0..120),
        (old, new) in (0_u32..5, 0_u32..5),
    ) {
        let (mut front, mut back) = ring(1 << old);
        let (mut asked, mut held, mut answered) = (0, Vec::new(), Vec::new());
        for (step, pick) in steps {
            match step {
                0 if front.room().unwrap() > 0 => {
                    stage(&mut front, asked % 5, asked);
                    asked += 1;
                }
                1 => drop(front.publish().unwrap()),
                2 => held.extend(back.poll_request().unwrap()),
                _ if !held.is_empty() => answer(&mut back, held.swap_remove(pick.index(held.len()))),
                _ => answered.extend(front.poll_answer().unwrap().map(|answer| answer.payload)),
            }
        }
        let (fresh, mut back) = ring(1 << new);
        let mut replay = front.abort_all().into_replay().onto(fresh);
        let mut replayed = Vec::new();
        let mut front = loop {
            while replay.stage_next(|kind, payload| message(kind, *payload)).unwrap().is_some() {}
            let _ = replay.publish().unwrap();
            while let Some(request) = back.poll_request().unwrap() {
                prop_assert_eq!(request.operation, request.value % 5, "rebuilt as it was asked");
                answer(&mut back, request);
            }
            while let Some(answer) = replay.poll_answer().unwrap() {
                replayed.push(answer.payload);
            }
            replay = match replay.finish() {
                Ok(front) => break front,
                Err(replay) => replay,
            };
        };
        prop_assert!(replayed.is_sorted(), "in the order of submission");
        stage(&mut front, 1, asked);
        let _ = front.publish().unwrap();
        prop_assert_eq!(back.poll_request().unwrap().unwrap().value, asked, "the new one is behind the set");
        answered.extend(replayed);
        answered.sort_unstable();
        prop_assert!(answered.into_iter().eq(0..asked));
    }
}
