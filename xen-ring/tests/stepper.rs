//! The adversary stepper: every single stroke and every pair, before every access of a whole conversation.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod memory;

use memory::{Access, Adversary, Message, REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD, Test, message, put, slot};
use xen_ring::{ByteReceiver, ByteSender, Front, Layout, Misbehaved, Requests, Slots, Unanswered};

type P = Test<64>;
type Stroke = fn(&mut [u8; 4096]);

const STROKES: [Stroke; 20] = [
    |page| bump(page, RSP_PROD, 1),
    |page| bump(page, RSP_PROD, u32::MAX),
    |page| bump(page, RSP_PROD, 2),
    |page| bump(page, RSP_PROD, 3),
    |page| bump(page, RSP_PROD, 1 << 31),
    |page| put(page, RSP_PROD, 0),
    |page| put(page, RSP_PROD, u32::MAX),
    |page| put(page, REQ_PROD, 0),
    |page| bump(page, REQ_PROD, 1 << 31),
    |page| put(page, REQ_EVENT, u32::MAX),
    |page| bump(page, RSP_EVENT, 1),
    |page| page[..64].fill(0xff),
    |page| page.copy_within(slot(0)..slot(1), slot(1)),
    |page| page.copy_within(slot(1)..slot(2), slot(0)),
    |page| bump(page, slot(0), 1),
    |page| bump(page, slot(1), u32::MAX),
    |page| bump(page, slot(0) + 4, 1),
    |page| put(page, slot(0), 1 << 30),
    |page| bump(page, slot(1) + 8, 1),
    |page| page[slot(0) + 12..slot(2)].fill(0xa5),
];

/// Under Miri only so many strokes are tried, and pairs; the steps have no factor in common with the number of strokes.
const FIRSTS: usize = if cfg!(miri) { 29 } else { 1 };
const SECONDS: usize = if cfg!(miri) { 709 } else { 1 };

fn bump(page: &mut [u8; 4096], offset: usize, by: u32) {
    let old = u32::from_le_bytes(page[offset..offset + 4].try_into().unwrap());
    put(page, offset, old.wrapping_add(by));
}

/// Answers, as an honest back would, every request published so far.
fn serve(memory: &Adversary, upto: u32) {
    memory.poke(RSP_PROD, upto);
}

/// Two requests, their answers, a third request: with the strokes between. Returns how many accesses it took.
fn converse(strokes: &[(usize, Stroke)]) -> usize {
    let memory = Adversary::new();
    let mut requests = Requests::new();
    let mut front = Front::<P, u32, 4, _>::new(&memory, Slots::new(2).unwrap(), &mut requests);
    memory.drain();
    for (when, stroke) in strokes {
        memory.strike(*when, *stroke);
    }
    let (mut asked, mut back) = (0, Vec::new());
    let mut fault: Option<Misbehaved> = None;
    for upto in [2, 3] {
        fault = fault.or(ask(&mut front, &mut asked).err());
        serve(&memory, upto);
        let before = memory.len();
        fault = fault.or(front
            .poll_answers(8, |answer| {
                assert_eq!(answer.response.operation, 7, "what was checked is what is handed on");
                back.push(answer.payload);
            })
            .err());
        assert!(memory.len() - before <= 8 * 5, "a bounded number of accesses");
    }
    let accesses = memory.drain();
    no_double_fetch(&accesses);
    if let Some(reason) = fault {
        assert_eq!(front.poll_answer().err(), Some(reason));
        assert_eq!(memory.drain(), [], "R30");
    }
    back.extend(front.abort_all().map(Unanswered::into_payload));
    back.sort_unstable();
    assert!(back.into_iter().eq(0..asked), "each token once");
    accesses.len()
}

fn ask(front: &mut Front<'_, P, u32, 4, Adversary>, asked: &mut u32) -> Result<(), Misbehaved> {
    while let Some(vacancy) = front.vacancy()? {
        vacancy.stage(message(7, *asked), *asked);
        *asked += 1;
    }
    front.publish().map(drop)
}

/// R07, R15, R16, R25: only these are ever read, and a slot once an answer.
fn no_double_fetch(accesses: &[Access]) {
    let mut last = None;
    for access in accesses {
        match *access {
            Access::Load(offset) => assert!([RSP_PROD, REQ_EVENT].contains(&offset), "never our own words"),
            Access::In(offset, len) => {
                assert_eq!(len, size_of::<Message>());
                assert_ne!(last, Some(offset), "a slot is copied once");
                last = Some(offset);
            }
            _ => {}
        }
    }
}

#[test]
fn r02_r04_r06_r15_r32_every_single_stroke_and_every_pair() {
    let accesses = converse(&[]);
    assert!(accesses > 15, "{accesses}");
    let single = || (0..accesses).flat_map(|when| STROKES.map(|stroke| (when, stroke)));
    for first in single().step_by(FIRSTS) {
        converse(&[first]);
        for second in single().filter(|second| second.0 >= first.0).step_by(SECONDS) {
            converse(&[first, second]);
        }
    }
}

const BYTES: Layout = Layout::new(64, 8, 0, 4);

/// Sends ten bytes and receives what comes, with strokes on both indices between; returns the number of accesses.
fn stream(strokes: &[(usize, usize, u32)]) -> usize {
    let memory = Adversary::new();
    memory.poke(0, u32::MAX - 2);
    memory.poke(4, u32::MAX - 2);
    let mut sender = ByteSender::attach(&memory, BYTES).unwrap();
    let mut receiver = ByteReceiver::attach(&memory, BYTES).unwrap();
    memory.drain();
    for &(when, offset, by) in strokes {
        memory.strike(when, move |page| bump(page, offset, by));
    }
    for step in 0..4 {
        let mut got = [0; 5];
        let sent = sender.send(&[step; 5]);
        let received = receiver.receive(&mut got);
        assert!(sent.is_err() || sent.is_ok_and(|len| len <= 5));
        assert!(received.is_err() || received.is_ok_and(|len| len <= 5));
    }
    let accesses = memory.drain();
    for access in &accesses {
        if let Access::In(offset, len) | Access::Out(offset, len) = *access {
            assert!(offset >= 64 && offset + len <= 72, "C01, C02: only the ring's bytes are touched");
        }
    }
    accesses.len()
}

#[test]
fn c01_c02_c03_c05_byte_rings_stay_within_their_bytes() {
    let accesses = stream(&[]);
    let bumps = [1, 2, 7, 8, 9, 1 << 31, u32::MAX, u32::MAX - 7];
    let single =
        || (0..accesses).flat_map(move |when| [0, 4].into_iter().flat_map(move |at| bumps.map(|by| (when, at, by))));
    for first in single().step_by(FIRSTS) {
        stream(&[first]);
        for second in single().filter(|second| second.0 >= first.0).step_by(SECONDS) {
            stream(&[first, second]);
        }
    }
}
