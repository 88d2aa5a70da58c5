//! A front, and a back that keeps to the protocol or does not.

use super::Ending;
use super::script::Script;
use crate::adversary::Memory;
use crate::rings::{Asks, Kept, Left, REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};

const WORDS: &[usize] = &[RSP_PROD, RSP_PROD, REQ_EVENT, RSP_EVENT, REQ_PROD];

/// Plays a script with a front: what it asks, and how its back answers or lies. Several rings may follow each other, and one
/// may go on with what the one before left.
///
/// # Panics
/// If a rule is broken.
pub fn ring_front(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    let mut ending = Ending::default();
    while let Some(more) = ring(&mut script) {
        ending = sum(ending, more);
    }
    ending
}

fn sum(one: Ending, other: Ending) -> Ending {
    Ending { through: one.through + other.through, found: one.found + other.found, lied: one.lied || other.lied }
}

fn ring(script: &mut Script<'_>) -> Option<Ending> {
    let count = 1 << script.below(4)?;
    let start = script.start().unwrap_or_default();
    Some(if count % 2 == 0 {
        play::<64>(script, [count, start], None)
    } else {
        play::<16>(script, [count, start], None)
    })
}

fn play<const BITS: u32>(script: &mut Script<'_>, ring: [u32; 2], left: Option<Left<'_, BITS>>) -> Ending {
    let (memory, mut kept) = (Memory::new(4096), Kept::new());
    let mut front = Asks::<BITS>::new(&memory, &mut kept, ring);
    if let Some(left) = left {
        front = front.replaying(left);
    }
    while let Some(act) = script.below(12) {
        match act {
            0 | 1 => _ = front.stage(),
            2 => _ = front.publish(),
            3 => _ = front.poll(),
            4 => match many(front, script.byte().unwrap_or_default()) {
                Ok(same) => front = same,
                Err((left, through)) => {
                    let ending = Ending { through, found: usize::from(left.found()), lied: memory.lied() };
                    return sum(ending, replaced(script, left));
                }
            },
            5 => front.serve(),
            6 | 7 => _ = front.answer(usize::from(script.byte().unwrap_or_default() % 8)),
            8..11 => _ = script.strike(&memory, WORDS, 64),
            _ => break,
        }
    }
    if !memory.lied() {
        front = settle(front);
    }
    let through = front.answers();
    let found = usize::from(front.finish());
    Ending { through, found, lied: memory.lied() }
}

/// Does one of the things that are done to many at once, or to the front as a whole; it may leave its ring, after so many
/// answers.
fn many<'m, const BITS: u32>(mut front: Asks<'m, BITS>, how: u8) -> Result<Asks<'m, BITS>, (Left<'m, BITS>, usize)> {
    let budget = u32::from(how % 12);
    match how {
        ..128 => _ = front.poll_many(budget),
        128..160 => _ = front.arm(),
        160..200 => _ = front.stage_all(budget),
        200..216 => _ = front.sweep(budget),
        216..224 => return Ok(front.split()),
        224..228 => return Ok(front.join()),
        228..236 => return Ok(front.drain(budget)),
        236..240 => return Ok(front.open()),
        240.. => {
            let through = front.answers();
            return front.leave().map_or_else(Ok, |left| Err((left, through)));
        }
    }
    Ok(front)
}

/// Decides what becomes of what a ring left, and goes on with that on another.
fn replaced<const BITS: u32>(script: &mut Script<'_>, mut left: Left<'_, BITS>) -> Ending {
    left = match script.byte().unwrap_or_default() % 4 {
        0 => left.drained(),
        1 => left.replayed(),
        2 => left.completed(),
        _ => {
            left.take_oldest();
            left
        }
    };
    let ring = [1 << script.below(4).unwrap_or_default(), script.start().unwrap_or_default()];
    play(script, ring, Some(left))
}

/// Has an honest back answer all; then all of it has come, also what another ring left.
fn settle<const BITS: u32>(mut front: Asks<'_, BITS>) -> Asks<'_, BITS> {
    for _ in 0..=front.waiting() {
        while front.waiting() > 0 && front.stage() {}
        front.publish();
        front.serve();
        while front.answer(0) {}
        while front.poll() {}
    }
    assert!(front.memory().lied() || front.is_settled(), "all that was asked was answered");
    front.open()
}
