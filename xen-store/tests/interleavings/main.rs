//! All orders of what can happen to the core, by random scripts: requests, watches and transactions, given up or not, bytes in
//! any pieces, answers in any order, twice or never, deadlines, fences and new connections.
//!
//! In place of loom: the core is `&mut self` throughout, so that an interleaving is a sequence of its verbs. Each ticket is
//! answered once at most, and with its own answer; no slot, watch or transaction leaks, here or on the server.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod client;
mod server;
#[path = "../support/mod.rs"]
mod support;

use client::Client;
use proptest::collection::vec;
use proptest::prelude::*;
use server::Fate;

/// One step of a script; numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    Submit(u8),
    End(usize),
    Watch,
    Unwatch(usize),
    GiveUp(usize),
    Expire(usize, u64),
    Tick(u64),
    Poll(usize),
    Transmit(usize),
    Receive(usize),
    Answer(usize),
    Swallow(usize),
    Repeat(usize),
    Event(usize),
    Fence,
    Unfence,
    Replace,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..8_usize;
    let piece = || prop_oneof![1..40_usize, Just(5000)];
    prop_oneof![
        12 => any::<u8>().prop_map(Step::Submit),
        4 => at().prop_map(Step::End),
        3 => Just(Step::Watch),
        3 => at().prop_map(Step::Unwatch),
        4 => at().prop_map(Step::GiveUp),
        3 => (at(), 0..50_u64).prop_map(|(at, after)| Step::Expire(at, after)),
        3 => (0..60_u64).prop_map(Step::Tick),
        8 => at().prop_map(Step::Poll),
        16 => piece().prop_map(Step::Transmit),
        16 => piece().prop_map(Step::Receive),
        14 => at().prop_map(Step::Answer),
        1 => at().prop_map(Step::Swallow),
        2 => at().prop_map(Step::Repeat),
        3 => at().prop_map(Step::Event),
        1 => Just(Step::Fence),
        2 => Just(Step::Unfence),
        1 => Just(Step::Replace),
    ]
}

fn play(seed: u32, steps: &[Step]) {
    let mut client = Client::new(seed);
    for step in steps {
        match *step {
            Step::Submit(kind) => client.submit(kind),
            Step::End(at) => client.end(at),
            Step::Watch => client.watch(),
            Step::Unwatch(at) => client.unwatch(at),
            Step::GiveUp(at) => client.give_up(at),
            Step::Expire(at, after) => client.expire(at, after),
            Step::Tick(by) => client.tick(by),
            Step::Poll(at) => client.poll(at),
            Step::Transmit(most) => client.transmit(most),
            Step::Receive(most) => client.receive(most),
            Step::Answer(at) => client.server.answer(at, Fate::Given),
            Step::Swallow(at) => client.server.answer(at, Fate::Lost),
            Step::Repeat(at) => client.server.repeat(at),
            Step::Event(at) => client.server.event(at),
            Step::Fence => client.fence(),
            Step::Unfence => client.unfence(),
            Step::Replace => client.replace(),
        }
    }
    client.finish();
}

/// 150 cases, unless the environment says otherwise.
fn config() -> ProptestConfig {
    let given = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return given;
    }
    ProptestConfig { cases: if cfg!(miri) { 2 } else { 150 }, ..given }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn s04_s09_s11_s12_s17_any_order_of_all_that_can_happen(seed in any::<u32>(), steps in vec(step(), 0..250)) {
        play(seed, &steps);
    }
}
