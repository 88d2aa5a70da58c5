//! The two hosts' results side by side.

use super::board::{Board, State};
use super::console;
use super::plan::Lane;
use crate::mock_host::{Failure, Report, RunOnMock};
use comfy_table::{Table, presets::NOTHING};
use guest::lifecycle::{Host, Lifecycle};
use std::collections::BTreeSet;

/// The lifecycle in which the guest tests itself.
const SELF_TEST: &str = "selftest";

/// What a host made of a lifecycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All went well.
    Passed,
    /// Something did not.
    Failed(String),
    /// It did not run, for this reason.
    NotRun(String),
}

impl Outcome {
    const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Failed(_) => "FAILED",
            Self::NotRun(_) => "not run",
        }
    }

    /// Why it did not run, if there is a reason.
    fn reason(&self) -> Option<&str> {
        match self {
            Self::NotRun(why) if !why.is_empty() => Some(why),
            _ => None,
        }
    }
}

/// One lifecycle on both hosts.
#[derive(Debug)]
pub(crate) struct Row {
    /// The lifecycle's name.
    pub(crate) name: &'static str,
    /// On the mock host.
    pub(crate) mock: Outcome,
    /// On Xen.
    pub(crate) xen: Outcome,
    /// What is wrong with the pair, if anything.
    pub(crate) miss: Option<String>,
    seconds: f64,
    figures: String,
}

/// The results of a run.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// One row a lifecycle.
    pub(crate) rows: Vec<Row>,
    scenarios: Vec<String>,
    scenario_miss: Option<String>,
}

impl Verdict {
    /// Compares Xen's board with what the mock host does, if there is one.
    pub(crate) fn new(jobs: &[(Lifecycle, Lane)], board: &Board, mock: Option<RunOnMock>) -> Self {
        let mut verdict = Self { rows: Vec::new(), scenarios: Vec::new(), scenario_miss: None };
        for (lifecycle, lane) in jobs {
            let (outcome, report) = on_mock(lifecycle, mock);
            let row = row(lifecycle, *lane, board, outcome);
            if lifecycle.name == SELF_TEST && !matches!(lane, Lane::Skipped(_)) {
                verdict.compare_scenarios(board, report.as_ref());
            }
            verdict.rows.push(Row { miss: miss(lifecycle, &row, mock), ..row });
        }
        verdict
    }

    fn compare_scenarios(&mut self, board: &Board, mock: Option<&Report>) {
        let lines = board.run(SELF_TEST).map_or(&[][..], |run| &run.console);
        let (good, bad) = console::scenarios(lines.iter().map(String::as_str));
        self.scenarios = good.iter().map(|name| format!("{name} ok")).collect();
        self.scenarios.extend(bad.iter().map(|name| format!("{name} FAILED")));
        if !bad.is_empty() {
            self.scenario_miss = Some(format!("failed on Xen: {}", listed(&bad)));
        } else if let Some(report) = mock {
            let theirs: BTreeSet<String> = report.scenarios.iter().cloned().collect();
            let differing: BTreeSet<String> = good.symmetric_difference(&theirs).cloned().collect();
            self.scenario_miss = (!differing.is_empty()).then(|| format!("on one host only: {}", listed(&differing)));
        }
    }

    /// All that is wrong, one line each.
    pub(crate) fn misses(&self) -> Vec<String> {
        let rows = self.rows.iter().filter_map(|row| Some(format!("{}: {}", row.name, row.miss.as_ref()?)));
        rows.chain(self.scenario_miss.iter().map(|text| format!("self-test scenarios: {text}"))).collect()
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(["scenario", "mock", "Xen", "seconds", "blackout on Xen"]);
        for row in &self.rows {
            let seconds = if row.seconds > 0.0 { format!("{:.1}", row.seconds) } else { String::new() };
            table.add_row([row.name, row.mock.word(), row.xen.word(), &seconds, &row.figures]);
        }
        let mut text = table.to_string();
        for row in &self.rows {
            for (host, why) in [("the mock host", row.mock.reason()), ("Xen", row.xen.reason())] {
                let line = why.map(|why| format!("\n{}: not on {host}: {why}", row.name));
                text.push_str(&line.unwrap_or_default());
            }
        }
        if !self.scenarios.is_empty() {
            text.push_str(&format!(
                "\n{} self-test scenarios on Xen: {}",
                self.scenarios.len(),
                self.scenarios.join(", ")
            ));
        }
        text
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn on_mock(lifecycle: &Lifecycle, mock: Option<RunOnMock>) -> (Outcome, Option<Report>) {
    match (lifecycle.only, mock) {
        (Some((Host::Xen, why)), _) => (Outcome::NotRun(why.into()), None),
        (_, None) => (Outcome::NotRun(String::new()), None),
        (_, Some(run)) => match run(lifecycle) {
            Ok(report) => (Outcome::Passed, Some(report)),
            Err(Failure(why)) => (Outcome::Failed(why), None),
        },
    }
}

fn row(lifecycle: &Lifecycle, lane: Lane, board: &Board, mock: Outcome) -> Row {
    let run = board.run(lifecycle.name);
    let xen = match (lane, run.map(|run| &run.state)) {
        (Lane::Skipped(why), _) => Outcome::NotRun(why.into()),
        (_, Some(State::Passed)) => Outcome::Passed,
        (_, Some(State::Failed(why))) => Outcome::Failed(why.clone()),
        _ => Outcome::Failed("no result".into()),
    };
    Row {
        name: lifecycle.name,
        mock,
        xen,
        miss: None,
        seconds: run.map_or(0.0, |run| run.ms as f64 / 1000.0),
        figures: run.map(|run| console::figures(run.console.iter().map(String::as_str))).unwrap_or_default(),
    }
}

/// A failure on either host, or a lifecycle that only one of them ran without leave.
fn miss(lifecycle: &Lifecycle, row: &Row, mock: Option<RunOnMock>) -> Option<String> {
    match (&row.mock, &row.xen) {
        (Outcome::Failed(why), _) => Some(format!("on the mock host: {why}")),
        (_, Outcome::Failed(why)) => Some(format!("on Xen: {why}")),
        (Outcome::NotRun(_), Outcome::Passed) if mock.is_some() && lifecycle.only.is_none() => {
            Some("ran on Xen only, without a reason in the table".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::protocol::parse;
    use guest::lifecycle::Step;

    const fn lifecycle(name: &'static str) -> Lifecycle {
        Lifecycle { name, about: "", cmdline: "", steps: &[Step::Create], only: None }
    }

    fn board(lines: &[&str]) -> Board {
        let mut board = Board::new(&[lifecycle("a"), lifecycle("selftest")]);
        for line in lines {
            board.take(&parse(line));
        }
        board
    }

    fn verdict(jobs: &[(Lifecycle, Lane)], lines: &[&str], mock: Option<RunOnMock>) -> Verdict {
        Verdict::new(jobs, &board(lines), mock)
    }

    fn good(_: &Lifecycle) -> Result<Report, Failure> {
        Ok(Report { scenarios: vec!["grant".into()] })
    }

    fn bad(_: &Lifecycle) -> Result<Report, Failure> {
        Err(Failure("leak".into()))
    }

    const FRONT: [(Lifecycle, Lane); 1] = [(lifecycle("a"), Lane::Foreground)];
    const DONE: [&str; 1] = ["@@done a 1500 ok"];

    #[test]
    fn both_hosts_well_is_no_miss() {
        let verdict = verdict(&FRONT, &DONE, Some(good));
        assert!(verdict.misses().is_empty());
        assert!(verdict.table().contains("1.5"));
    }

    #[test]
    fn a_failure_on_either_host_is_a_miss() {
        assert!(verdict(&FRONT, &DONE, Some(bad)).misses()[0].contains("leak"));
        let lines = ["@@step a 0 90 fail not said", "@@done a 99 fail"];
        assert!(verdict(&FRONT, &lines, Some(good)).misses()[0].contains("not said"));
        assert_eq!(verdict(&FRONT, &[], Some(good)).misses(), ["a: on Xen: no result"]);
    }

    #[test]
    fn one_host_alone_needs_a_reason_in_the_table() {
        let only = |host| [(Lifecycle { only: Some((host, "why")), ..lifecycle("a") }, Lane::Foreground)];
        let lines = &DONE;
        let excused = verdict(&only(Host::Xen), lines, Some(bad));
        assert!(excused.misses().is_empty() && excused.table().contains("a: not on the mock host: why"));
        let skipped = [(lifecycle("a"), Lane::Skipped("quick"))];
        assert!(verdict(&skipped, &[], Some(good)).misses().is_empty());
    }

    #[test]
    fn without_a_mock_its_column_says_so() {
        let verdict = verdict(&FRONT, &DONE, None);
        assert!(verdict.misses().is_empty() && verdict.table().contains("not run"));
    }

    #[test]
    fn self_test_scenarios_must_be_the_same_on_both_hosts() {
        let jobs = [(lifecycle("selftest"), Lane::Foreground)];
        let done = "@@done selftest 10 ok";
        let grant = "@@console selftest xen-guest: scenario name=grant result=ok";
        let ring = "@@console selftest xen-guest: scenario name=ring result=ok";
        assert!(verdict(&jobs, &[grant, done], Some(good)).misses().is_empty());
        assert!(verdict(&jobs, &[grant, ring, done], Some(good)).misses()[0].contains("ring"));
        assert!(verdict(&jobs, &[done], Some(good)).misses()[0].contains("grant"));
        let broken = "@@console selftest xen-guest: scenario name=grant result=fail";
        assert!(verdict(&jobs, &[broken, done], None).misses()[0].contains("failed on Xen"));
    }
}
