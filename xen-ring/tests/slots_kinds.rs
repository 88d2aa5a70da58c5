//! Rings of other kinds: of several pages, in order, with slots without id, taken up in use, in two halves.
#![expect(unsafe_code, reason = "a test gives its own pages")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use core::ptr::NonNull;

use memory::{Message, RSP_PROD, Test, message, page, table};
use xen_hypercall::{Gfn, PAGE_SIZE, SharedPages};
use xen_ring::{Answer, Back, Front, MAX_ORDER, Misbehaved, Protocol, RequestId, Requests, Slots, Unanswered};

type P = Test<64>;

#[repr(align(4096))]
struct Four(#[allow(dead_code, reason = "reached by address")] [u8; 4 * PAGE_SIZE]);

fn pages() -> &'static SharedPages<'static> {
    let ptr = NonNull::from(Box::leak(Box::new(Four([0; 4 * PAGE_SIZE])))).cast();
    // SAFETY: leaked, aligned, zeroed and reached by nobody else.
    Box::leak(Box::new(unsafe { SharedPages::new(ptr, &[Gfn(4), Gfn(9), Gfn(2), Gfn(7)]) }))
}

#[test]
fn a_ring_of_four_pages_uses_them_all() {
    let (pages, slots) = (pages(), Slots::<P>::of_order(2).unwrap());
    assert_eq!(slots.count(), 512, "16320 bytes of 16 are 1020, rounded down");
    let mut front = Front::<P, u32, 1024, _>::new(pages, slots, table());
    let mut back = Back::attach(pages, slots).unwrap();
    for value in 0..2 * 512 {
        if let Some(vacancy) = front.vacancy().unwrap() {
            vacancy.stage(message(1, value), value);
        } else {
            assert_eq!(value, 512, "capacity is the most, the ring's size what counts");
            break;
        }
    }
    let _ = front.publish().unwrap();
    let mut last = [0; 4];
    pages.copy_in(64 + 511 * 16 + 12, &mut last);
    assert_eq!(u32::from_le_bytes(last), 511);
    while let Some(request) = back.poll_request().unwrap() {
        back.debt().unwrap().unwrap().stage(&request);
    }
    let _ = back.publish().unwrap();
    let answers: Vec<_> = (0..512).map(|_| front.poll_answer().unwrap().unwrap().payload).collect();
    assert!(answers.into_iter().eq(0..512));
}

#[test]
fn r23_orders_are_bounded() {
    for order in 0..=MAX_ORDER {
        assert_eq!(Slots::<P>::of_order(order).unwrap().count(), 128 << order);
    }
    for order in [MAX_ORDER + 1, 31, 32, 64, u32::MAX] {
        assert!(Slots::<P>::of_order(order).is_none(), "{order}");
    }
}

#[test]
#[should_panic(expected = "the slots are within the memory")]
fn r24_a_front_needs_memory_for_its_slots() {
    let _ = Front::<P, (), 1024>::new(page(), Slots::of_order(1).unwrap(), table());
}

#[test]
#[should_panic(expected = "the slots are within the memory")]
fn r24_a_back_needs_memory_for_its_slots() {
    let _ = Back::<P>::attach(page(), Slots::of_order(1).unwrap());
}

#[test]
fn a_front_attaches_to_a_ring_in_use_that_is_idle() {
    let (page, slots) = (page(), Slots::<P>::new(4).unwrap());
    let mut front = Front::<P, u32, 4>::starting_at(page, slots, table(), u32::MAX);
    let mut back = Back::<P>::attach(page, slots).unwrap();
    front.vacancy().unwrap().unwrap().stage(message(1, 1), 1);
    let _ = front.publish().unwrap();
    let busy = Misbehaved::Overrun { seen: u32::MAX, now: 0, allowed: 0 };
    assert_eq!(Front::<P, u32, 4>::attach(page, slots, table()).err(), Some(busy));
    let request = back.poll_request().unwrap().unwrap();
    back.debt().unwrap().unwrap().stage(&request);
    let _ = back.publish().unwrap();
    let mut front = Front::<P, u32, 4>::attach(page, slots, table()).unwrap();
    front.vacancy().unwrap().unwrap().stage(message(1, 2), 2);
    let _ = front.publish().unwrap();
    assert_eq!(back.poll_request().unwrap().unwrap().value, 2);
}

/// A transmit ring: a response of operation 255 carries no id.
#[derive(Debug)]
struct Sends;

/// A receive ring: in order, and 255 as above.
#[derive(Debug)]
struct Receives;

const NULL: u32 = 255;

macro_rules! network {
    ($name:ty, $in_order:literal) => {
        impl Protocol for $name {
            type Request = Message;
            type Response = Message;
            type Kind = u32;
            const ID_BITS: u32 = 16;
            const IN_ORDER: bool = $in_order;

            fn stamp(request: &mut Message, id: RequestId) {
                request.id = id.0;
            }

            fn kind(request: &Message) -> u32 {
                request.operation
            }

            fn id(response: &Message) -> Option<RequestId> {
                (response.operation != NULL).then_some(RequestId(response.id))
            }

            fn answers(response: &Message, asked: u32) -> bool {
                response.operation == asked
            }
        }
    };
}

network!(Sends, false);
network!(Receives, true);

type Net<P> = (Front<'static, P, u32, 8>, Back<'static, P>);

fn net<P: Protocol + 'static>() -> Net<P> {
    let (page, slots) = (page(), Slots::new(8).unwrap());
    (Front::new(page, slots, table()), Back::attach(page, slots).unwrap())
}

fn reply<P: Protocol<Response = Message>>(back: &mut Back<'static, P>, response: Message) {
    back.debt().unwrap().unwrap().stage(&response);
    let _ = back.publish().unwrap();
}

/// Packet 1, an extra info 2, packet 3, an extra info 4: all with the back, which returns what it got.
fn sent() -> (Net<Sends>, Vec<Message>) {
    let (mut front, mut back) = net::<Sends>();
    for value in [1, 3] {
        front.vacancy().unwrap().unwrap().stage(message(1, value), value);
        front.vacancy().unwrap().unwrap().stage_unnamed(&message(9, value + 1), value + 1);
    }
    let _ = front.publish().unwrap();
    let got = (0..4).map(|_| back.poll_request().unwrap().unwrap()).collect();
    ((front, back), got)
}

#[test]
fn n_slots_without_id_are_settled_oldest_first_and_go_round() {
    let ((mut front, mut back), mut got) = sent();
    for _ in 0..40 {
        let [one, _, three, _] = got[..] else { unreachable!("four") };
        for response in [three, message(NULL, 0), one, message(NULL, 7)] {
            reply(&mut back, response);
        }
        let settled: Vec<_> = (0..4).map(|_| front.poll_answer().unwrap().unwrap().payload).collect();
        assert_eq!(settled, [3, 2, 1, 4]);
        assert_eq!(front.room(), Ok(8));
        for value in [1, 3] {
            front.vacancy().unwrap().unwrap().stage(message(1, value), value);
            front.vacancy().unwrap().unwrap().stage_unnamed(&message(9, value + 1), value + 1);
        }
        let _ = front.publish().unwrap();
        got = (0..4).map(|_| back.poll_request().unwrap().unwrap()).collect();
    }
}

#[test]
fn r09_r11_more_answers_without_id_than_slots_without_id() {
    let ((mut front, mut back), _) = sent();
    front.vacancy().unwrap().unwrap().stage_unnamed(&message(9, 5), 5);
    (0..3).for_each(|_| reply(&mut back, message(NULL, 0)));
    assert_eq!(front.poll_answer().unwrap().unwrap().payload, 2);
    assert_eq!(front.poll_answer().unwrap().unwrap().payload, 4);
    assert_eq!(front.poll_answer().err(), Some(Misbehaved::NothingUnnamed), "5 is staged and not published");
    let left: Vec<_> = front.abort_all().collect();
    assert_eq!(left, [Unanswered::Published(1), Unanswered::Published(3), Unanswered::Staged(5)]);
}

#[test]
fn r09_an_answer_without_id_settles_no_request_that_has_one() {
    let (mut front, mut back) = net::<Sends>();
    front.vacancy().unwrap().unwrap().stage(message(1, 1), 1);
    let _ = front.publish().unwrap();
    assert!(back.poll_request().unwrap().is_some());
    reply(&mut back, message(NULL, 0));
    assert_eq!(front.poll_answer().err(), Some(Misbehaved::NothingUnnamed));
    assert_eq!(front.abort_all().collect::<Vec<_>>(), [Unanswered::Published(1)]);
}

#[test]
fn r08_a_slot_without_id_is_not_settled_by_a_guess_of_its_place() {
    let ((mut front, mut back), got) = sent();
    reply(&mut back, Message { id: got[0].id + 1, ..got[0] });
    assert!(matches!(front.poll_answer().err(), Some(Misbehaved::WrongKind(_))));
}

fn posted() -> (Net<Receives>, Vec<Message>) {
    let (mut front, mut back) = net::<Receives>();
    (0..4).for_each(|value| {
        front.vacancy().unwrap().unwrap().stage(message(1, value), value);
    });
    let _ = front.publish().unwrap();
    let got = (0..4).map(|_| back.poll_request().unwrap().unwrap()).collect();
    ((front, back), got)
}

#[test]
fn n_answers_in_order_give_back_the_buffer_of_their_slot() {
    let ((mut front, mut back), got) = posted();
    for response in [got[0], message(NULL, 0), got[2]] {
        reply(&mut back, response);
    }
    let settled: Vec<_> = (0..3).map(|_| front.poll_answer().unwrap().unwrap().payload).collect();
    assert_eq!(settled, [0, 1, 2], "an extra info gives its buffer back");
}

#[test]
fn r10_r12_answers_in_order_may_not_name_another() {
    for (response, at) in [(3, 1), (0, 1)] {
        let ((mut front, mut back), got) = posted();
        (0..at).for_each(|at| reply(&mut back, got[at]));
        reply(&mut back, got[response]);
        (0..at).for_each(|_| assert!(front.poll_answer().unwrap().is_some()));
        assert_eq!(front.poll_answer().err(), Some(Misbehaved::OutOfOrder(RequestId(got[response].id))));
    }
    let ((mut front, mut back), got) = posted();
    reply(&mut back, Message { id: got[0].id + 256, ..got[0] });
    assert_eq!(front.poll_answer().err(), Some(Misbehaved::Stale(RequestId(got[0].id + 256))));
}

#[test]
fn r18_one_that_is_never_answered_is_overtaken_and_still_counts() {
    let (page, slots) = (page(), Slots::<P>::new(4).unwrap());
    let mut front = Front::<P, u32, 4>::starting_at(page, slots, table(), u32::MAX - 5);
    let mut back = Back::<P>::attach(page, slots).unwrap();
    front.vacancy().unwrap().unwrap().stage(message(1, 0), 0);
    let _ = front.publish().unwrap();
    let slow = back.poll_request().unwrap().unwrap();
    for value in 1..40 {
        front.vacancy().unwrap().unwrap().stage(message(1, value), value);
        let _ = front.publish().unwrap();
        let request = back.poll_request().unwrap().unwrap();
        reply(&mut back, request);
        assert_eq!(front.poll_answer().unwrap().unwrap().payload, value);
    }
    reply(&mut back, slow);
    assert_eq!(front.poll_answer().unwrap(), Some(Answer { response: slow, payload: 0 }));
    assert_eq!(front.room(), Ok(4));
}

#[test]
fn r30_poison_reaches_the_other_half_and_halves_of_two_do_not_join() {
    let (page, mut requests) = (page(), Requests::<P, u32, 4>::new());
    let (mut submit, mut complete) = Front::new(page, Slots::new(4).unwrap(), &mut requests).split();
    submit.vacancy().unwrap().unwrap().stage(message(1, 1), 1);
    let _ = submit.publish().unwrap();
    page.copy_out(RSP_PROD, &2_u32.to_le_bytes());
    let reason = Misbehaved::Overrun { seen: 0, now: 2, allowed: 1 };
    assert_eq!(complete.poll_answer().err(), Some(reason));
    assert_eq!((submit.room(), submit.publish(), submit.vacancy().err()), (Err(reason), Err(reason), Some(reason)));
    let left: Vec<_> = Front::join(submit, complete).abort_all().collect();
    assert_eq!(left, [Unanswered::Published(1)]);
    let halves = || Front::<P, u32, 4>::new(memory::page(), Slots::new(4).unwrap(), table()).split();
    let ((submit, _), (_, complete)) = (halves(), halves());
    assert!(std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| Front::join(submit, complete))).is_err());
}

#[test]
fn a_table_drops_what_is_left_in_it() {
    let payload = std::rc::Rc::new(());
    let mut requests = Requests::<P, _, 4>::new();
    for _ in 0..2 {
        let mut front = Front::new(page(), Slots::new(4).unwrap(), &mut requests);
        front.vacancy().unwrap().unwrap().stage(message(1, 1), payload.clone());
        assert_eq!(std::rc::Rc::strong_count(&payload), 2, "the one of the ring before is gone");
    }
    drop(requests);
    assert_eq!(std::rc::Rc::strong_count(&payload), 1);
}
