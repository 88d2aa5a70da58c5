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

    /// Allows bytes to be copied, each once.
    #[must_use]
    pub fn copy(mut self, bytes: Range<usize>) -> Self {
        self.data.push(bytes);
        self
    }

    /// Holds the accesses of an operation against the rules.
    pub(super) fn check(&self, log: &[Access]) {
        assert!(log.len() <= self.budget, "{} accesses where {} are enough: {log:?}", log.len(), self.budget);
        let mut loads: BTreeMap<usize, usize> = BTreeMap::new();
        let (mut read, mut wrote) = (Vec::new(), Vec::new());
        for access in log {
            match *access {
                Access::Load(at) => *loads.entry(at).or_default() += 1,
                Access::In(at, len) => self.once(&mut read, at..at + len, log),
                Access::Out(at, len) => self.once(&mut wrote, at..at + len, log),
                Access::Store(..) | Access::Fence => {}
            }
        }
        for (word, times) in loads {
            let allowed = self.loads.iter().find(|(at, _)| *at == word).map_or(0, |(_, times)| *times);
            assert!(times <= allowed, "R04, R15: word {word} loaded {times} times, not {allowed}: {log:?}");
        }
    }

    fn once(&self, before: &mut Vec<Range<usize>>, bytes: Range<usize>, log: &[Access]) {
        let within = |all: &Range<usize>| all.start <= bytes.start && bytes.end <= all.end;
        assert!(bytes.is_empty() || self.data.iter().any(within), "C01: {bytes:?} are no bytes of the ring's: {log:?}");
        let meets = |old: &Range<usize>| old.start < bytes.end && bytes.start < old.end;
        assert!(!before.iter().any(meets), "R07: {bytes:?} copied twice: {log:?}");
        before.push(bytes);
    }
}
