//! One test target of one crate, and what Miri said of it.

use anyhow::{Result, bail};
use cargo_metadata::Package;
use std::fmt;

use super::quick::QUICK;

/// What is run by one call of cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    package: String,
    target: Target,
    /// Only these tests; none for all.
    only: &'static [&'static str],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Lib,
    Test(String),
    Doc,
}

/// Not Miri's: loom has threads of its own kind.
const LOOM: &str = "loom";

impl Part {
    /// Lists the parts of a crate.
    pub(super) fn of(package: &Package) -> impl Iterator<Item = Self> {
        let tests = package.targets.iter().filter(|target| target.is_test() && target.name != LOOM);
        let tests = tests.map(|target| Target::Test(target.name.clone()));
        let name = package.name.to_string();
        std::iter::once(Target::Lib).chain(tests).chain([Target::Doc]).map(move |target| Self {
            package: name.clone(),
            target,
            only: &[],
        })
    }

    /// Returns what is quick of it, if anything.
    pub(super) fn quick(self) -> Option<Self> {
        let target = match &self.target {
            Target::Lib => "--lib",
            Target::Test(name) => name,
            Target::Doc => "--doc",
        };
        let quick = QUICK.iter().find(|quick| (quick.package, quick.target) == (&self.package, target))?;
        Some(Self { only: quick.only, ..self })
    }

    /// Returns the words for cargo.
    pub(super) fn words(&self) -> Vec<&str> {
        let mut words = vec![self.package.as_str()];
        match &self.target {
            Target::Lib => words.push("--lib"),
            Target::Test(name) => words.extend(["--test", name]),
            Target::Doc => words.push("--doc"),
        }
        if !self.only.is_empty() {
            words.extend(["--", "--exact"]);
            words.extend(self.only);
        }
        words
    }

    /// Reads what the test harness printed: of a part with names, each test must have run.
    pub(super) fn tally(&self, said: &str) -> Result<Tally> {
        let tally = Tally::read(said)?;
        let run = usize::try_from(tally.passed).unwrap_or(usize::MAX).saturating_add(tally.ignored.len());
        if !self.only.is_empty() && run != self.only.len() {
            bail!("{run} tests were run, and not these: {}", self.only.join(", "));
        }
        Ok(tally)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// How many tests passed, and which were left out, with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) ignored: Vec<String>,
}

impl Tally {
    /// Reads what the test harness printed.
    fn read(said: &str) -> Result<Self> {
        let passed = said.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split_once(" passed"));
        let passed: Vec<u64> = passed.map(|(count, _)| Ok(count.parse()?)).collect::<Result<_>>()?;
        if passed.is_empty() {
            bail!("no test harness has spoken");
        }
        let ignored = said.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... ignored"));
        let ignored: Vec<String> = ignored.map(|(name, why)| format!("{name}{why}")).collect();
        if let Some(silent) = ignored.iter().find(|test| !test.contains(", ")) {
            bail!("{silent} is left out without a reason");
        }
        Ok(Self { passed: passed.iter().sum(), ignored })
    }

    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.ignored.extend(other.ignored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_and_none_is_left_out_without_a_reason() {
        let said = "test one ... ok\ntest two ... ignored, Miri has no clock\ntest result: ok. 1 passed; 0 failed\n";
        let tally = Tally::read(said).unwrap();
        assert_eq!(tally, Tally { passed: 1, ignored: vec!["two, Miri has no clock".to_owned()] });
        assert!(Tally::read("test two ... ignored\ntest result: ok. 0 passed; 0 failed\n").is_err());
        assert!(Tally::read("").is_err());
    }

    #[test]
    fn a_test_that_is_named_must_run() {
        let part = Part { package: "one".to_owned(), target: Target::Test("two".to_owned()), only: &["three"] };
        assert_eq!(part.words(), ["one", "--test", "two", "--", "--exact", "three"]);
        assert!(part.tally("test result: ok. 1 passed; 0 failed\n").is_ok());
        assert!(part.tally("test result: ok. 0 passed; 0 failed\n").is_err());
    }
}
