//! What Xen and xenstored say that a guest holds: its ports, its grants in use, its nodes and watches; and how much memory is
//! left for others.

use super::board::{Board, State};
use anyhow::{Context as _, Result, bail};
use guest::lifecycle::Step;
use std::collections::BTreeMap;
use std::fmt;

/// What a guest holds at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Census {
    /// How many ports there are of each kind. Their numbers and far ends change with each domain.
    ports: BTreeMap<String, usize>,
    /// Entries of the grant table that another domain has mapped.
    grants: usize,
    /// Pages of the grant table, and of what Xen notes of others' pages that the domain has mapped.
    frames: [usize; 2],
    /// What xenstored counts of it: nodes and watches, and open transactions, if it tells.
    store: BTreeMap<&'static str, usize>,
    /// Mebibytes of the host that nobody has.
    free: u64,
}

/// What stands before the number of the guest's domain, and of its peer's.
const TITLES: [&str; 2] = ["domain ", "peer "];

/// Reads the lines that the step `Census` sends: after each `domain N` or `peer N`, what `lsevtchn` (`port …`), the
/// hypervisor's key `g` (`grant …`), xenstored (`store …`) and `xl info` (`free …`) print. Returns those with one of the titles.
///
/// # Errors
/// If a part is missing or not as it is known: a census that sees nothing would find no leak.
fn read(lines: &[String], title: &str) -> Result<Vec<Census>> {
    let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match parts.last_mut() {
            _ if TITLES.iter().any(|title| line.starts_with(title)) => parts.push((line, Vec::new())),
            Some((_, part)) => part.push(line),
            None => bail!("of what domain: {line}"),
        }
    }
    let wanted = parts.into_iter().filter_map(|(name, part)| Some((name.strip_prefix(title)?, part)));
    let parts: Vec<(&str, Vec<&str>)> = wanted.collect();
    let census = |(at, (domain, part)): (usize, &(&str, Vec<&str>))| {
        one(domain, part).with_context(|| format!("round {}, domain {domain}", at + 1))
    };
    parts.iter().enumerate().map(census).collect()
}

fn one(domain: &str, part: &[&str]) -> Result<Census> {
    let of = |kind: &'static str| part.iter().filter_map(move |line| line.strip_prefix(kind));
    let mut census = Census::default();
    for line in of("port ") {
        *census.ports.entry(kind(line).with_context(|| format!("no port: {line}"))?.to_owned()).or_default() += 1;
    }
    if census.ports.is_empty() {
        bail!("lsevtchn lists no port, not even xenstore's");
    }
    (census.frames, census.grants) = grants(domain, of("grant "))?;
    census.store = stored(of("store "))?;
    census.free = of("free ").next().and_then(|text| text.trim().parse().ok()).context("no free memory")?;
    Ok(census)
}

/// What xenstored counts: `nodes  :  7`, and more, from that in C; `dom3 quota: 7/1000` from that in OCaml. Both have one watch of
/// each guest at least.
fn stored<'a>(lines: impl Iterator<Item = &'a str>) -> Result<BTreeMap<&'static str, usize>> {
    let mut counts = BTreeMap::new();
    for (title, rest) in lines.filter_map(|line| line.split_once(':')) {
        let number = rest.split(|letter: char| !letter.is_ascii_digit()).find_map(|text| text.parse().ok());
        let title = if title.ends_with(" quota") { "nodes" } else { title.trim() };
        let name = ["nodes", "watches", "transactions"].into_iter().find(|name| *name == title);
        counts.extend(name.zip(number));
    }
    if ["nodes", "watches"].iter().any(|name| counts.get(name).is_none_or(|count| *count == 0)) {
        bail!("xenstored does not tell what it has of the domain");
    }
    Ok(counts)
}

/// The kind of a port, from a line such as `   4: VCPU 0: Interdomain (Connected) - Remote Domain 0, Port 13`.
fn kind(line: &str) -> Option<&str> {
    let mut parts = line.splitn(3, ':');
    let _port: u32 = parts.next()?.trim().parse().ok()?;
    parts.next()?.trim().strip_prefix("VCPU ")?;
    let text = parts.next()?.trim();
    Some(text.split(" - ").next().unwrap_or(text))
}

/// Pages of the domain's grant table and of its mappings, and its entries in use.
fn grants<'a>(domain: &str, lines: impl Iterator<Item = &'a str>) -> Result<([usize; 2], usize)> {
    let title = format!("grant-table for remote d{domain} ");
    let mut own =
        lines.map(|line| line.trim_start_matches("(XEN)").trim()).skip_while(|line| !line.starts_with(&title));
    own.next().context("Xen tells of no grant table of the domain")?;
    let sizes = own.next().context("no size of the grant table")?;
    let size = |what: &str| {
        let part = sizes.split(", ").find(|part| part.contains(what)).and_then(|part| part.trim().split(' ').next());
        part.and_then(|text| text.parse().ok()).with_context(|| format!("no number of{what} in: {sizes}"))
    };
    let frames = [size(" frames")?, size(" maptrack frames")?];
    let entries = own.take_while(|line| !line.starts_with("grant-table for") && !line.ends_with("done"));
    Ok((frames, entries.filter(|line| line.starts_with("[0x")).count()))
}

/// What a later census has that the first has not; `None` if they agree.
fn growth(all: &[Census]) -> Option<String> {
    let first = all.first()?;
    let unlike = |census: &&Census| Census { free: first.free, ..(*census).clone() } != *first;
    let (at, other) = all.iter().enumerate().find(|(_, census)| unlike(census))?;
    Some(format!("round 1: {first}; round {}: {other}", at + 1))
}

/// Prints what the domains of a boot held, first and last; returns what is wrong with it.
pub(crate) fn tell(board: &Board) -> Vec<String> {
    let counted = board.runs().filter_map(|(name, run)| {
        let steps = run.job.lifecycle.steps.iter().filter(|step| **step == Step::Census).count();
        let peers = if run.job.lifecycle.steps.contains(&Step::Peer) { steps } else { 0 };
        (steps > 0 && run.state == State::Passed).then(|| (name, compare(&run.census, [steps, peers])))
    });
    let (mut told, mut misses) = (Vec::new(), Vec::new());
    for (name, result) in counted {
        match result {
            Ok(text) => told.push(format!("{name}: {text}")),
            Err(error) => misses.push(format!("{name}: {error:#}")),
        }
    }
    told.iter().for_each(|line| println!("{line}"));
    misses
}

/// Compares so many rounds, of the guest and of its peer; returns the first and the last in words.
fn compare(lines: &[String], counts: [usize; 2]) -> Result<String> {
    let mut told = String::new();
    for ((title, count), who) in TITLES.iter().zip(counts).zip(["the guest", "its peer"]) {
        let all = read(lines, title)?;
        if all.len() != count {
            bail!("{} of {count} rounds of {who} were counted", all.len());
        }
        if let Some(growth) = growth(&all) {
            bail!("{who} does not hold the same: {growth}");
        }
        if let [first, .., last] = &all[..] {
            told.push_str(&format!("\n  {who}, round 1: {first}\n  {who}, round {count}: {last}"));
        }
    }
    let [rounds, _] = counts;
    Ok(if rounds > 1 { format!("{rounds} rounds, all alike{told}") } else { "one round shows no growth".into() })
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<String> = self.ports.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let (sum, grants, [frames, maptrack]) = (self.ports.values().sum::<usize>(), self.grants, self.frames);
        write!(f, "{sum} ports ({}), {grants} grants in use, {frames} grant and ", ports.join(", "))?;
        write!(f, "{maptrack} maptrack frames")?;
        self.store.iter().try_for_each(|(name, count)| write!(f, ", {count} {name}"))?;
        write!(f, ", {} MiB free", self.free)
    }
}

#[cfg(test)]
mod tests;
