//! The two ends of byte rings, each with a peer that keeps to the protocol or does not.

use super::Ending;
use super::script::Script;
use crate::adversary::Memory;
use crate::rings::{Place, Receives, Sends};

/// A place, its words and its bytes: within one page, or apart as in flex rings.
type Where = (Place, &'static [usize], usize);

const WITHIN: Where = (Place::WITHIN, &[0, 4], 64);
const APART: Where = (Place::APART, &[64, 68], 4096 + 64);

/// Plays a script with one end of a byte ring: the first byte says which, and where the ring's bytes are.
///
/// # Panics
/// If a rule is broken.
pub fn byte_ring(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    let memory = Memory::new(8192);
    let Some(start) = script.start() else { return Ending::default() };
    let side = script.byte().unwrap_or_default();
    let ring @ (place, words, data) = if side & 2 == 0 { WITHIN } else { APART };
    place.level(&memory, start);
    if side & 0x70 == 0x70 {
        // The page may hold anything from the start.
        let _ = script.strike(&memory, words, data);
    }
    let played = if side.is_multiple_of(2) {
        sender(&mut script, &memory, ring, start)
    } else {
        receiver(&mut script, &memory, ring, start)
    };
    played.unwrap_or_else(|| {
        assert!(memory.lied(), "an honest page is taken");
        Ending { through: 0, found: 1, lied: true }
    })
}

fn sender(script: &mut Script<'_>, memory: &Memory, (place, words, data): Where, start: u32) -> Option<Ending> {
    let mut end = Sends::attach_to(memory, place, start).ok()?;
    let mut through = 0;
    while let Some(act) = script.below(8) {
        match act {
            0 | 1 => through += end.send(usize::from(script.byte().unwrap_or_default() % 20)).unwrap_or_default(),
            2 => _ = end.room(),
            3 => _ = end.is_drained(),
            4 | 5 => end.take(u32::from(script.byte().unwrap_or_default() % 10)),
            _ => _ = script.strike(memory, words, data),
        }
    }
    Some(Ending { through, found: usize::from(end.finish()), lied: memory.lied() })
}

fn receiver(script: &mut Script<'_>, memory: &Memory, (place, words, data): Where, start: u32) -> Option<Ending> {
    let mut end = Receives::attach_to(memory, place, start).ok()?;
    let mut through = 0;
    while let Some(act) = script.below(8) {
        match act {
            0 | 1 => {
                through += end.receive(usize::from(script.byte().unwrap_or_default() % 20)).map_or(0, |got| got.len())
            }
            2 => _ = end.is_empty(),
            3..6 => end.give(u32::from(script.byte().unwrap_or_default() % 10)),
            _ => _ = script.strike(memory, words, data),
        }
    }
    Some(Ending { through, found: usize::from(end.finish()), lied: memory.lied() })
}
