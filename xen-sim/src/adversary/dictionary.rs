//! What the peer writes: the dictionary of strokes, made for the shape of a ring.

use super::{CANARY, Memory, put, word};
use core::fmt;
use core::ops::Range;
use std::rc::Rc;

/// One thing that the peer does to the shared bytes.
#[derive(Clone)]
pub struct Stroke {
    name: String,
    how: Rc<dyn Fn(&Memory)>,
}

impl Stroke {
    /// Names what a peer does.
    pub fn new(name: impl Into<String>, how: impl Fn(&Memory) + 'static) -> Self {
        Self { name: name.into(), how: Rc::new(how) }
    }

    /// Names what a peer does to the bytes alone.
    pub fn bytes(name: impl Into<String>, how: impl Fn(&mut [u8]) + 'static) -> Self {
        Self::new(name, move |memory| memory.with(&how))
    }

    pub(super) fn strike(&self, memory: &Memory) {
        (self.how)(memory);
    }
}

impl fmt::Debug for Stroke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Where things lie in the memory of a ring.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Indices, events and flags, all of both sides.
    pub words: Vec<usize>,
    /// How many entries, or bytes, the ring has.
    pub size: u32,
    /// The header, with its padding.
    pub header: Range<usize>,
    /// Slots that are in use.
    pub slots: Vec<Range<usize>>,
    /// Where the id lies in a slot, and the operation.
    pub fields: [usize; 2],
}

/// Lists the strokes against a ring's words: steps, jumps and the worst values.
fn words(shape: &Shape) -> Vec<Stroke> {
    let size = shape.size;
    let steps = [1, u32::MAX, 2, size, size + 1, 1 << 31, 0_u32.wrapping_sub(size)];
    let mut all = Vec::new();
    for &at in &shape.words {
        for step in steps {
            let by = move |bytes: &mut [u8]| put(bytes, at, word(bytes, at).wrapping_add(step));
            all.push(Stroke::bytes(format!("word {at} += {step:#x}"), by));
        }
        for value in [0, 1 << 31, u32::MAX] {
            all.push(Stroke::bytes(format!("word {at} = {value:#x}"), move |bytes| put(bytes, at, value)));
        }
    }
    let header = shape.header.clone();
    all.push(Stroke::bytes("header = ff".to_owned(), move |bytes| bytes[header.clone()].fill(0xff)));
    all
}

/// Lists the strokes against a byte ring.
#[must_use]
pub fn bytes(shape: &Shape) -> Vec<Stroke> {
    let data = shape.slots.iter().cloned().flat_map(|at| [junk(at.clone(), 3), fill(at, 0xff)]);
    words(shape).into_iter().chain(data).collect()
}

/// Lists the strokes against two byte rings of different lengths, and the flag bytes beside them.
#[must_use]
pub fn channel(rings: [&Shape; 2], flags: Range<usize>) -> Vec<Stroke> {
    let set = |at: usize| {
        let values = [0, 1, 2, 3, 77, 0xff];
        values.map(|value| Stroke::bytes(format!("byte {at} = {value}"), move |bytes| bytes[at] = value))
    };
    rings.into_iter().flat_map(bytes).chain(flags.flat_map(set)).collect()
}

/// Lists the strokes against a slot ring.
#[must_use]
pub fn slots(shape: &Shape) -> Vec<Stroke> {
    let mut all = words(shape);
    for at in &shape.slots {
        all.extend(field(shape, at));
        all.extend([
            fill(at.clone(), 0),
            fill(at.clone(), 0xff),
            junk(at.clone(), 1),
            junk(at.clone(), 2),
            own(at.start),
        ]);
    }
    for pair in shape.slots.windows(2) {
        let (one, two) = (pair[0].clone(), pair[1].start);
        let (first, second) = (one.start, pair[1].clone());
        all.push(Stroke::bytes(format!("slot {first} over {two}"), move |bytes| bytes.copy_within(one.clone(), two)));
        all.push(Stroke::bytes(format!("slot {two} over {first}"), move |bytes| {
            bytes.copy_within(second.clone(), first);
        }));
        let id = shape.fields[0];
        all.push(Stroke::bytes(format!("ids of {first} and {two} swapped"), move |bytes| {
            swap(bytes, first + id, two + id)
        }));
    }
    all
}

fn field(shape: &Shape, at: &Range<usize>) -> Vec<Stroke> {
    let [id, operation] = shape.fields.map(|field| at.start + field);
    let change = |name: &str, at: usize, how: fn(u32) -> u32| {
        Stroke::bytes(format!("{name} at {at}"), move |bytes| put(bytes, at, how(word(bytes, at))))
    };
    vec![
        change("id + 1", id, |id| id.wrapping_add(1)),
        change("id - 1", id, |id| id.wrapping_sub(1)),
        change("id far away", id, |_| 1 << 30),
        change("next generation", id + 4, |upper| upper.wrapping_add(1)),
        change("flags flipped", operation, |flags| !flags),
        change("another operation", operation, |operation| operation.wrapping_add(1)),
    ]
}

fn swap(bytes: &mut [u8], one: usize, two: usize) {
    let (first, second) = (word(bytes, one), word(bytes, two));
    put(bytes, one, second);
    put(bytes, two, first);
}

fn fill(at: Range<usize>, byte: u8) -> Stroke {
    Stroke::bytes(format!("{at:?} = {byte:#x}"), move |bytes| bytes[at.clone()].fill(byte))
}

/// Bytes without a pattern, none of them the canary.
fn junk(at: Range<usize>, seed: usize) -> Stroke {
    let byte = move |place: usize| {
        let byte = (((place + 1) * (seed * 2 + 1) * 0x9e37) >> 7) % 0xc4;
        u8::try_from(byte).unwrap_or_default()
    };
    assert!((0..64).all(|place| byte(place) != CANARY), "no canary");
    Stroke::bytes(format!("{at:?} = junk {seed}"), move |bytes| {
        bytes[at.clone()].iter_mut().enumerate().for_each(|(place, to)| *to = byte(place));
    })
}

/// Puts back what we wrote there: our own request, in the place of an answer.
fn own(at: usize) -> Stroke {
    Stroke::new(format!("own bytes at {at}"), move |memory| memory.put_back(at))
}
