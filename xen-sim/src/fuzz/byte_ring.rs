//! The two ends of byte rings, and of channels, each with a peer that keeps to the protocol or does not.

use super::Ending;
use super::script::Script;
use crate::adversary::Memory;
use crate::rings::{CHANNEL, Channel, Orders, Place, Receives, Rooms, Sends, Side};
use xen_ring::{Moved, Transfer};

/// A place, its words and its bytes: within one page, or apart as in flex rings.
type Where = (Place, &'static [usize], usize);

const WITHIN: Where = (Place::WITHIN, &[0, 4], 64);
const APART: Where = (Place::APART, &[64, 68], 4096 + 64);

/// All words of a channel, its orders and flags among them, and where its flags begin.
const OF_CHANNEL: (&[usize], usize) = (&[0, 4, 8, 12, 16, 20], 20);
const ORDERS: [Orders; 4] = [[10, 11], [11, 12], [12, 10], [13, 12]];

/// Plays a script with one end of a byte ring, or of a channel: the second byte says which, and where the ring's bytes are.
///
/// # Panics
/// If a rule is broken.
pub fn byte_ring(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    let Some(start) = script.start() else { return Ending::default() };
    let side = script.byte().unwrap_or_default();
    let memory = Memory::new(if side & 8 == 0 { 8192 } else { CHANNEL });
    if side & 8 != 0 {
        return channel(&mut script, &memory, side, start).unwrap_or_else(|| refused(&memory));
    }
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
    played.unwrap_or_else(|| refused(&memory))
}

fn refused(memory: &Memory) -> Ending {
    assert!(memory.lied(), "an honest page is taken");
    Ending { through: 0, found: 1, lied: true }
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

fn channel(script: &mut Script<'_>, memory: &Memory, side: u8, start: u32) -> Option<Ending> {
    let orders = ORDERS[usize::from(script.below(4).unwrap_or_default())];
    let ((words, flags), offered) = (OF_CHANNEL, Rooms::offered(memory, orders, start));
    if side & 0x70 == 0x70 {
        let _ = script.strike(memory, words, flags);
    }
    let ours = if side.is_multiple_of(2) { Side::Client } else { Side::Server };
    let rooms = if ours == Side::Client { Rooms::accepted(memory).ok()? } else { offered };
    let mut end = Channel::attach(memory, &rooms, ours, start).ok()?;
    let mut moved = 0;
    while let Some(act) = script.below(12) {
        match act {
            0 | 1 => moved += bytes(end.send(length(script))),
            2 | 3 => moved += bytes(end.receive(length(script))),
            4 => end.take(u32::from(script.byte().unwrap_or_default())),
            5 => end.give(u32::from(script.byte().unwrap_or_default())),
            6 => _ = end.peer(),
            7 => end.ask(script.byte().unwrap_or_default()),
            8 if script.byte() < Some(192) => end.come(),
            8 => end.leave(),
            9 => _ = script.strike(memory, words, flags),
            _ => _ = script.strike(memory, words, end.bytes()),
        }
    }
    Some(Ending { through: moved, found: usize::from(end.finish()), lied: memory.lied() })
}

/// How much to move: mostly little, now and then more than a ring holds.
fn length(script: &mut Script<'_>) -> usize {
    let byte = usize::from(script.byte().unwrap_or_default());
    if byte < 224 { byte % 24 } else { (byte - 223) * 160 }
}

fn bytes(done: Option<Transfer>) -> usize {
    if let Some(Transfer::Moved(Moved { bytes, .. })) = done { bytes } else { 0 }
}
