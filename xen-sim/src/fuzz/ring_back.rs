//! A back, and a front that keeps to the protocol or does not.

use super::Ending;
use super::script::Script;
use crate::adversary::Memory;
use crate::rings::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD, Serves};

const WORDS: &[usize] = &[REQ_PROD, REQ_PROD, RSP_EVENT, REQ_EVENT, RSP_PROD];

/// Plays a script with a back: what it takes and answers, and how its front asks or lies.
///
/// # Panics
/// If a rule is broken.
pub fn ring_back(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    play(&mut script).unwrap_or_default()
}

fn play(script: &mut Script<'_>) -> Option<Ending> {
    let count = 1 << script.below(4)?;
    let start = script.start()?;
    let memory = Memory::new(4096);
    memory.poke(REQ_PROD, start);
    memory.poke(RSP_PROD, start);
    if script.byte()? < 32 {
        // The page that a back is given may hold anything.
        script.strike(&memory, WORDS, 64)?;
    }
    let Ok(mut back) = Serves::attach(&memory, count, start) else {
        assert!(memory.lied(), "an honest page is taken");
        return Some(Ending { through: 0, found: 1, lied: true });
    };
    while let Some(act) = script.below(10) {
        match act {
            0 | 1 => _ = back.ask(),
            2 | 3 => _ = back.poll(),
            4 => many(&mut back, script.byte().unwrap_or_default()),
            5 | 6 => _ = back.answer(),
            7 => _ = back.publish(),
            _ => _ = script.strike(&memory, WORDS, 64),
        }
    }
    if !memory.lied() {
        while back.poll() {}
        assert!(memory.lied() || back.is_level(), "all that was asked was taken");
    }
    let through = usize::try_from(back.taken()).unwrap_or_default();
    let found = usize::from(back.finish());
    Some(Ending { through, found, lied: memory.lied() })
}

/// Does one of the things that are done to many at once.
fn many(back: &mut Serves<'_>, how: u8) {
    let budget = u32::from(how % 12);
    match how {
        ..128 => _ = back.poll_many(budget),
        128..160 => _ = back.arm(),
        160..208 => _ = back.serve(budget),
        208.. => _ = back.sweep(budget),
    }
}
