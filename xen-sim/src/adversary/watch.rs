//! What one operation may do to shared memory.

use super::Access;
use core::ops::Range;
use std::collections::BTreeMap;

/// What one operation may do to shared memory.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// How many accesses it may make.
    pub budget: usize,
    /// The words that it may load, and how often each: once for each decision that is made on one.
    pub loads: Vec<(usize, usize)>,
    /// The flag bytes that it may look at or set, and how often each.
    pub flags: Vec<(usize, usize)>,
    /// The bytes that it may copy, each in at most once and out at most once.
    pub data: Vec<Range<usize>>,
}

impl Rules {
    /// Allows no access at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Allows so many accesses.
    #[must_use]
    pub const fn budget(mut self, budget: usize) -> Self {
        self.budget = budget;
        self
    }

    /// Allows a word to be loaded so many times.
    #[must_use]
    pub fn load(mut self, word: usize, times: usize) -> Self {
        self.loads.push((word, times));
        self
    }

    /// Allows a flag byte to be looked at, or set, so many times in all.
    #[must_use]
    pub fn flag(mut self, byte: usize, times: usize) -> Self {
        self.flags.push((byte, times));
        self
    }

    /// Allows bytes to be copied, each once.
    #[must_use]
    pub fn copy(mut self, bytes: Range<usize>) -> Self {
        self.data.push(bytes);
        self
    }

    /// Holds the accesses of an operation against the rules.
    pub(super) fn check(&self, log: &[Access]) {
        assert!(log.len() <= self.budget, "{} accesses where {} are enough: {log:?}", log.len(), self.budget);
        let (mut loads, mut flags): (Counts, Counts) = <_>::default();
        let (mut read, mut wrote) = (Vec::new(), Vec::new());
        for access in log {
            match *access {
                Access::Load(at) => *loads.entry(at).or_default() += 1,
                Access::Flag(at) => *flags.entry(at).or_default() += 1,
                Access::In(at, len) => self.once(&mut read, at..at + len, log),
                Access::Out(at, len) => self.once(&mut wrote, at..at + len, log),
                Access::Store(..) | Access::Fence => {}
            }
        }
        within("R04, R15: word", "loaded", (&loads, &self.loads), log);
        within("C03, C14: flag", "reached", (&flags, &self.flags), log);
    }

    fn once(&self, before: &mut Vec<Range<usize>>, bytes: Range<usize>, log: &[Access]) {
        let within = |all: &Range<usize>| all.start <= bytes.start && bytes.end <= all.end;
        assert!(bytes.is_empty() || self.data.iter().any(within), "C01: {bytes:?} are no bytes of the ring's: {log:?}");
        let meets = |old: &Range<usize>| old.start < bytes.end && bytes.start < old.end;
        assert!(!before.iter().any(meets), "R07: {bytes:?} copied twice: {log:?}");
        before.push(bytes);
    }
}

/// How often each place was reached.
type Counts = BTreeMap<usize, usize>;

/// Holds how often each place was reached against how often it may be.
fn within(what: &str, how: &str, (counts, allowed): (&Counts, &[(usize, usize)]), log: &[Access]) {
    for (place, times) in counts {
        let most = allowed.iter().find(|(at, _)| at == place).map_or(0, |(_, times)| *times);
        assert!(*times <= most, "{what} {place} {how} {times} times, not {most}: {log:?}");
    }
}
