//! What is known of each lifecycle while the machine runs.

use super::plan::Job;
use super::protocol::{Ending, Line};
use guest::lifecycle::{Step, of_another_abi};
use std::collections::BTreeMap;

/// How far a lifecycle has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// It has not begun.
    #[default]
    Waiting,
    /// This step is under way.
    At(usize),
    /// All steps went well.
    Passed,
    /// It did not go well, for this reason.
    Failed(String),
}

/// One lifecycle on Xen, in one variant.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it is.
    pub(crate) job: Job,
    /// How far it has come.
    pub(crate) state: State,
    /// Milliseconds that each finished step took.
    pub(crate) steps: Vec<u64>,
    /// Milliseconds from beginning to end.
    pub(crate) ms: u64,
    /// The guest's console.
    pub(crate) console: Vec<String>,
    /// What the toolstack said; handed over by failures only.
    pub(crate) toolstack: Vec<String>,
    /// What Xen said that the guest holds.
    pub(crate) census: Vec<String>,
}

impl Run {
    const fn new(job: Job) -> Self {
        let (state, ms) = (State::Waiting, 0);
        Self { job, state, steps: Vec::new(), ms, console: Vec::new(), toolstack: Vec::new(), census: Vec::new() }
    }

    fn step(&self, index: usize) -> String {
        self.job.lifecycle.steps.get(index).map_or_else(|| "?".into(), |step| format!("{step:?}"))
    }

    fn place(&self) -> String {
        match self.state {
            State::At(index) => format!("step {} ({})", index + 1, self.step(index)),
            _ => "not begun".into(),
        }
    }

    /// A line by which the guest says that it is told of events in another way than it was to be.
    fn other_abi(&self) -> Option<&str> {
        of_another_abi(&self.job.variant.cmdline(&self.job.lifecycle), self.console.iter().map(String::as_str))
    }

    /// The steps that went well, and the milliseconds each took.
    pub(crate) fn timed(&self) -> impl Iterator<Item = (&'static Step, u64)> {
        let good = if self.state == State::Passed { self.steps.len() } else { self.steps.len().saturating_sub(1) };
        self.job.lifecycle.steps.iter().zip(self.steps.iter().copied()).take(good)
    }
}

/// All runs of one boot.
#[derive(Debug)]
pub(crate) struct Board {
    runs: BTreeMap<String, Run>,
    /// What was under way when the machine stood still, each time.
    stood_still: Vec<String>,
}

impl Board {
    /// A board on which none has begun; without those that do not run.
    pub(crate) fn new(jobs: &[Job]) -> Self {
        let runs = jobs.iter().filter(|job| job.runs()).map(|job| (job.name(), Run::new(*job)));
        Self { runs: runs.collect(), stood_still: Vec::new() }
    }

    /// The run of a domain.
    pub(crate) fn run(&self, name: &str) -> Option<&Run> {
        self.runs.get(name)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// All runs by name.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (&str, &Run)> {
        self.runs.iter().map(|(name, run)| (name.as_str(), run))
    }

    /// Takes in what dom0 says; returns what is worth telling at once.
    pub(crate) fn take(&mut self, line: &Line) -> Option<String> {
        match line {
            Line::Begin(name, index) => {
                self.runs.get_mut(name)?.state = State::At(*index);
                None
            }
            Line::Step(name, index, ms, result) => {
                let run = self.runs.get_mut(name)?;
                let step = run.step(*index);
                run.steps.push(*ms);
                let why = result.as_ref().err()?;
                run.state = State::Failed(format!("step {} ({step}): {why}", index + 1));
                None
            }
            Line::Console(name, text) => {
                self.runs.get_mut(name)?.console.push(text.clone());
                None
            }
            Line::Toolstack(name, text) => {
                self.runs.get_mut(name)?.toolstack.push(text.clone());
                None
            }
            Line::Census(name, text) => {
                self.runs.get_mut(name)?.census.push(text.clone());
                None
            }
            Line::Done(name, ms, ending) => self.done(name, *ms, *ending),
            _ => None,
        }
    }

    fn done(&mut self, name: &str, ms: u64, ending: Ending) -> Option<String> {
        let run = self.runs.get_mut(name)?;
        run.ms = ms;
        if ending == Ending::Good {
            let (taken, all) = (run.steps.len(), run.job.lifecycle.steps.len());
            run.state = match (&run.state, run.other_abi()) {
                (State::Failed(why), _) => State::Failed(why.clone()),
                (_, Some(line)) => State::Failed(format!("another ABI of event channels: {line}")),
                _ if taken == all => State::Passed,
                _ => State::Failed(format!("it is said to have gone well, after {taken} of {all} steps")),
            };
        }
        let seconds = ms as f64 / 1000.0;
        Some(match &run.state {
            State::Passed => format!("ok      {name} ({seconds:.1} s)"),
            State::Failed(why) => format!("FAILED  {name} ({seconds:.1} s): {why}"),
            State::Waiting | State::At(_) => format!("FAILED  {name}: ended without a result"),
        })
    }

    /// Marks all that have not ended as failed.
    pub(crate) fn close(&mut self, why: &str) {
        for run in self.runs.values_mut() {
            if matches!(run.state, State::Waiting | State::At(_)) {
                run.state = State::Failed(format!("{why}; {}", run.place()));
            }
        }
    }

    /// The machine stood still: what has not ended is to begin again.
    pub(crate) fn again(&mut self) {
        self.stood_still.push(self.now());
        for run in self.runs.values_mut().filter(|run| matches!(run.state, State::Waiting | State::At(_))) {
            *run = Run::new(run.job);
        }
    }

    /// What was under way when the machine stood still, each time.
    pub(crate) fn stood_still(&self) -> &[String] {
        &self.stood_still
    }

    /// Tells whether a run has ended.
    pub(crate) fn has_ended(&self, name: &str) -> bool {
        self.run(name).is_some_and(|run| matches!(run.state, State::Passed | State::Failed(_)))
    }

    /// How many have ended.
    pub(crate) fn ended(&self) -> usize {
        self.runs.values().filter(|run| matches!(run.state, State::Passed | State::Failed(_))).count()
    }

    /// What is under way, in a few words.
    pub(crate) fn now(&self) -> String {
        let at = |(name, run): (&String, &Run)| match run.state {
            State::At(_) => Some(format!("{name}: {}", run.place())),
            _ => None,
        };
        self.runs.iter().filter_map(at).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::plan::Lane;
    use crate::xen::protocol::parse;
    use crate::xen::variant::{Abi, Kind, Variant};
    use guest::lifecycle::Lifecycle;

    fn board() -> Board {
        let steps = &[Step::Create, Step::Alive];
        let lifecycle = Lifecycle { name: "a", about: "", cmdline: "", steps, only: None };
        let variant = Variant { kind: Kind::Pvh, vcpus: 2, abi: Abi::Fifo };
        let job = |vcpus, lane| Job { lifecycle, variant: Variant { vcpus, ..variant }, lane };
        Board::new(&[job(2, Lane::Foreground), job(1, Lane::Skipped("why"))])
    }

    #[test]
    fn a_run_that_goes_well_passes() {
        let mut board = board();
        for line in [
            "@@begin a-pvh-2 0",
            "@@step a-pvh-2 0 500 ok",
            "@@begin a-pvh-2 1",
            "@@step a-pvh-2 1 2000 ok",
            "@@console a-pvh-2 hello",
        ] {
            assert_eq!(board.take(&parse(line)), None);
        }
        assert_eq!(board.now(), "a-pvh-2: step 2 (Alive)");
        assert!(board.take(&parse("@@done a-pvh-2 2600 ok")).unwrap().starts_with("ok"));
        let run = board.run("a-pvh-2").unwrap();
        assert_eq!((&run.state, run.steps.as_slice(), run.ms), (&State::Passed, &[500, 2000][..], 2600));
        assert_eq!(run.console, ["hello"]);
        assert_eq!((board.ended(), board.len()), (1, 1));
        assert_eq!(run.timed().collect::<Vec<_>>(), [(&Step::Create, 500), (&Step::Alive, 2000)]);
    }

    #[test]
    fn a_guest_that_falls_back_unasked_has_failed() {
        let told = |words: &str| {
            let mut board = board();
            let said = format!("@@console a-pvh-2 xen-guest: {words}");
            for line in ["@@step a-pvh-2 0 5 ok", "@@step a-pvh-2 1 5 ok", &said] {
                board.take(&parse(line));
            }
            board.take(&parse("@@done a-pvh-2 9 ok")).unwrap()
        };
        assert!(told("resumed class=new evtchn=fifo n=1").starts_with("ok"));
        for words in ["ready evtchn=2l vcpus=2", "resumed class=new evtchn=2l n=1", "resumed class=new n=1"] {
            assert!(told(words).contains("another ABI of event channels"), "{words}");
        }
    }

    #[test]
    fn a_failed_step_is_named() {
        let mut board = board();
        board.take(&parse("@@step a-pvh-2 1 90 fail not said: tick"));
        let told = board.take(&parse("@@done a-pvh-2 99 fail")).unwrap();
        assert!(told.contains("step 2 (Alive): not said: tick"), "{told}");
    }

    #[test]
    fn what_is_said_to_have_gone_well_is_counted() {
        let mut board = board();
        board.take(&parse("@@begin a-pvh-2 0"));
        board.take(&parse("@@step a-pvh-2 0 90 ok"));
        assert!(board.take(&parse("@@done a-pvh-2 99 ok")).unwrap().contains("after 1 of 2 steps"));
    }

    #[test]
    fn what_a_machine_that_stood_still_had_not_ended_begins_again() {
        let mut board = board();
        board.take(&parse("@@begin a-pvh-2 0"));
        board.take(&parse("@@step a-pvh-2 0 90 ok"));
        board.again();
        assert_eq!(board.stood_still(), ["a-pvh-2: step 1 (Create)"]);
        let run = board.run("a-pvh-2").unwrap();
        assert_eq!((&run.state, run.steps.len(), board.has_ended("a-pvh-2")), (&State::Waiting, 0, false));
        board.close("the end");
        board.again();
        assert!(board.has_ended("a-pvh-2"), "what has ended stays so");
    }

    #[test]
    fn what_never_ended_is_a_failure() {
        let mut board = board();
        board.take(&parse("@@begin a-pvh-2 0"));
        board.close("the machine stopped");
        let expected = State::Failed("the machine stopped; step 1 (Create)".into());
        assert_eq!(board.run("a-pvh-2").unwrap().state, expected);
    }
}
