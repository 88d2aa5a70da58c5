//! Slot rings against a peer that lies: each row of the catalogue with its accepted neighbour.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use xen_ring::{Answer, Back, Front, Misbehaved, Notify, Protocol, RequestId, Requests, Slots, Unanswered};
use xen_sim::adversary::{Access, Memory, put};
use xen_sim::rings::{Message, REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD, Talk};
use zerocopy::IntoBytes as _;

const PAGE: usize = 4096;

type Wide = Talk<64>;
type Narrow = Talk<16>;
type Asks<'m, P> = Front<'m, P, u32, 8, Memory>;

const fn message(operation: u32, value: u32) -> Message {
    Message { id: 0, operation, value }
}

/// Where slot number `at` lies.
const fn slot(at: usize) -> usize {
    64 + at * 16
}

fn write(bytes: &mut [u8], at: usize, message: Message) {
    bytes[slot(at)..slot(at + 1)].copy_from_slice(message.as_bytes());
}

/// Gives an empty table that lives as long as the test.
fn table<P: Protocol>() -> &'static mut Requests<P, u32, 8> {
    Box::leak(Box::default())
}

fn slots<P: Protocol>() -> Slots<P> {
    Slots::new(4).unwrap()
}

/// A front with requests of values 0, 1, … of operation 7 in flight.
fn asks<P: Protocol<Request = Message> + 'static>(memory: &Memory, count: u32) -> Asks<'_, P> {
    let mut front = Front::new(memory, slots(), table());
    (0..count).for_each(|value| {
        stage(&mut front, value);
    });
    let _ = front.publish().unwrap();
    memory.drain();
    front
}

fn stage<P: Protocol<Request = Message>>(front: &mut Asks<'_, P>, value: u32) -> RequestId {
    front.vacancy().unwrap().unwrap().stage(message(7, value), value)
}

/// What the front wrote into slot `at`, and what an honest back would make of it.
fn answer_to(memory: &Memory, at: usize) -> Message {
    let id = u64::from(memory.peek(slot(at))) | u64::from(memory.peek(slot(at) + 4)) << 32;
    Message { id, operation: 7, value: 100 }
}

fn answer(memory: &Memory, at: usize, message: Message) {
    memory.with(|bytes| write(bytes, at, message));
    memory.poke(RSP_PROD, memory.peek(RSP_PROD).wrapping_add(1));
}

fn tokens<P: Protocol>(front: Asks<'_, P>) -> Vec<u32> {
    front.abort_all().map(Unanswered::into_payload).collect()
}

/// Checks that the ring is dead: same reason everywhere, no access at all, every token back.
fn is_dead<P: Protocol>(memory: &Memory, mut front: Asks<'_, P>, reason: Misbehaved, left: &[u32]) {
    memory.drain();
    assert_eq!(front.poll_answer().err(), Some(reason));
    assert_eq!(front.poll_answers(9, |_| unreachable!()).err(), Some(reason));
    assert_eq!(front.publish(), Err(reason));
    assert_eq!(front.room(), Err(reason));
    assert_eq!(front.vacancy().err(), Some(reason));
    assert_eq!(memory.drain(), [], "R30");
    assert_eq!(tokens(front), left);
}

#[test]
fn r01_r02_r03_answers_beyond_what_was_published() {
    for lie in [3, 4, 5, 1 << 31, u32::MAX] {
        let memory = Memory::new(PAGE);
        let mut front = asks::<Wide>(&memory, 2);
        stage(&mut front, 2);
        memory.poke(RSP_PROD, lie);
        let reason = Misbehaved::Overrun { seen: 0, now: lie, allowed: 2 };
        assert_eq!(front.poll_answer().err(), Some(reason));
        assert_eq!(memory.drain().last(), Some(&Access::Load(RSP_PROD)), "no slot was read");
        is_dead(&memory, front, reason, &[0, 1, 2]);
    }
    let memory = Memory::new(PAGE);
    let mut front = asks::<Wide>(&memory, 2);
    (0..2).for_each(|at| answer(&memory, at, answer_to(&memory, at)));
    assert!(front.poll_answer().unwrap().is_some() && front.poll_answer().unwrap().is_some());
    memory.poke(RSP_PROD, 1);
    let back = Misbehaved::Overrun { seen: 2, now: 1, allowed: 0 };
    assert_eq!(front.poll_answer().err(), Some(back), "R03: backwards");
    is_dead(&memory, front, back, &[]);
}

/// The id of the first answer, the expected reason, and the tokens left, of a front with 0 and 1 in flight.
fn first_answer<P>(id: impl Fn(u64) -> u64) -> Result<u32, Misbehaved>
where
    P: Protocol<Request = Message, Response = Message> + 'static,
{
    let memory = Memory::new(PAGE);
    let mut front = asks::<P>(&memory, 2);
    let honest = answer_to(&memory, 0);
    answer(&memory, 0, Message { id: id(honest.id), ..honest });
    match front.poll_answer() {
        Ok(answer) => Ok(answer.unwrap().payload),
        Err(reason) => {
            is_dead(&memory, front, reason, &[0, 1]);
            Err(reason)
        }
    }
}

#[test]
fn r08_ids_out_of_range() {
    for place in [8, 9, 1 << 31, u64::from(u32::MAX)] {
        let lie = |id: u64| id + place;
        assert_eq!(first_answer::<Wide>(lie), Err(Misbehaved::UnknownId(RequestId((1 << 32) + place))));
    }
    assert_eq!(first_answer::<Narrow>(|id| id + 255), Err(Misbehaved::UnknownId(RequestId(256 + 255))));
    assert_eq!(first_answer::<Wide>(|id| id), Ok(0));
    assert_eq!(first_answer::<Narrow>(|id| id + 1), Ok(1), "out of order is no lie");
}

#[test]
fn r09_ids_of_free_places() {
    for place in [2, 3, 7] {
        let reason = Misbehaved::NotOutstanding(RequestId((1 << 32) + place));
        assert_eq!(first_answer::<Wide>(|id| id + place), Err(reason));
    }
}

#[test]
fn r12_ids_of_another_generation() {
    for generation in [0, 2, u64::from(u32::MAX)] {
        let lie = generation << 32;
        assert_eq!(first_answer::<Wide>(|_| lie), Err(Misbehaved::Stale(RequestId(lie))));
    }
    for lie in [0, 2 << 8, 255 << 8, 1 << 16 | 1 << 8, u64::MAX << 8] {
        assert_eq!(first_answer::<Narrow>(|_| lie), Err(Misbehaved::Stale(RequestId(lie))), "and beyond 16 bits");
    }
}

#[test]
fn r12_an_old_answer_does_not_settle_a_new_request() {
    let memory = Memory::new(PAGE);
    let mut front = asks::<Narrow>(&memory, 1);
    let old = answer_to(&memory, 0);
    answer(&memory, 0, old);
    assert_eq!(front.poll_answer().unwrap().map(|answer| answer.payload), Some(0));
    for at in 1..4 {
        stage(&mut front, 9);
        let _ = front.publish().unwrap();
        answer(&memory, at, answer_to(&memory, at));
        assert!(front.poll_answer().unwrap().is_some(), "the places go round");
    }
    let new = stage(&mut front, 1);
    let _ = front.publish().unwrap();
    assert_eq!(new, RequestId(old.id + 256), "same place, next generation");
    answer(&memory, 0, old);
    let reason = Misbehaved::Stale(RequestId(old.id));
    assert_eq!(front.poll_answer().err(), Some(reason));
    is_dead(&memory, front, reason, &[1]);
}

#[test]
fn r10_the_same_id_twice_in_one_batch_or_two() {
    for apart in [false, true] {
        let memory = Memory::new(PAGE);
        let mut front = asks::<Wide>(&memory, 3);
        let twice = answer_to(&memory, 1);
        answer(&memory, 0, twice);
        if !apart {
            answer(&memory, 1, twice);
        }
        assert_eq!(front.poll_answer().unwrap(), Some(Answer { response: twice, payload: 1 }));
        if apart {
            assert_eq!(front.poll_answer().unwrap(), None);
            answer(&memory, 1, twice);
        }
        let reason = Misbehaved::NotOutstanding(RequestId(twice.id));
        assert_eq!(front.poll_answer().err(), Some(reason));
        is_dead(&memory, front, reason, &[0, 2]);
    }
}

#[test]
fn r11_an_answer_to_a_request_staged_and_not_published() {
    let memory = Memory::new(PAGE);
    let mut front = asks::<Wide>(&memory, 1);
    let staged = stage(&mut front, 1);
    answer(&memory, 0, Message { id: staged.0, operation: 7, value: 0 });
    let reason = Misbehaved::NotOutstanding(staged);
    assert_eq!(front.poll_answer().err(), Some(reason));
    is_dead(&memory, front, reason, &[0, 1]);

    let memory = Memory::new(PAGE);
    let mut front = asks::<Wide>(&memory, 1);
    let staged = stage(&mut front, 1);
    let _ = front.publish().unwrap();
    answer(&memory, 0, Message { id: staged.0, operation: 7, value: 0 });
    assert_eq!(front.poll_answer().unwrap().map(|answer| answer.payload), Some(1), "published, it may be answered");
}

#[test]
fn r14_an_answer_of_another_operation() {
    let memory = Memory::new(PAGE);
    let mut front = asks::<Wide>(&memory, 1);
    let honest = answer_to(&memory, 0);
    answer(&memory, 0, Message { operation: 8, ..honest });
    let reason = Misbehaved::WrongKind(RequestId(honest.id));
    assert_eq!(front.poll_answer().err(), Some(reason));
    is_dead(&memory, front, reason, &[0]);
}

#[test]
fn r15_r16_what_we_wrote_is_never_read_back() {
    let memory = Memory::new(PAGE);
    let mut front = asks::<Wide>(&memory, 1);
    let honest = answer_to(&memory, 0);
    memory.with(|bytes| bytes[..64].fill(0xff));
    memory.poke(RSP_PROD, 0);
    memory.poke(REQ_EVENT, 2);
    stage(&mut front, 1);
    assert_eq!(front.publish(), Ok(Notify::Yes), "counted from the private index");
    assert_eq!(memory.peek(REQ_PROD), 2);
    let expected = [Access::Out(slot(1), 16), Access::Store(REQ_PROD, 2), Access::Fence, Access::Load(REQ_EVENT)];
    assert_eq!(memory.drain(), expected);
    memory.with(|bytes| write(bytes, 1, message(9, 9)));
    answer(&memory, 0, honest);
    assert_eq!(front.poll_answer().unwrap().map(|answer| answer.payload), Some(0), "found in the private table");
    assert_eq!(front.poll_answer().unwrap(), None);
    let (look, asked) = (Access::Load(RSP_PROD), Access::Store(RSP_EVENT, 2));
    assert_eq!(memory.drain(), [look, Access::In(slot(0), 16), look, asked, Access::Fence, look], "R07, R25");
}

#[test]
fn r17_a_frozen_event_silences_and_a_fresh_one_costs_one_event() {
    let memory = Memory::new(PAGE);
    let mut front = asks::<Wide>(&memory, 1);
    for (event, value, notify) in [(u32::MAX, 1, Notify::No), (3, 2, Notify::Yes), (4, 3, Notify::Yes)] {
        memory.poke(REQ_EVENT, event);
        stage(&mut front, value);
        assert_eq!(front.publish(), Ok(notify));
    }
}

#[test]
fn r21_a_final_check_looks_twice_whatever_the_peer_does() {
    let memory = Memory::new(PAGE);
    let mut front = asks::<Wide>(&memory, 2);
    let honest = [0, 1].map(|at| answer_to(&memory, at));
    memory.write_at(3, move |bytes| {
        write(bytes, 0, honest[0]);
        put(bytes, RSP_PROD, 1);
    });
    assert!(front.poll_answer().unwrap().is_some(), "R28: it came between the look and the event");
    let looks = memory.drain().into_iter().filter(|access| *access == Access::Load(RSP_PROD)).count();
    assert_eq!(looks, 2);
}

#[test]
fn backs_refuse_what_no_front_could_have_published() {
    for lie in [5, 1 << 31, u32::MAX] {
        let memory = Memory::new(PAGE);
        let mut back = Back::<Wide, _>::attach(&memory, slots()).unwrap();
        memory.poke(REQ_PROD, lie);
        let reason = Misbehaved::Overrun { seen: 0, now: lie, allowed: 4 };
        assert_eq!(back.poll_request(), Err(reason));
        memory.poke(REQ_PROD, 0);
        memory.drain();
        assert_eq!((back.poll_request(), back.publish()), (Err(reason), Err(reason)));
        assert_eq!(back.debt().err(), Some(reason));
        assert_eq!(memory.drain(), []);
        memory.poke(REQ_PROD, lie);
        assert_eq!(Back::<Wide, _>::attach(&memory, slots()).err(), Some(reason), "nor on attach");
    }
    let memory = Memory::new(PAGE);
    let mut back = Back::<Wide, _>::attach(&memory, slots()).unwrap();
    memory.poke(REQ_PROD, 4);
    assert!((0..4).all(|_| back.poll_request().unwrap().is_some()), "a full ring is no lie");
    back.debt().unwrap().unwrap().stage(&message(0, 0));
    memory.poke(REQ_PROD, 5);
    let reason = Misbehaved::Overrun { seen: 4, now: 5, allowed: 0 };
    assert_eq!(back.poll_request(), Err(reason), "an answer frees its slot when it is published");

    let memory = Memory::new(PAGE);
    let mut back = Back::<Wide, _>::attach(&memory, slots()).unwrap();
    memory.poke(REQ_PROD, 4);
    assert!((0..4).all(|_| back.poll_request().unwrap().is_some()));
    back.debt().unwrap().unwrap().stage(&message(0, 0));
    let _ = back.publish().unwrap();
    memory.poke(REQ_PROD, 5);
    assert!(back.poll_request().unwrap().is_some());
}
