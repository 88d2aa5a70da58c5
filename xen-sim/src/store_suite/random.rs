//! The making of random scripts.

use super::script::Step;
use xen_hypercall::DomId;

/// Paths as a client names them.
const PATHS: [&str; 11] = [
    "suite/a",
    "suite/a/b",
    "suite/a/b/c",
    "suite/b",
    "suite/c/d",
    "suite/c",
    "suite",
    "/local/domain/0/theirs",
    "/local/domain/0/theirs/x",
    "/",
    "suite/a//b",
];
/// Paths that the control domain works on.
const FAR: [&str; 6] =
    ["suite/a", "suite/a/b", "suite/b", "suite/c/d", "/local/domain/0/theirs", "/local/domain/0/theirs/x"];

/// Numbers of `xsd_sockmsg_type` that take a path alone.
const WITH_PATH: [u32; 5] = [1, 2, 3, 12, 13];
const WATCH: u32 = 4;
const UNWATCH: u32 = 5;
const WRITE: u32 = 11;
const SET_PERMS: u32 = 14;
const DIRECTORY_PART: u32 = 22;

/// A sequence of numbers by splitmix64: the same for the same seed, everywhere.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn of<V: Clone>(&mut self, all: &[V]) -> V {
        all[self.below(all.len())].clone()
    }
}

/// Makes a script of so many steps for a client in `domain`.
#[must_use]
pub fn script(seed: u64, steps: usize, domain: DomId) -> Vec<Step> {
    let mut dice = Dice(seed);
    (0..steps).map(|_| step(&mut dice, domain)).collect()
}

fn step(dice: &mut Dice, domain: DomId) -> Step {
    let slot = dice.below(3);
    match dice.below(100) {
        0..10 => Step::Begin(slot),
        10..22 => Step::End(slot, dice.of(&[b"T\0", b"T\0", b"T\0", b"F\0"])),
        22..29 => Step::Write(dice.of(&FAR), value(dice)),
        29..33 => Step::Remove(dice.of(&FAR)),
        33..38 => Step::Allow(dice.of(&FAR), permissions(dice, domain)),
        _ => ask(dice, domain),
    }
}

/// Something that the client asks, half of it within a transaction.
fn ask(dice: &mut Dice, domain: DomId) -> Step {
    let slot = if dice.below(2) == 0 { None } else { Some(dice.below(3)) };
    let path = dice.of(&PATHS);
    let with = |rest: &[u8]| [path.as_bytes(), b"\0", rest].concat();
    let (kind, body) = match dice.below(20) {
        0..6 => (WRITE, with(&value(dice))),
        6..9 => (SET_PERMS, with(permissions(dice, domain).join("\0").as_bytes())),
        9..11 => (WATCH, with(dice.of(&[&b"one\0"[..], b"two\0"]))),
        11 => (UNWATCH, with(dice.of(&[&b"one\0"[..], b"two\0"]))),
        12 => (DIRECTORY_PART, with(b"0\0")),
        _ => (dice.of(&WITH_PATH), with(b"")),
    };
    let body = if kind == SET_PERMS { [body, vec![0]].concat() } else { body };
    Step::Ask(kind, slot, body)
}

fn value(dice: &mut Dice) -> Vec<u8> {
    let len = dice.of(&[0, 1, 1, 3, 40, 1000, 1990, 2014]);
    vec![dice.of(b"xyz"); len]
}

fn permissions(dice: &mut Dice, domain: DomId) -> Vec<String> {
    let mut entry = || format!("{}{}", dice.of(&['n', 'r', 'w', 'b']), dice.of(&[domain, domain, DomId::DOM0]));
    let (first, second) = (entry(), entry());
    if first.ends_with('0') { vec![first, second] } else { vec![first] }
}
