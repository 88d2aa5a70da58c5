//! What two guests went through with each other, case by case.

use super::board::State;
use super::console;
use super::plan::Daemon;
use super::table::{finished, plain};
use super::together;
use super::verdict::Played;
use crate::mock_host::RunOnMock;
use std::collections::BTreeMap;

/// How often each case went well.
type Counts = BTreeMap<String, usize>;

/// The cases of a run: on Xen, and on the mock host.
struct Column {
    name: String,
    xen: Counts,
    mock: Counts,
}

/// The table, empty if there were no such guests, and what is wrong.
pub(crate) fn tell(played: &[Played], mock: RunOnMock) -> (String, Vec<String>) {
    let columns = columns(played, mock);
    if columns.is_empty() {
        return Default::default();
    }
    let mut names: Vec<&String> =
        columns.iter().flat_map(|column| column.xen.keys().chain(column.mock.keys())).collect();
    names.sort_unstable();
    names.dedup();
    let mut table = plain(std::iter::once("case".to_owned()).chain(columns.iter().map(|column| column.name.clone())));
    let mut misses = Vec::new();
    for name in names {
        let cells = columns.iter().map(|column| match (times(&column.xen, name), times(&column.mock, name)) {
            (0, 0) => String::new(),
            (here, there) if here == there => format!("ok {here}"),
            (here, there) => {
                misses.push(format!("{}: {name} went well {here} times, {there} on the mock host", column.name));
                format!("{here} of {there}")
            }
        });
        table.add_row(std::iter::once(name.clone()).chain(cells).collect::<Vec<_>>());
    }
    (finished(table), misses)
}

fn times(counts: &Counts, name: &str) -> usize {
    counts.get(name).copied().unwrap_or_default()
}

/// Of each run that came to its end; what did not is told elsewhere.
fn columns(played: &[Played], mock: RunOnMock) -> Vec<Column> {
    let runs = played.iter().flat_map(|boot| boot.board.runs().map(|(name, run)| (boot.daemon, name, run)));
    let runs = runs.filter(|(.., run)| together::is_one(&run.job.lifecycle) && run.state == State::Passed);
    let column = |(daemon, name, run): (Daemon, &str, &super::board::Run)| {
        let report = mock(&run.job.lifecycle, run.job.variant).ok()?;
        let xen = count(console::passes(run.console.iter().map(String::as_str)));
        Some(Column { name: format!("{name}\n{}", daemon.word()), xen, mock: count(report.scenarios.into_iter()) })
    };
    runs.filter_map(column).collect()
}

fn count(names: impl Iterator<Item = String>) -> Counts {
    names.fold(Counts::new(), |mut counts, name| {
        *counts.entry(name).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock_host::{Failure, Report};
    use crate::xen::board::Board;
    use crate::xen::plan;
    use crate::xen::protocol::parse;
    use crate::xen::variant::{Abi, Kind, Variant};
    use guest::lifecycle::{Lifecycle, Step};

    const TOGETHER: Lifecycle = Lifecycle { name: "both", about: "", cmdline: "", steps: &[Step::Peer], only: None };

    fn twice_one(_: &Lifecycle, _: Variant) -> Result<Report, Failure> {
        Ok(Report { scenarios: ["one", "one", "two"].map(str::to_owned).to_vec() })
    }

    /// A boot in which the guest says so often that each of these went well.
    fn played(end: &str, passed: &[&str]) -> Vec<Played> {
        let jobs = plan::all(&[TOGETHER], &[Variant { kind: Kind::Pvh, vcpus: 1, abi: Abi::Fifo }]);
        let mut board = Board::new(&jobs);
        let line = |name: &&str| format!("@@console both-pvh-1 xen-guest: scenario name={name} result=ok");
        let lines = passed.iter().map(line).chain(["@@step both-pvh-1 0 1 ok".into(), end.to_owned()]);
        lines.for_each(|line| drop(board.take(&parse(&line))));
        vec![Played { daemon: Daemon::C, jobs, board }]
    }

    #[test]
    fn a_case_is_ok_if_it_went_well_as_often_as_on_the_mock_host() {
        let (table, misses) = tell(&played("@@done both-pvh-1 9 ok", &["two", "one", "one"]), twice_one);
        assert!(table.contains("ok 2") && table.contains("ok 1") && misses.is_empty(), "{table}");
    }

    #[test]
    fn a_case_that_is_missing_or_comes_too_often_is_a_miss() {
        let (table, misses) = tell(&played("@@done both-pvh-1 9 ok", &["one", "two", "two", "new"]), twice_one);
        assert!(["1 of 2", "2 of 1", "1 of 0"].iter().all(|cell| table.contains(cell)), "{table}");
        assert_eq!(misses.len(), 3, "{misses:?}");
    }

    #[test]
    fn of_a_run_that_failed_no_case_is_ok() {
        let (table, misses) = tell(&played("@@done both-pvh-1 9 fail", &["one", "one", "two"]), twice_one);
        assert!(table.is_empty() && misses.is_empty());
    }
}
