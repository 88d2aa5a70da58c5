//! What all boots together show: each lifecycle on the mock host, and in each variant on Xen.

use super::board::{Board, State};
use super::console;
use super::plan::{Daemon, Job, Lane, PAIRED};
use super::variant::Variant;
use crate::mock_host::{Failure, Report, RunOnMock};
use guest::lifecycle::{Host, Lifecycle};
use std::collections::BTreeSet;

/// The lifecycle in which the guest tests itself.
const SELF_TEST: &str = "selftest";

/// What a host made of a lifecycle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// All went well, in at most so many seconds; the mock host takes none.
    Passed(f64),
    /// Something did not.
    Failed(String),
    /// It did not run, for this reason.
    NotRun(String),
}

impl Outcome {
    /// Takes in what a further round made of it: the worse counts.
    fn add(&mut self, other: Self) {
        *self = match (std::mem::replace(self, Self::Passed(0.0)), other) {
            (Self::Passed(one), Self::Passed(two)) => Self::Passed(one.max(two)),
            (Self::Failed(why), _) | (_, Self::Failed(why)) => Self::Failed(why),
            (Self::NotRun(why), _) | (_, Self::NotRun(why)) => Self::NotRun(why),
        };
    }
}

/// One boot, and what it showed.
#[derive(Debug)]
pub(crate) struct Played {
    /// Which xenstore daemon it had.
    pub(crate) daemon: Daemon,
    /// What was to run, and what was left out.
    pub(crate) jobs: Vec<Job>,
    /// What came of it.
    pub(crate) board: Board,
}

/// A column: a variant with a xenstore daemon.
pub(crate) type Column = (Daemon, Variant);

/// One lifecycle on both hosts.
#[derive(Debug)]
pub(crate) struct Row {
    /// The lifecycle's name.
    pub(crate) name: &'static str,
    /// On the mock host, in all variants that were chosen.
    pub(crate) mock: Outcome,
    /// On Xen, by the columns of the verdict.
    pub(crate) xen: Vec<(Column, Outcome)>,
}

/// The results of all boots.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// One row a lifecycle.
    pub(crate) rows: Vec<Row>,
    /// The self-test's scenarios on Xen.
    pub(crate) scenarios: BTreeSet<String>,
    misses: Vec<String>,
}

impl Verdict {
    /// Compares what Xen did with what the mock host does, if there is one.
    pub(crate) fn new(played: &[Played], mock: Option<RunOnMock>) -> Self {
        let mut verdict = Self::default();
        for boot in played {
            for job in &boot.jobs {
                verdict.row(&job.lifecycle).add((boot.daemon, job.variant), outcome(job, &boot.board));
            }
        }
        let mut jobs: Vec<&Job> = played.iter().flat_map(|boot| &boot.jobs).collect();
        jobs.sort_by_key(|job| job.name());
        jobs.dedup_by_key(|job| job.name());
        for job in jobs {
            verdict.row(&job.lifecycle).mock.add(on_mock(job, mock).0);
        }
        verdict.misses = verdict.rows.iter().flat_map(Row::misses).collect();
        verdict.compare_scenarios(played, mock);
        verdict
    }

    /// The row of a lifecycle.
    fn row(&mut self, lifecycle: &Lifecycle) -> &mut Row {
        let at = self.rows.iter().position(|row| row.name == lifecycle.name).unwrap_or_else(|| {
            self.rows.push(Row { name: lifecycle.name, mock: Outcome::Passed(0.0), xen: Vec::new() });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    fn compare_scenarios(&mut self, played: &[Played], mock: Option<RunOnMock>) {
        let runs = played.iter().flat_map(|boot| boot.board.runs().map(|(name, run)| (boot.daemon, name, run)));
        for (daemon, name, run) in runs.filter(|(.., run)| run.job.lifecycle.name == SELF_TEST) {
            let (good, bad) = console::scenarios(run.console.iter().map(String::as_str));
            let at = format!("self-test scenarios of {name}, xenstored {}", daemon.word());
            if !bad.is_empty() {
                self.misses.push(format!("{at}: failed on Xen: {}", listed(&bad)));
            } else if let Some(report) = on_mock(&run.job, mock).1 {
                let theirs: BTreeSet<String> = report.scenarios.into_iter().collect();
                let differing: BTreeSet<String> = good.symmetric_difference(&theirs).cloned().collect();
                if !differing.is_empty() {
                    self.misses.push(format!("{at}: on one host only: {}", listed(&differing)));
                }
            }
            self.scenarios.extend(good);
        }
    }

    /// All that is wrong, one line each.
    pub(crate) fn misses(&self) -> &[String] {
        &self.misses
    }

    /// All columns, in their order.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let mut all: Vec<Column> = self.rows.iter().flat_map(|row| &row.xen).map(|(column, _)| *column).collect();
        all.sort_by_key(|(daemon, variant)| (variant.kind, *daemon as u8, variant.vcpus));
        all.dedup();
        all
    }
}

impl Row {
    fn add(&mut self, column: Column, outcome: Outcome) {
        match self.xen.iter_mut().find(|(known, _)| *known == column) {
            Some((_, known)) => known.add(outcome),
            None => self.xen.push((column, outcome)),
        }
    }

    /// What is there in a column.
    pub(crate) fn cell(&self, column: Column) -> Option<&Outcome> {
        self.xen.iter().find(|(known, _)| *known == column).map(|(_, outcome)| outcome)
    }

    /// Failures on either host.
    fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        if let Outcome::Failed(why) = &self.mock {
            misses.push(format!("{}: on the mock host: {why}", self.name));
        }
        for ((daemon, variant), outcome) in &self.xen {
            if let Outcome::Failed(why) = outcome {
                let at = format!("{}-{}, xenstored {}", self.name, variant.label(), daemon.word());
                misses.push(format!("{at}: on Xen: {why}"));
            }
        }
        misses
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The same on the mock host, in each variant that there can be.
fn on_mock(job: &Job, mock: Option<RunOnMock>) -> (Outcome, Option<Report>) {
    match (job.lifecycle.only, mock) {
        (Some((Host::Smp, _)), Some(_)) if job.variant.vcpus < 2 => (Outcome::Passed(0.0), None),
        (Some((Host::Xen | Host::Hvm, why)), _) => (Outcome::NotRun(why.into()), None),
        (_, None) => (Outcome::NotRun(String::new()), None),
        (_, Some(run)) => match run(&job.lifecycle, job.variant) {
            Ok(report) => (Outcome::Passed(0.0), Some(report)),
            Err(Failure(why)) => (Outcome::Failed(why), None),
        },
    }
}

fn outcome(job: &Job, board: &Board) -> Outcome {
    let run = board.run(&job.name());
    match (job.lane, run.map(|run| (&run.state, run.ms))) {
        (Lane::Skipped(PAIRED), _) => Outcome::NotRun(String::new()),
        (Lane::Skipped(why), _) => Outcome::NotRun(why.into()),
        (_, Some((State::Passed, ms))) => Outcome::Passed(ms as f64 / 1000.0),
        (_, Some((State::Failed(why), _))) => Outcome::Failed(why.clone()),
        _ => Outcome::Failed("no result".into()),
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
