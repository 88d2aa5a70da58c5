//! The two races of a ring, every interleaving of them, and for each a twin that must fail.
//!
//! Setting up stays outside the race: loom remembers one last access of a cell, so that loads by both threads hide the
//! interleavings that matter.
//!
//! Run by `cargo xtask loom`.
#![cfg(loom)]
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
use xen_ring::{Back, ByteReceiver, ByteSender, Front, Layout, Notify, Protocol, RequestId, Slots};
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
    let cells = Cells::leaked(missing);
    let (mut front, mut back) = awake(cells);
    let asker = thread::spawn(move || {
        ask(&mut front);
        front.publish().unwrap()
    });
    let found = back.poll_request().unwrap();
    let notify = asker.join().unwrap();
    if let Some(request) = found {
        assert_eq!((request.id, request.value), (2 << 16, 77), "a torn slot");
    } else {
        assert_eq!(notify, Notify::Yes, "a lost wake-up");
    }
}

/// R27 and R28, back to front: the same for answers.
fn answer_race(missing: Missing) {
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
fn byte_race(missing: Missing) {
    const RING: Layout = Layout::new(64, 2, 0, 4);
    let cells = Cells::leaked(missing);
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
    let twin = |missing: Missing, why| fails("r27_bytes", missing.name(), why, move || byte_race(missing));
    holds("r27_bytes", 10, || byte_race(Missing::Nothing));
    twin(Missing::Release, "a byte before it was written");
    twin(Missing::Acquire, "a byte before it was written");
}
