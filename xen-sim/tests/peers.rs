//! Peers that are slow, silent or confused rather than plainly lying: what they can cost, and what they cannot.

use xen_ring::{Misbehaved, More, Notify, Slots};
use xen_sim::adversary::{Memory, Stroke, put};
use xen_sim::rings::{Asks, Kept, REQ_PROD, RSP_PROD, Receives, Sends, Serves, Talk, level, message_at};

const PAGE: usize = 4096;
/// The indices wrap on the way.
const START: u32 = u32::MAX - 1;

fn asks<'m>(memory: &'m Memory, kept: &'m mut Kept<64>, requests: u32) -> Asks<'m, 64> {
    let mut front = Asks::new(memory, kept, [4, START]);
    (0..requests).for_each(|_| assert!(front.stage()));
    assert!(front.publish().is_some());
    front.serve();
    front
}

/// The slot holds our own request then. In this protocol it looks like an answer, once, to what was asked there.
#[test]
fn r13_an_index_that_moves_without_an_answer_settles_what_was_asked_there_at_most() {
    let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
    let mut front = asks(&memory, &mut kept, 3);
    memory.strike_now(&Stroke::new("the index alone", |memory| memory.poke(RSP_PROD, START.wrapping_add(2))));
    assert!(front.poll() && front.poll() && !front.poll());
    assert_eq!((front.answers(), front.found()), (2, false));
    memory.poke(RSP_PROD, START.wrapping_add(4));
    assert!(!front.poll() && front.found(), "one more than was asked");
    assert!(front.finish());

    let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
    let mut front = asks(&memory, &mut kept, 4);
    assert!((0..4).all(|_| front.answer(0)) && front.poll_many(8).is_some() && front.answers() == 4);
    assert!(front.stage() && front.publish().is_some());
    memory.strike_now(&Stroke::new("the old answer", |memory| {
        let old = message_at(memory, START.wrapping_add(1), 4);
        old.write(memory, START.wrapping_add(4), 4);
        memory.poke(RSP_PROD, START.wrapping_add(5));
    }));
    assert!(!front.poll() && front.found(), "an answer that was there before settles nothing");
    assert!(front.finish());
}

#[test]
fn r18_r20_events_without_answers_cost_a_look_each_and_change_nothing() {
    let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
    let mut front = asks(&memory, &mut kept, 2);
    // Each of these is held to its budget of accesses.
    assert!((0..1000).all(|_| !front.poll() && front.poll_many(9) == Some(More::No)));
    assert!(front.answer(1) && front.poll() && front.answers() == 1, "and then it answers");
    assert!(!front.finish(), "it was no liar; the other request comes back by giving up");

    let memory = Memory::new(PAGE);
    memory.poke(REQ_PROD, START);
    memory.poke(RSP_PROD, START);
    let mut back = Serves::attach(&memory, 4, START).unwrap();
    assert!((0..1000).all(|_| !back.poll()) && back.ask() && back.poll());
    assert!(!back.finish());
}

#[test]
fn r19_a_part_of_a_batch_is_no_more_than_a_part() {
    for answered in 0..=4 {
        let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
        let mut front = asks(&memory, &mut kept, 4);
        assert!((0..answered).all(|_| front.answer(0)));
        assert_eq!(front.poll_many(8), Some(More::No));
        assert_eq!(front.answers(), answered);
        assert!(!front.finish(), "the rest comes back, once");
    }
}

#[test]
fn r24_a_ring_is_no_longer_than_its_memory() {
    let sizes = |count: u32| Slots::<Talk<64>>::new(count).map(Slots::count);
    assert_eq!(Slots::<Talk<64>>::FULL.count(), 128, "the last of them ends at byte 2112; 256 would end at 4160");
    assert_eq!((sizes(1), sizes(128), sizes(1 << 16)), (Some(1), Some(128), Some(1 << 16)), "512 pages are the most");
    for count in [0, 3, 127, 129, 1 << 17, 1 << 31, u32::MAX] {
        assert_eq!(sizes(count), None, "{count}");
    }
}

#[test]
fn r26_an_answer_on_one_queue_to_what_was_asked_on_another() {
    let memories = [Memory::new(PAGE), Memory::new(PAGE)];
    let mut kept = [Kept::new(), Kept::new()];
    let [first, second] = kept.each_mut();
    let (mut one, mut two) = (asks(&memories[0], first, 1), asks(&memories[1], second, 1));
    // Two queues of one device have the same ids at the same time; let them differ.
    for _ in 0..4 {
        assert!(two.answer(0) && two.poll() && two.stage() && two.publish().is_some());
        two.serve();
    }
    let stranger = message_at(&memories[1], START.wrapping_add(4), 4);
    memories[0].strike_now(&Stroke::new("another queue's", move |memory| {
        stranger.write(memory, START, 4);
        memory.poke(RSP_PROD, START.wrapping_add(1));
    }));
    assert!(!one.poll() && one.found());
    assert!(matches!(one.reason(), Some(Misbehaved::Stale(_))), "{:?}", one.reason());
    assert!(two.answer(0) && two.poll() && two.answers() == 5, "the other goes on");
    assert!(one.finish() && !two.finish());
}

#[test]
fn r29_answers_that_come_while_a_ring_is_given_up_are_not_looked_at() {
    let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
    let mut front = asks(&memory, &mut kept, 3);
    assert!(front.answer(0) && front.poll() && front.answer(0));
    // One answer was taken, one is in the ring; no access is made from here on, and two tokens come back.
    assert_eq!(front.answers(), 1);
    assert!(!front.finish());
}

#[test]
fn r17_an_index_for_events_can_silence_and_no_more() {
    for (event, notify) in
        [(START.wrapping_sub(9), Notify::No), (START.wrapping_add(9), Notify::No), (START.wrapping_add(1), Notify::Yes)]
    {
        let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
        let mut front = Asks::<64>::new(&memory, &mut kept, [4, START]);
        memory.poke(4, event);
        assert!(front.stage());
        assert_eq!(front.publish(), Some(notify));
        front.serve();
        assert!(front.answer(0) && front.poll());
        assert!(!front.finish());
    }
}

#[test]
fn c06_a_peer_that_takes_nothing_is_told_by_nothing_sent() {
    let memory = Memory::new(PAGE);
    level(&memory, START);
    let mut end = Sends::attach(&memory, START).unwrap();
    assert_eq!(end.send(20), Some(8));
    // Each call is held to its budget of accesses.
    assert!((0..1000).all(|_| end.send(20) == Some(0) && end.room() == Some(0) && end.is_drained() == Some(false)));
    end.take(3);
    assert_eq!((end.send(20), end.room()), (Some(3), Some(0)), "and then it takes");
    assert!(!end.finish());
}

#[test]
fn c15_a_peer_that_moves_one_byte_at_a_time_gets_one_step_for_it() {
    let memory = Memory::new(PAGE);
    level(&memory, START);
    let mut end = Receives::attach(&memory, START).unwrap();
    for _ in 0..100 {
        end.give(1);
        assert_eq!(end.receive(20).map(|got| got.len()), Some(1));
        assert_eq!(end.receive(20).map(|got| got.len()), Some(0));
    }
    assert!(!end.finish());

    let memory = Memory::new(PAGE);
    level(&memory, START);
    let mut end = Sends::attach(&memory, START).unwrap();
    assert_eq!(end.send(8), Some(8));
    for _ in 0..100 {
        end.take(1);
        assert_eq!((end.send(20), end.send(20)), (Some(1), Some(0)));
    }
    assert!(!end.finish());
}

#[test]
fn r30_a_batch_with_no_budget_tells_of_the_dead_too() {
    let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
    let mut front = asks(&memory, &mut kept, 1);
    assert_eq!(front.poll_many(0), Some(More::Maybe), "of the living it says nothing");
    memory.strike_now(&Stroke::new("far ahead", |memory| memory.poke(RSP_PROD, START.wrapping_add(9))));
    assert!(!front.poll() && front.found() && front.poll_many(0).is_none());
    assert!(front.finish());

    let memory = Memory::new(PAGE);
    let mut back = Serves::attach(&memory, 4, 0).unwrap();
    assert_eq!(back.poll_many(0), Some(More::Maybe));
    memory.strike_now(&Stroke::new("far ahead", |memory| memory.poke(REQ_PROD, 9)));
    assert!(!back.poll() && back.found() && back.poll_many(0).is_none());
    assert!(back.finish());
}

/// Whatever the first byte of the page says, our own indices come from where we keep them.
#[test]
fn r15_r16_c03_our_words_in_the_page_are_for_the_peer_alone() {
    let (memory, mut kept) = (Memory::new(PAGE), Kept::new());
    let mut front = asks(&memory, &mut kept, 2);
    let scribble = Stroke::bytes("all that is ours", |bytes| {
        put(bytes, 0, 77);
        put(bytes, 12, 78);
        bytes[16..64].fill(0xff);
    });
    memory.strike_now(&scribble);
    assert!(front.answer(1) && front.answer(0) && front.poll() && front.poll());
    memory.strike_now(&scribble);
    assert!(front.stage() && front.publish().is_some());
    assert_eq!(memory.peek(REQ_PROD), START.wrapping_add(3), "what we publish is what we count");
    assert!(!front.poll() && !front.found());
    assert!(!front.finish());
}
