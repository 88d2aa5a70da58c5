//! What the guest's console tells beyond the steps: key figures and self-test scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

const PREFIX: &str = "xen-guest:";

/// The event and the words of a line that the guest said.
pub(super) fn said(line: &str) -> Option<(&str, impl Iterator<Item = &str> + Clone)> {
    let mut words = line.split_whitespace();
    (words.next()? == PREFIX).then_some(())?;
    Some((words.next()?, words))
}

/// The value of a key among the words of a line.
pub(super) fn value<'a>(mut words: impl Iterator<Item = &'a str>, key: &str) -> Option<&'a str> {
    words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// Shortest and longest blackout of a class of resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The shortest.
    pub(crate) min: Duration,
    /// The longest.
    pub(crate) max: Duration,
    /// How many there were.
    pub(crate) count: usize,
}

/// The blackouts that `resumed` lines report, by class.
pub(crate) fn blackouts<'a>(console: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Span> {
    let mut classes: BTreeMap<String, Span> = BTreeMap::new();
    for (event, words) in console.into_iter().filter_map(said) {
        let nanos = value(words.clone(), "blackout_ns").and_then(|text| text.parse().ok());
        let (true, Some(nanos)) = (event == "resumed", nanos) else {
            continue;
        };
        let (class, time) = (value(words, "class").unwrap_or("?"), Duration::from_nanos(nanos));
        let new = Span { min: time, max: time, count: 0 };
        let span = classes.entry(class.to_owned()).or_insert(new);
        *span = Span { min: span.min.min(time), max: span.max.max(time), count: span.count + 1 };
    }
    classes
}

/// For the summary: `120..340 x2`, in microseconds.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, max, count } = self;
        write!(f, "{}..{} x{count}", min.as_micros(), max.as_micros())
    }
}

/// The self-test scenarios that the guest reports: those that passed and those that did not.
pub(crate) fn scenarios<'a>(console: impl IntoIterator<Item = &'a str>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    for (event, words) in console.into_iter().filter_map(said) {
        let ("scenario", Some(name)) = (event, value(words.clone(), "name")) else {
            continue;
        };
        let set = if value(words, "result") == Some("ok") { &mut good } else { &mut bad };
        set.insert(name.to_owned());
    }
    (good, bad)
}

/// The scenarios that passed, each as often as it did.
pub(crate) fn passes<'a>(console: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = String> {
    console.into_iter().filter_map(said).filter_map(|(event, words)| {
        let passed = event == "scenario" && value(words.clone(), "result") == Some("ok");
        passed.then(|| value(words, "name").map(str::to_owned)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blackouts_are_grouped_by_class() {
        let console = [
            "noise",
            "xen-guest: resumed class=cancelled blackout_ns=2000000",
            "xen-guest: resumed class=new blackout_ns=9000000 n=2",
            "xen-guest: resumed blackout_ns=4500000 class=cancelled",
            "xen-guest: suspending blackout_ns=1",
            "xen-guest: resumed class=cancelled blackout_ns=torn",
        ];
        let found: Vec<String> = blackouts(console).iter().map(|(class, span)| format!("{class} {span}")).collect();
        assert_eq!(found, ["cancelled 2000..4500 x2", "new 9000..9000 x1"]);
    }

    #[test]
    fn scenarios_are_split_by_result() {
        let console = [
            "xen-guest: scenario name=grant-reuse result=ok",
            "xen-guest: scenario name=ring-wrap result=fail why=x",
            "other: scenario name=no result=ok",
        ];
        let (good, bad) = scenarios(console);
        assert!(good.contains("grant-reuse") && good.len() == 1);
        assert!(bad.contains("ring-wrap") && bad.len() == 1);
        assert_eq!(passes(console).collect::<Vec<_>>(), ["grant-reuse"]);
    }
}
