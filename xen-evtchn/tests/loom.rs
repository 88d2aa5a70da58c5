//! The races of event channels, every interleaving of them, and for each a twin that must fail.
//!
//! Xen's side is written from what it does with the words (`event_2l.c`, `event_fifo.c` of its sources); its locked
//! instructions are full barriers.
//!
//! Run by `cargo xtask loom`.
#![cfg(loom)]
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "implements the hook; a panic is a failed test"
)]

mod cells;
mod lives;

use cells::{Bitmap, LINKED, MASKED, Missing, PENDING, QUEUE, Words};
use lives::{reuse, stale, wake};
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::thread;
use xen_evtchn::model::{
    Ahead, Lack, Next, Queues, Shared, Step, Unmasked, Whose, Word as _, claim, take_pending, unmask,
};
use xen_explore::{fails, fails_within, holds, holds_within};

/// E08: an event that comes while its port is unmasked is delivered by Xen, or found by the unmasking.
fn unmask_race(missing: Missing) {
    let bits = Bitmap::leaked(0, 1, missing);
    let raised = thread::spawn(|| bits.raise(1));
    let came = bits.bit(1).unmask();
    assert!(raised.join().unwrap() || came, "a lost event");
    assert!(!came || bits.mask.load() == 1, "Xen delivers only what it finds masked");
}

#[test]
fn e08_unmask_against_set() {
    holds("e08_unmask_against_set", 4, || unmask_race(Missing::Nothing));
    let missing = Missing::Barrier;
    fails("e08_unmask_against_set", missing.name(), "a lost event", move || unmask_race(missing));
}

/// E08: the port is masked; its event is cleared, the ring drained, the port unmasked: what the peer put in meanwhile is
/// seen, or there is a new event.
fn late_race(missing: Missing) {
    let bits = Bitmap::leaked(1, 1, missing);
    let ring: &AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
    let peer = thread::spawn(|| {
        ring.store(1, Release);
        bits.raise(1)
    });
    let clear = || bits.bit(1).take_pending();
    if missing != Missing::Order {
        clear();
    }
    let drained = ring.load(Acquire) == 1;
    if missing == Missing::Order {
        clear();
    }
    let came = bits.bit(1).unmask();
    assert!(peer.join().unwrap() || drained || came, "a lost event");
}

#[test]
fn e08_late_acknowledgement_against_set() {
    holds("e08_late_acknowledgement_against_set", 8, || late_race(Missing::Nothing));
    let missing = Missing::Order;
    fails("e08_late_acknowledgement_against_set", missing.name(), "a lost event", move || late_race(missing));
}

/// A whole word is claimed while Xen sets bits in it: each event is claimed, or there is a new upcall for it.
fn claim_race(missing: Missing) {
    let bits = Bitmap::leaked(1, 0, missing);
    bits.select.set(1);
    let raised = thread::spawn(|| bits.raise(2));
    let early = bits.pending.load();
    bits.select.swap(0);
    let seen = if missing == Missing::Order { early } else { bits.pending.load() };
    let claimed = claim(&bits.pending, seen, seen);
    raised.join().unwrap();
    let left = bits.pending.load();
    assert!((claimed | left) == 3 && claimed & left == 0, "an event that is gone, or there twice");
    assert!(left == 0 || bits.select.load() == 1, "a lost event");
}

#[test]
fn e04_claim_of_a_word_against_set() {
    holds("e04_claim_of_a_word_against_set", 8, || claim_race(Missing::Nothing));
    for (missing, why) in [(Missing::Order, "a lost event"), (Missing::Lock, "an event that is gone")] {
        fails("e04_claim_of_a_word_against_set", missing.name(), why, move || claim_race(missing));
    }
}

/// E18: an event was claimed, and its port masked before it was handed out: it is given back while the owner unmasks. It
/// comes once: out of the claim, or by Xen.
fn give_back_race(missing: Missing) {
    let bits = Bitmap::leaked(0, 1, missing);
    let owner = thread::spawn(|| bits.bit(1).unmask());
    let again = bits.bit(1).put_back();
    let came = owner.join().unwrap();
    let left = bits.pending.load() == 1;
    assert!(again || came && left, "a lost event");
    assert!(!again || !left, "an event that comes twice");
}

#[test]
fn e18_giving_back_against_unmask() {
    holds("e18_giving_back_against_unmask", 4, || give_back_race(Missing::Nothing));
    let missing = Missing::Barrier;
    fails("e18_giving_back_against_unmask", missing.name(), "a lost event", move || give_back_race(missing));
}

/// Takes all that the queues have.
fn drain(words: &'static Words, queues: &Queues, got: &mut [u32; 3]) {
    let page = |number| (number == 0).then_some(&words.words);
    let (shared, mut ahead) = (Shared { ready: &words.ready, heads: &words.heads, page }, Ahead::default());
    loop {
        if let Next::Event(port) = queues.next(&shared, &mut ahead, |_| true) {
            got[port as usize] += 1;
            continue;
        }
        match queues.step(&shared, |_| Whose::Ours) {
            Step::Empty => break,
            Step::Event(port) => got[port as usize] += 1,
            Step::Disorder => panic!("a queue in disorder"),
            _ => {}
        }
    }
}

/// Port 1 is in the queue and is taken out of it while Xen links port 2 behind it: both come, once.
fn link_race(missing: Missing) {
    let words = Words::leaked([0, PENDING | LINKED, 0], (1, 1 << QUEUE), missing);
    let xen = thread::spawn(|| words.raise(2, &mut 1));
    let (queues, mut got) = (Queues::new(), [0; 3]);
    drain(words, &queues, &mut got);
    xen.join().unwrap();
    drain(words, &queues, &mut got);
    assert_eq!(got, [0, 1, 1], "a lost event");
}

#[test]
fn e09_consume_against_link() {
    holds("e09_consume_against_link", 8, || link_race(Missing::Nothing));
    let missing = Missing::Lock;
    fails("e09_consume_against_link", missing.name(), "a lost event", move || link_race(missing));
}

/// Port 1 is taken while its next event comes: it comes once more, or the first stands for both, and what the peer wrote
/// before its event is seen then.
fn again_race(missing: Missing) {
    let words = Words::leaked([0, PENDING | LINKED, 0], (1, 1 << QUEUE), missing);
    let ring: &AtomicU32 = Box::leak(Box::new(AtomicU32::new(0)));
    let xen = thread::spawn(|| {
        ring.store(1, Release);
        words.raise(1, &mut 1)
    });
    let (queues, mut got) = (Queues::new(), [0; 3]);
    drain(words, &queues, &mut got);
    let seen = ring.load(Acquire) == 1;
    xen.join().unwrap();
    let first = got[1];
    drain(words, &queues, &mut got);
    assert!(seen || got[1] > first, "a lost event");
    assert_eq!(words.words[1].load() & (PENDING | LINKED), 0);
}

#[test]
fn e08_consume_against_set() {
    holds("e08_consume_against_set", 8, || again_race(Missing::Nothing));
    let missing = Missing::Lock;
    fails("e08_consume_against_set", missing.name(), "a lost event", move || again_race(missing));
}

/// A masked port is unmasked while an event of it comes: Xen links it, or the unmasking finds it and has Xen link it. It comes
/// once.
fn fifo_unmask_race(missing: Missing) {
    let words = Words::leaked([0, MASKED, 0], (0, 0), missing);
    let xen = thread::spawn(|| {
        let mut tail = 0;
        words.raise(1, &mut tail);
        tail
    });
    let unmasked = unmask(&words.words[1]);
    let mut tail = xen.join().unwrap();
    if unmasked != Unmasked::Done {
        words.unmask(1, &mut tail);
    }
    let (queues, mut got) = (Queues::new(), [0; 3]);
    drain(words, &queues, &mut got);
    assert_eq!(got, [0, 1, 0], "a lost event");
    assert!(!take_pending(&words.words[1]));
}

#[test]
fn e08_unmask_of_a_word_against_set() {
    holds("e08_unmask_of_a_word_against_set", 4, || fifo_unmask_race(Missing::Nothing));
    let missing = Missing::Lock;
    fails("e08_unmask_of_a_word_against_set", missing.name(), "a lost event", move || fifo_unmask_race(missing));
}

/// A table of ports has too many steps for all interleavings.
const PREEMPTIONS: usize = 3;

#[test]
fn e18_e22_a_claimed_event_against_close_and_reuse() {
    const NAME: &str = "e18_e22_a_claimed_event_against_close_and_reuse";
    let info = lives::info();
    holds_within(PREEMPTIONS, (NAME, 60), move || reuse::claimed(info, Lack::Nothing));
    for (what, missing) in [(Lack::Count, "the count of changes"), (Lack::Life, "the look at its life")] {
        fails_within(PREEMPTIONS, (NAME, missing, reuse::EARLIER), move || reuse::claimed(info, what));
    }
}

#[test]
fn e18_close_and_reuse_against_delivery() {
    const NAME: &str = "e18_close_and_reuse_against_delivery";
    let info = lives::info();
    holds_within(PREEMPTIONS, (NAME, 5_000), move || reuse::delivered(info, Lack::Nothing));
    let missing = "the count of changes";
    fails_within(PREEMPTIONS, (NAME, missing, reuse::LOST), move || reuse::delivered(info, Lack::Count));
}

#[test]
fn e18_reuse_against_an_event() {
    const NAME: &str = "e18_reuse_against_an_event";
    let info = lives::info();
    holds(NAME, 120, move || reuse::closed(info, true));
    fails(NAME, "the clearing of the event by the close", reuse::EARLIER, move || reuse::closed(info, false));
}

#[test]
fn e22_a_late_acknowledgement_against_a_resume() {
    const NAME: &str = "e22_a_late_acknowledgement_against_a_resume";
    let info = lives::info();
    holds(NAME, 4, move || stale::late(info, stale::Without::Nothing));
    for (without, missing) in [(stale::Without::Gate, "the gate"), (stale::Without::Epoch, "the epoch")] {
        fails(NAME, missing, stale::STRANGER, move || stale::late(info, without));
    }
}

#[test]
fn e08_a_future_against_its_wake_up() {
    const NAME: &str = "e08_a_future_against_its_wake_up";
    let info = lives::info();
    holds(NAME, 300, move || wake::awaited(info, wake::Without::Nothing));
    for (without, missing) in [(wake::Without::Look, "the second look"), (wake::Without::Mark, "the mark")] {
        fails(NAME, missing, wake::LOST, move || wake::awaited(info, without));
    }
}
