//! What libFuzzer says, added up.

use crate::spent::Spent;
use anyhow::{Context as _, Result};
use std::fmt;
use std::time::Duration;

/// What came of a search.
#[derive(Debug, Default)]
pub(super) struct Totals {
    executions: u64,
    pub(super) processor: Duration,
    /// Edges of the code reached, and features: edges with how often, among others.
    coverage: [u64; 2],
    /// Inputs in the corpus.
    corpus: u64,
    /// The input that breaks a rule.
    pub(super) crash: Option<String>,
}

impl Totals {
    /// Adds one slice.
    pub(super) fn add(&mut self, said: &str, spent: &Spent) -> Result<()> {
        self.processor += spent.processor();
        self.crash = crash(said).map(str::to_owned);
        let executions = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let executions = executions.and_then(|number| number.trim().parse::<u64>().ok());
        if self.crash.is_some() {
            self.executions += executions.unwrap_or_default();
            return Ok(());
        }
        self.executions += executions.context("libFuzzer does not say how much it did")?;
        let last =
            said.lines().rfind(|line| line.contains(" cov: ")).context("libFuzzer does not tell its coverage")?;
        let number = |name: &str| {
            let mut words = last.split_whitespace().skip_while(|word| *word != name).skip(1);
            words.next().and_then(|word| word.split('/').next()?.parse().ok())
        };
        self.coverage = ["cov:", "ft:"].map(|name| number(name).unwrap_or_default());
        self.corpus = number("corp:").unwrap_or_default();
        Ok(())
    }
}

/// Finds the input that breaks a rule, or takes too long, or too much memory.
pub(super) fn crash(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.split_once("Test unit written to ").map(|(_, path)| path.trim()))
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, processor, coverage: [edges, features], corpus, crash } = self;
        let crashes = usize::from(crash.is_some());
        write!(
            f,
            "{executions} executions, {:.0} s of a processor, {edges} edges, {features} features, {corpus} inputs, {crashes} \
             crashes",
            processor.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "#2\tINITED cov: 20 ft: 30 corp: 2/9b exec/s: 0\n#99\tNEW    cov: 124 ft: 300 corp: 17/220b lim: 4\n\
                        #5000\tDONE   cov: 124 ft: 301 corp: 18/221b lim: 4 exec/s: 5\nstat::number_of_executed_units: 5000\n";

    #[test]
    fn slices_are_added_up() {
        let mut totals = Totals::default();
        let spent = Spent::since(Spent::now());
        totals.add(SAID, &spent).unwrap();
        totals.add(SAID, &spent).unwrap();
        assert!(
            totals
                .to_string()
                .starts_with("10000 executions, 0 s of a processor, 124 edges, 301 features, 18 inputs, 0 c")
        );
        assert!(totals.add("nothing", &spent).is_err());
    }

    #[test]
    fn a_crash_is_seen() {
        let said = "==1== ERROR: libFuzzer: deadly signal\nartifact_prefix='a/'; Test unit written to a/crash-12\nBase64: AA==";
        let mut totals = Totals::default();
        totals.add(said, &Spent::since(Spent::now())).unwrap();
        assert_eq!(totals.crash.as_deref(), Some("a/crash-12"));
        assert_eq!(crash(SAID), None);
    }
}
