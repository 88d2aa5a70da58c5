//! The races of a ring and of the two halves of a front, every interleaving of them, and for each a twin that must fail.
//!
//! Setting up stays outside the race: loom remembers one last access of a cell, so that loads by both threads hide the
//! interleavings that matter.
//!
//! Run by `cargo xtask loom`.
#![cfg(loom)]
#![expect(unsafe_code, reason = "bytes are loom's cells")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod cells;

use cells::{Cells, Missing};
use loom::thread;
use xen_explore::{fails, holds};
use xen_ring::{
    Back, ByteReceiver, ByteSender, Complete, Front, Layout, Misbehaved, Notify, Passing, Protocol, RequestId, Slots,
    Submit, Transfer, Vchan, model,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A message of one word, so that loom sees a slot as one cell.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Message {
    id: u32,
    value: u32,
}

#[derive(Debug)]
struct Tiny;

impl Protocol for Tiny {
    type Request = Message;
    type Response = Message;
    type Kind = ();
    const ID_BITS: u32 = 32;

    fn stamp(request: &mut Message, id: RequestId) {
        request.id = u32::try_from(id.0).unwrap();
    }

    fn kind(_: &Message) {}

    fn id(response: &Message) -> Option<RequestId> {
        Some(RequestId(response.id.into()))
    }

    fn answers(_: &Message, (): ()) -> bool {
        true
    }
}

fn slots() -> Slots<Tiny> {
    Slots::new(2).unwrap()
}

type Ends = (Front<'static, Tiny, (), 2, Cells>, Back<'static, Tiny, Cells>);

/// Makes two ends that are past their first round trip and not asleep, so that no event is asked for yet.
fn awake(cells: &'static Cells) -> Ends {
    let mut front = Front::new(cells, slots(), Box::leak(Box::default()));
    let mut back = Back::attach(cells, slots()).unwrap();
    let id = ask(&mut front);
    let _ = front.publish().unwrap();
    assert!(back.poll_request().unwrap().is_some());
    back.debt().unwrap().unwrap().stage(&Message { id, value: 78 });
    let _ = back.publish().unwrap();
    assert!(front.poll_answer().unwrap().is_some());
    (front, back)
}

/// Stages one request and returns its id.
fn ask(front: &mut Front<'static, Tiny, (), 2, Cells>) -> u32 {
    let id = front.vacancy().unwrap().unwrap().stage(Message { id: 0, value: 77 }, ());
    u32::try_from(id.0).unwrap()
}

/// R28, front to back: a back that found nothing and may sleep gets an event for what is published meanwhile; R27: what it
/// finds is whole.
fn request_race(missing: Missing) {
    model::without(None);
    let cells = Cells::leaked(missing);
    let (mut front, mut back) = awake(cells);
    let asker = thread::spawn(move || {
        ask(&mut front);
        front.publish().unwrap()
    });
    let found = back.poll_request().unwrap();
    let notify = asker.join().unwrap();
    if let Some(request) = found {
        assert_eq!((request.id, request.value), ((1 << 16) | 1, 77), "a torn slot");
    } else {
        assert_eq!(notify, Notify::Yes, "a lost wake-up");
    }
}

/// R27 and R28, back to front: the same for answers.
fn answer_race(missing: Missing) {
    model::without(None);
    let cells = Cells::leaked(missing);
    let (mut front, mut back) = awake(cells);
    let id = ask(&mut front);
    let _ = front.publish().unwrap();
    assert!(back.poll_request().unwrap().is_some());
    let answerer = thread::spawn(move || {
        back.debt().unwrap().unwrap().stage(&Message { id, value: 78 });
        back.publish().unwrap()
    });
    let found = front.poll_answer().unwrap();
    let notify = answerer.join().unwrap();
    if let Some(answer) = found {
        assert_eq!(answer.response.value, 78, "a torn slot");
    } else {
        assert_eq!(notify, Notify::Yes, "a lost wake-up");
    }
}

/// Three bytes in a ring of two: the sender reuses a byte only after it was read, the receiver reads only what was written.
///
/// Release and acquire of the two indices suffice, where the C rings have full barriers.
fn byte_race(missing: Missing, start: u32) {
    const RING: Layout = Layout::new(64, 2, 0, 4);
    let cells = Cells::leaked(missing);
    for index in [0, 4] {
        xen_ring::Words::store(cells, index, start);
    }
    let mut sender = ByteSender::attach(cells, RING).unwrap();
    let mut receiver = ByteReceiver::attach(cells, RING).unwrap();
    let sending = thread::spawn(move || sender.send(&[1, 2]).unwrap() + sender.send(&[3]).unwrap());
    let mut got = [0; 4];
    let early = receiver.receive(&mut got).unwrap();
    let sent = sending.join().unwrap();
    let late = receiver.receive(&mut got[early..]).unwrap();
    assert_eq!(early + late, sent);
    assert_eq!(got[..sent], [1, 2, 3][..sent], "a byte before it was written, or after it was overwritten");
}

/// A server that has taken all that was there, looks once more and may sleep, gets an event for a byte that is sent meanwhile.
fn byte_send_race(missing: Missing) {
    // The producer's index is where the models of slots have one: a second look at it can be left out.
    const RING: Layout = Layout::new(64, 2, 4, 0);
    let cells = Cells::leaked(missing);
    let mut sender = ByteSender::attach(cells, RING).unwrap();
    let mut receiver = ByteReceiver::attach(cells, RING).unwrap();
    assert_eq!(sender.send(&[1]), Ok(1));
    let sending = thread::spawn(move || {
        assert_eq!(sender.send(&[2]), Ok(1));
        sender.notify(cells, 1).unwrap()
    });
    assert_eq!(receiver.receive(&mut [0; 1]), Ok(1));
    xen_ring::Words::fence(cells);
    let found = receiver.receive(&mut [0; 1]).unwrap();
    let notify = sending.join().unwrap();
    assert!(found == 1 || notify == Notify::Yes, "a lost wake-up");
}

/// A server that has filled the ring, looks once more and may sleep, gets an event for what is taken meanwhile.
fn byte_take_race(missing: Missing) {
    const RING: Layout = Layout::new(64, 2, 0, 4);
    let cells = Cells::leaked(missing);
    let mut sender = ByteSender::attach(cells, RING).unwrap();
    let mut receiver = ByteReceiver::attach(cells, RING).unwrap();
    assert_eq!(sender.send(&[1]), Ok(1));
    let taking = thread::spawn(move || {
        let taken = receiver.receive(&mut [0; 1]).unwrap();
        receiver.notify(cells, taken).unwrap()
    });
    assert_eq!(sender.send(&[2]), Ok(1));
    xen_ring::Words::fence(cells);
    let sent = sender.send(&[3]).unwrap();
    let notify = taking.join().unwrap();
    assert!(sent == 1 || notify == Notify::Yes, "a lost wake-up");
}

/// A channel with one ring of two bytes, whose indices `up` names, and another that is not used.
fn channel(cells: &'static Cells, up: Layout) -> [Vchan<'static, Cells>; 2] {
    const DOWN: Layout = Layout::new(64, 2, 12, 8);
    use xen_ring::Flags as _;
    cells.set_byte(20, 1);
    cells.set_byte(21, 1);
    let client = (ByteSender::attach(cells, up).unwrap(), ByteReceiver::attach(cells, DOWN).unwrap());
    let server = (ByteSender::attach(cells, DOWN).unwrap(), ByteReceiver::attach(cells, up).unwrap());
    [Vchan::client(cells, client), Vchan::server(cells, server)]
}

/// A server that finds nothing and may sleep gets an event for a byte that is sent meanwhile.
fn channel_send_race(missing: Missing) {
    let cells = Cells::leaked(missing);
    // The producer's index is where the models of slots have one: a second look at it can be left out.
    let [mut client, mut server] = channel(cells, Layout::new(64, 2, 4, 0));
    let sending = thread::spawn(move || client.send(&[&[7]]).unwrap());
    let mut got = [0; 1];
    let found = server.receive(&mut [&mut got]).unwrap();
    let Transfer::Moved(sent) = sending.join().unwrap() else { unreachable!("there is room") };
    match found {
        Transfer::Moved(_) => assert_eq!(got, [7], "a torn byte"),
        _ => assert_eq!(sent.notify, Notify::Yes, "a lost wake-up"),
    }
}

/// A client that finds the ring full and may sleep gets an event for what is taken meanwhile.
fn channel_take_race(missing: Missing) {
    let cells = Cells::leaked(missing);
    let [mut client, mut server] = channel(cells, Layout::new(64, 2, 0, 4));
    let _ = client.send(&[&[1, 2]]).unwrap();
    let taking = thread::spawn(move || server.receive(&mut [&mut [0; 2]]).unwrap());
    let sent = client.send(&[&[3]]).unwrap();
    let Transfer::Moved(taken) = taking.join().unwrap() else { unreachable!("two bytes are there") };
    assert!(matches!(sent, Transfer::Moved(_)) || taken.notify == Notify::Yes, "a lost wake-up");
}

/// A client sends its last byte and goes: the server does not find the end before the byte.
fn channel_close_race(missing: Missing) {
    let cells = Cells::leaked(missing);
    let [mut client, mut server] = channel(cells, Layout::new(64, 2, 4, 0));
    let closing = thread::spawn(move || {
        let _ = client.send(&[&[7]]).unwrap();
        client.close()
    });
    let found = server.receive(&mut [&mut [0; 1]]).unwrap();
    assert_ne!(found, Transfer::Closed, "the last byte is lost");
    assert_eq!(closing.join().unwrap(), Notify::Yes);
}

#[test]
fn s19_bytes_sent_to_a_sleeper() {
    holds("s19_bytes_sent_to_a_sleeper", 10, || byte_send_race(Missing::Nothing));
    fails("s19_bytes_sent_to_a_sleeper", Missing::Fence.name(), "a lost wake-up", || byte_send_race(Missing::Fence));
}

#[test]
fn s19_bytes_taken_from_a_sleeper() {
    holds("s19_bytes_taken_from_a_sleeper", 10, || byte_take_race(Missing::Nothing));
    fails("s19_bytes_taken_from_a_sleeper", Missing::Fence.name(), "a lost wake-up", || byte_take_race(Missing::Fence));
}

#[test]
fn c14_channel_sends() {
    holds("c14_channel_sends", 10, || channel_send_race(Missing::Nothing));
    for missing in [Missing::Fence, Missing::SecondLook] {
        fails("c14_channel_sends", missing.name(), "a lost wake-up", move || channel_send_race(missing));
    }
}

#[test]
fn c14_channel_takes() {
    holds("c14_channel_takes", 10, || channel_take_race(Missing::Nothing));
    for missing in [Missing::Fence, Missing::SecondLook] {
        fails("c14_channel_takes", missing.name(), "a lost wake-up", move || channel_take_race(missing));
    }
}

#[test]
fn c13_channel_closes() {
    holds("c13_channel_closes", 10, || channel_close_race(Missing::Nothing));
    fails("c13_channel_closes", Missing::SecondLook.name(), "the last byte is lost", || {
        channel_close_race(Missing::SecondLook);
    });
}

type Halves = (Submit<'static, Tiny, u32, 2, Cells>, Complete<'static, Tiny, u32, 2, Cells>);

fn halves(cells: &'static Cells) -> Halves {
    Front::new(cells, slots(), Box::leak(Box::default())).split()
}

fn stage(submit: &mut Submit<'static, Tiny, u32, 2, Cells>, value: u32) -> bool {
    submit.vacancy().unwrap().map(|vacancy| vacancy.stage(Message { id: 0, value }, value)).is_some()
}

/// Split halves, ids going round: two answers are there, the other way about; while they are taken, a third request takes
/// the first place that is free, which is not the one that was first before.
fn recycle_race(missing: Option<Passing>) {
    model::without(missing);
    let cells = Cells::leaked(Missing::Nothing);
    let (mut submit, mut complete) = halves(cells);
    let mut back = Back::<Tiny, _>::attach(cells, slots()).unwrap();
    assert!(stage(&mut submit, 1) && stage(&mut submit, 2));
    let _ = submit.publish().unwrap();
    let asked = [0, 1].map(|_| back.poll_request().unwrap().unwrap());
    for request in asked.into_iter().rev() {
        back.debt().unwrap().unwrap().stage(&request);
    }
    let _ = back.publish().unwrap();
    let submitting = thread::spawn(move || {
        let staged = stage(&mut submit, 3);
        let _ = submit.publish().unwrap();
        (submit, staged)
    });
    assert_eq!([0, 1].map(|_| complete.poll_answer().unwrap().map(|answer| answer.payload)), [Some(2), Some(1)]);
    let (submit, staged) = submitting.join().unwrap();
    assert_eq!(back.poll_request().unwrap().map(|request| request.value), staged.then_some(3));
    let left: Vec<_> = Front::join(submit, complete).abort_all().map(xen_ring::Unanswered::into_payload).collect();
    assert_eq!(left, if staged { vec![3] } else { vec![] });
}

/// A peer that guesses the id answers what is being staged: it is refused, or the payload is whole.
fn guess_race(missing: Option<Passing>) {
    model::without(missing);
    let cells = Cells::leaked(Missing::Nothing);
    let (mut submit, mut complete) = halves(cells);
    xen_ring::Words::slot_out(cells, 64, [1 << 16, 0].as_bytes());
    xen_ring::Words::store(cells, 8, 1);
    let submitting = thread::spawn(move || {
        // It fails where the guess was found to be one.
        let staged = submit.vacancy().map(|vacancy| vacancy.unwrap().stage(Message { id: 0, value: 5 }, 5));
        staged.and_then(|_| submit.publish())
    });
    match complete.poll_answer() {
        Ok(answer) => assert_eq!(answer.unwrap().payload, 5),
        Err(Misbehaved::Overrun { seen: 0, now: 1, allowed: 0 } | Misbehaved::NotOutstanding(_)) => {}
        // Only where the number comes without what was written before it.
        Err(Misbehaved::Stale(_)) if missing == Some(Passing::Entry) => {}
        Err(reason) => unreachable!("{reason}"),
    }
    let _ = submitting.join().unwrap();
}

/// One half finds that the peer lies while the other submits: that one goes on, or knows the whole reason.
fn poison_race(missing: Option<Passing>) {
    model::without(missing);
    let cells = Cells::leaked(Missing::Nothing);
    let (mut submit, mut complete) = halves(cells);
    xen_ring::Words::store(cells, 8, 9);
    let reason = Misbehaved::Overrun { seen: 0, now: 9, allowed: 0 };
    let completing = thread::spawn(move || assert_eq!(complete.poll_answer().err(), Some(reason)));
    let (told, room) = (submit.publish().err(), submit.room());
    assert!(told.is_none_or(|told| told == reason), "a torn reason");
    assert!(room == Ok(2) || room == Err(reason), "a torn reason: no room, and none");
    completing.join().unwrap();
    assert_eq!(submit.room(), Err(reason));
}

/// Each of three on its CPU: the half that completes never takes an honest answer for one beyond what was published.
fn honest_race(missing: Missing) {
    model::without(None);
    let cells = Cells::leaked(missing);
    let (mut submit, mut complete) = halves(cells);
    let mut back = Back::<Tiny, _>::attach(cells, slots()).unwrap();
    let submitting = thread::spawn(move || {
        assert!(stage(&mut submit, 6));
        let _ = submit.publish().unwrap();
    });
    let answering = thread::spawn(move || {
        if let Some(request) = back.poll_request().unwrap() {
            back.debt().unwrap().unwrap().stage(&request);
            let _ = back.publish().unwrap();
        }
    });
    let answer = complete.poll_answer();
    assert!(answer.is_ok(), "an honest answer was refused");
    assert!(answer.unwrap().is_none_or(|answer| answer.payload == 6 && answer.response.value == 6));
    submitting.join().unwrap();
    answering.join().unwrap();
}

#[test]
fn r12_split_halves_and_places_going_round() {
    holds("r12_split_halves", 10, || recycle_race(None));
    fails("r12_split_halves", "the count of what was consumed", "a free place", || recycle_race(Some(Passing::Place)));
}

#[test]
fn r11_a_guess_against_a_submission() {
    holds("r11_guess", 10, || guess_race(None));
    fails("r11_guess", "the number's order", "ausality", || guess_race(Some(Passing::Entry)));
}

#[test]
fn r30_poison_against_a_submission() {
    holds("r30_poison", 3, || poison_race(None));
    fails("r30_poison", "the reason's order", "a torn reason", || poison_race(Some(Passing::Reason)));
}

#[test]
fn r02_three_at_once() {
    holds("r02_three", 30, || honest_race(Missing::Nothing));
    fails("r02_three", Missing::Release.name(), "an honest answer was refused", || honest_race(Missing::Release));
}

#[test]
fn r27_r28_requests() {
    let twin = |missing: Missing, why| fails("r27_r28_requests", missing.name(), why, move || request_race(missing));
    holds("r27_r28_requests", 30, || request_race(Missing::Nothing));
    twin(Missing::Fence, "a lost wake-up");
    twin(Missing::SecondLook, "a lost wake-up");
    twin(Missing::Release, "a torn slot");
    twin(Missing::Acquire, "a torn slot");
}

#[test]
fn r27_r28_answers() {
    let twin = |missing: Missing, why| fails("r27_r28_answers", missing.name(), why, move || answer_race(missing));
    holds("r27_r28_answers", 30, || answer_race(Missing::Nothing));
    twin(Missing::Fence, "a lost wake-up");
    twin(Missing::SecondLook, "a lost wake-up");
    twin(Missing::Release, "a torn slot");
    twin(Missing::Acquire, "a torn slot");
}

#[test]
fn r27_bytes() {
    holds("r27_bytes", 10, || byte_race(Missing::Nothing, 0));
    for missing in [Missing::Release, Missing::Acquire, Missing::Sent, Missing::Taken] {
        fails("r27_bytes", missing.name(), "ausality", move || byte_race(missing, 0));
    }
}

/// The same where the two bytes go across the ring's end, and the index across 2^32.
#[test]
fn r27_bytes_at_the_wrap() {
    let race = |missing| move || byte_race(missing, u32::MAX);
    holds("r27_bytes_at_the_wrap", 10, race(Missing::Nothing));
    for missing in [Missing::Sent, Missing::Taken] {
        fails("r27_bytes_at_the_wrap", missing.name(), "ausality", race(missing));
    }
}
