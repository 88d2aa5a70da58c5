//! How often each end is notified, pattern by pattern: by ours and by the macros.

use xen_benches::c::{CBack, CFront, Compiled};
use xen_benches::harness::report::Report;
use xen_benches::ours::{OurBack, OurFront};
use xen_benches::page::page;
use xen_benches::talk::Talk;
use xen_benches::wire::Small;

/// Slots of the ring.
const SLOTS: usize = 128;
/// The indices go across their end.
const START: u32 = u32::MAX - 40;
/// How often a pattern is played.
const TIMES: u32 = 1000;

type Pattern = fn(&mut Talk, u32);

const PATTERNS: [(&str, Pattern); 9] = [
    ("one there and back", |talk, _| {
        ask(talk, 1, EACH);
        serve(talk, EACH);
        collect(talk);
    }),
    ("32 at once", |talk, _| {
        ask(talk, 32, ONCE);
        serve(talk, ONCE);
        collect(talk);
    }),
    ("32 one by one, the back asleep", |talk, _| {
        ask(talk, 32, EACH);
        serve(talk, ONCE);
        collect(talk);
    }),
    ("answers one by one, the front asleep", |talk, _| {
        ask(talk, 32, ONCE);
        serve(talk, EACH);
        collect(talk);
    }),
    ("more comes while the back works", |talk, _| {
        ask(talk, 8, ONCE);
        for _ in 0..8 {
            talk.receive();
            ask(talk, 1, EACH);
        }
        serve(talk, ONCE);
        collect(talk);
    }),
    ("more comes while the front works", |talk, _| {
        ask(talk, 8, ONCE);
        (0..8).for_each(|_| _ = talk.receive());
        for _ in 0..4 {
            talk.answer(0, 0);
            talk.reply();
            talk.take();
        }
        serve(talk, EACH);
        collect(talk);
    }),
    ("each end up to date", |talk, _| {
        for _ in 0..8 {
            ask(talk, 1, EACH);
            serve(talk, EACH);
            collect(talk);
            collect(talk);
        }
    }),
    ("a full ring, half by half", |talk, _| {
        ask(talk, SLOTS as u32, ONCE);
        for _ in 0..SLOTS / 2 {
            talk.receive();
            talk.answer(0, 0);
        }
        talk.reply();
        collect(talk);
        ask(talk, SLOTS as u32, ONCE);
        serve(talk, ONCE);
        collect(talk);
    }),
    ("any order, seeded", |talk, time| {
        // A generator of Lehmer's; the seed is the number of the time.
        let mut state = u64::from(time) * 2 + 1;
        for _ in 0..100 {
            state = state.wrapping_mul(0xda94_2042_e4dd_58b5);
            match state >> 60 {
                0 | 1 => _ = talk.stage(7, None),
                2 | 3 => _ = talk.publish(),
                4..=7 => _ = talk.receive(),
                8..=10 => _ = talk.answer((state >> 40) as usize & 0xff, 0),
                11 | 12 => _ = talk.reply(),
                _ => _ = talk.take(),
            }
        }
    }),
];

/// Publishes after each.
const EACH: u32 = 1;
/// Publishes once, at the end.
const ONCE: u32 = u32::MAX;

/// Stages requests, publishes after each `step` of them, and what is left at the end.
fn ask(talk: &mut Talk, count: u32, step: u32) {
    for number in 1..=count {
        if talk.stage(1, None).is_some() && number.is_multiple_of(step) {
            talk.publish();
        }
    }
    talk.publish();
}

/// Answers until the final check finds nothing.
fn serve(talk: &mut Talk, step: u32) {
    let mut number = 0_u32;
    loop {
        while talk.answer(0, 0).is_some() {
            number += 1;
            if number.is_multiple_of(step) {
                talk.reply();
            }
        }
        if talk.receive().is_none() {
            break;
        }
    }
    talk.reply();
}

/// Takes answers until the final check finds nothing.
fn collect(talk: &mut Talk) {
    while talk.take().is_some() {}
}

/// Adds a row a pattern.
pub(crate) fn rows(report: &mut Report) {
    for (name, pattern) in PATTERNS {
        let [ours, c] = [ours(), c()].map(|mut talk| {
            (0..TIMES).for_each(|time| pattern(&mut talk, time));
            talk.notified
        });
        let what = format!("back {} times, front {}; C {} and {}; played {TIMES} times", ours[0], ours[1], c[0], c[1]);
        report.row(&format!("notified: {name}"), &what, (ours == c).into());
    }
}

fn ours() -> Talk {
    let page = page();
    let front = OurFront::<Small, SLOTS>::starting_at(page, START);
    Talk::new(Box::new(front), Box::new(OurBack::<Small>::attach(page)))
}

fn c() -> Talk {
    let page = page();
    let front = CFront::<Small>::starting_at(Compiled::O2, page, START);
    Talk::new(Box::new(front), Box::new(CBack::<Small>::starting_at(Compiled::O2, page, START)))
}
