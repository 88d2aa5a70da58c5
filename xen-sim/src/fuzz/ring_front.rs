//! A front, and a back that keeps to the protocol or does not.

use super::Ending;
use super::script::Script;
use crate::adversary::Memory;
use crate::rings::{Asks, Kept, REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};

const WORDS: &[usize] = &[RSP_PROD, RSP_PROD, REQ_EVENT, RSP_EVENT, REQ_PROD];

/// Plays a script with a front: what it asks, and how its back answers or lies. Several rings may follow each other.
///
/// # Panics
/// If a rule is broken.
pub fn ring_front(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    let mut ending = Ending::default();
    while let Some(more) = ring(&mut script) {
        ending.through += more.through;
        ending.found += more.found;
        ending.lied |= more.lied;
    }
    ending
}

fn ring(script: &mut Script<'_>) -> Option<Ending> {
    let count = 1 << script.below(4)?;
    let start = script.start().unwrap_or_default();
    let memory = Memory::new(4096);
    if count % 2 == 0 {
        play::<64>(script, &memory, [count, start])
    } else {
        play::<16>(script, &memory, [count, start])
    }
}

fn play<const BITS: u32>(script: &mut Script<'_>, memory: &Memory, ring: [u32; 2]) -> Option<Ending> {
    let mut kept = Kept::new();
    let mut front = Asks::<BITS>::new(memory, &mut kept, ring);
    while let Some(act) = script.below(12) {
        match act {
            0 | 1 => _ = front.stage(),
            2 => _ = front.publish(),
            3 => _ = front.poll(),
            4 => _ = front.poll_many(u32::from(script.byte().unwrap_or_default() % 12)),
            5 => front.serve(),
            6 | 7 => _ = front.answer(usize::from(script.byte().unwrap_or_default() % 8)),
            8..11 => _ = script.strike(memory, WORDS, 64),
            _ => break,
        }
    }
    if !memory.lied() {
        settle(&mut front);
    }
    let through = front.answers();
    let found = usize::from(front.finish());
    Some(Ending { through, found, lied: memory.lied() })
}

/// Has an honest back answer all; then all of it has come.
fn settle<const BITS: u32>(front: &mut Asks<'_, BITS>) {
    front.publish();
    front.serve();
    while front.answer(0) {}
    while front.poll() {}
    assert!(front.memory().lied() || front.is_settled(), "all that was asked was answered");
}
