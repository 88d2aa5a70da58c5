//! All strokes at all accesses, one at a time and two.

use super::{Memory, Stroke};
use core::fmt;
use core::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A conversation with fewer points to strike at than this, which are its accesses and the middles of its copies, is struck
/// by each pair, too.
const SHORT: usize = 15;

/// How much was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Conversations.
    pub subjects: usize,
    /// Accesses of them when nobody strikes.
    pub accesses: usize,
    /// Strokes in the dictionaries.
    pub strokes: usize,
    /// Runs with one stroke.
    pub singles: usize,
    /// Runs with two.
    pub pairs: usize,
    /// Runs in which the peer was found out.
    pub found: usize,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.subjects += other.subjects;
        self.accesses += other.accesses;
        self.strokes += other.strokes;
        self.singles += other.singles;
        self.pairs += other.pairs;
        self.found += other.found;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subjects, accesses, strokes, singles, pairs, found } = self;
        write!(
            f,
            "{subjects} conversations, {accesses} accesses, {strokes} strokes: {singles} runs with one, {pairs} with two, peer \
             found out in {found}"
        )
    }
}

/// Has `converse` struck before each of its accesses, and after the last, by each stroke of the dictionary; by each pair
/// too if it is short. It returns whether it found its peer out; unless struck, it must not.
///
/// # Panics
/// If a run does, naming what was struck and where.
pub fn step(len: usize, dictionary: &[Stroke], converse: impl Fn(&Memory) -> bool) -> Figures {
    step_within(SHORT, len, dictionary, converse)
}

/// The same by one stroke at a time, however short the conversation.
///
/// # Panics
/// As [`step`].
pub fn step_once(len: usize, dictionary: &[Stroke], converse: impl Fn(&Memory) -> bool) -> Figures {
    step_within(0, len, dictionary, converse)
}

fn step_within(short: usize, len: usize, dictionary: &[Stroke], converse: impl Fn(&Memory) -> bool) -> Figures {
    let play = |strokes: &[(usize, &Stroke)]| {
        let memory = Memory::struck(len, strokes);
        match catch_unwind(AssertUnwindSafe(|| converse(&memory))) {
            Ok(found) => (memory.finish(), found),
            Err(panic) => {
                eprintln!("broken by {strokes:?}");
                resume_unwind(panic)
            }
        }
    };
    let (accesses, found) = play(&[]);
    assert!(!found, "an honest peer is believed");
    let mut figures = Figures { subjects: 1, accesses, strokes: dictionary.len(), ..Figures::default() };
    for when in 0..=accesses {
        for (at, first) in dictionary.iter().enumerate() {
            let (more, found) = play(&[(when, first)]);
            figures.singles += 1;
            figures.found += usize::from(found);
            let same = dictionary.iter().skip(at).map(|second| (when, second));
            let later = (when + 1..=more).flat_map(|after| dictionary.iter().map(move |second| (after, second)));
            let none = (accesses < short).then(|| same.chain(later)).into_iter().flatten();
            for second in none {
                let (_, found) = play(&[(when, first), second]);
                figures.pairs += 1;
                figures.found += usize::from(found);
            }
        }
    }
    figures
}

/// Steps through conversations by the way given, prints what was tried, and wants at least so many runs with one stroke, with
/// two, and in which the peer was found out.
///
/// # Panics
/// If there are fewer.
pub fn step_all<C: Copy>(what: &str, conversations: &[(&str, C)], tried: impl Fn(C) -> Figures, least: [usize; 3]) {
    let mut sum = Figures::default();
    for (name, converse) in conversations {
        let figures = tried(*converse);
        println!("{what}, {name}: {figures}");
        sum += figures;
    }
    println!("{what}: {sum}");
    let reached = [sum.singles, sum.pairs, sum.found].into_iter().zip(least).all(|(sum, least)| sum >= least);
    assert!(reached, "{what}: less than ever: {sum}");
}
