//! A grant table, peers that let go or do not, and a host that is as it should be or is not.

use xen_grant::Version;
use xen_mock::MapMode;

use super::Ending;
use super::script::Script;
use crate::grants::{Act, Ask, Fault, How, Pooling, Resume, Run, Shape, Site, Unmap, Way};

/// Plays a script with a grant table: what we do with it, and what peers and the host do. The first byte says how large it is.
///
/// # Panics
/// If a rule is broken.
#[expect(unsafe_code, reason = "pages of the mock host, of which a fuzzer has too few otherwise")]
pub fn grant_table(data: &[u8]) -> Ending {
    // SAFETY: no part of the host outlives the script.
    unsafe { xen_mock::recycled(|| play(data)) }
}

fn play(data: &[u8]) -> Ending {
    let mut script = Script::new(data);
    let Some(shape) = script.byte() else { return Ending::default() };
    let site = Site::new(shape_of(shape));
    let table = site.table();
    let mut run = Run::new(&site, &table);
    while let Some(act) = act(&mut script) {
        run.act(act);
    }
    let sum = run.finish();
    Ending { through: sum.back, found: sum.held, lied: sum.lied }
}

/// Mostly small tables, whose entries run out; some of a size that frames decide.
const fn shape_of(byte: u8) -> Shape {
    let version = if byte.is_multiple_of(2) { Version::V1 } else { Version::V2 };
    match byte / 2 % 16 {
        0 => Shape { frames: 3, first: 1, slots: 528, version },
        1 => Shape { frames: 3, first: 3, slots: 528, version },
        2 => Shape { frames: 1, first: 1, slots: 9, version },
        _ => Shape { frames: 1, first: 1, slots: 20, version },
    }
}

fn act(script: &mut Script<'_>) -> Option<Act> {
    let (what, byte) = (script.below(36)?, script.byte().unwrap_or_default());
    let nth = usize::from(byte);
    let mode = if byte & 8 == 0 { MapMode::Read } else { MapMode::Write };
    Some(match what {
        0..6 => Act::Offer(Ask { way: way(byte), peer: nth / 32, mode, lent: byte & 16 != 0 }),
        7..9 => Act::End(nth, How::Alone),
        9 => Act::End(nth / 4, How::Pool(nth)),
        6 | 10 | 13 => Act::Drop(nth),
        11 => Act::Forget(nth),
        12 => Act::PollQuarantine(u32::from(byte % 8)),
        14 => Act::Pool(nth, pooling(script)),
        15..19 => Act::Map { peer: usize::from(script.byte().unwrap_or_default()), reference: nth, mode },
        19..21 => Act::Unmap(nth),
        21 => Act::Scribble(nth),
        22..24 => Act::Copy { peer: usize::from(script.byte().unwrap_or_default()), reference: nth },
        24 => Act::Pin(nth),
        25 => Act::Feign { reference: nth, bits: u16::from(script.byte().unwrap_or_default() & 0x18) },
        26 => Act::Die(nth),
        27..29 => Act::Suspend(resume(byte, script)),
        29 => Act::Rebuild(fault(script)),
        30 => Act::Grow(fault(script)),
        32 => Act::Grant { peer: nth, mode, absent: u32::from(byte / 16 % 4) },
        33 => Act::MapForeign { nth, mode, patience: u32::from(byte % 4) },
        34 => Act::UnmapForeign(nth, unmap(script)),
        35 => Act::CopyForeign(nth),
        _ if byte & 8 == 0 => Act::OfferToNobody(way(byte)),
        _ => Act::OfferTooHigh(way(byte)),
    })
}

fn way(byte: u8) -> Way {
    match byte % 8 {
        0..3 => Way::Table,
        3 => Way::Account,
        which => Way::Pool(usize::from(which)),
    }
}

fn unmap(script: &mut Script<'_>) -> Unmap {
    match script.byte().unwrap_or_default() % 8 {
        0..5 => Unmap::End,
        5 => Unmap::Refused,
        6 => Unmap::Drop,
        _ => Unmap::DropRefused,
    }
}

fn pooling(script: &mut Script<'_>) -> Pooling {
    let byte = script.byte().unwrap_or_default();
    match byte % 8 {
        0..4 => Pooling::Make,
        4 | 5 => Pooling::Reserve(usize::from(byte / 8)),
        6 => Pooling::Drop,
        _ => Pooling::Forget,
    }
}

fn resume(byte: u8, script: &mut Script<'_>) -> Resume {
    match byte % 8 {
        0 | 1 => Resume::Cancelled,
        2 | 3 => Resume::Slow,
        4 => Resume::Mistaken,
        _ => {
            let (frames, version) = (u16::from(byte / 8 % 4) + 1, u32::from(byte / 32 % 4).clamp(1, 2));
            Resume::New { frames, version, fault: fault(script) }
        }
    }
}

fn fault(script: &mut Script<'_>) -> Fault {
    let byte = script.byte().unwrap_or_default();
    match byte % 16 {
        ..10 => Fault::None,
        10 => Fault::NoSize,
        11 => Fault::Size([0, 1, 2, u32::MAX][usize::from(byte / 16 % 4)]),
        12 | 13 => Fault::Frame(u64::from(byte / 16 % 4) + 1),
        _ => Fault::Version(u64::from(byte / 16 % 2) + 1, [-1, -38, -9999, -16][usize::from(byte / 32 % 4)]),
    }
}
