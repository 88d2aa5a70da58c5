//! What is known of each lifecycle while the machine runs.

use super::protocol::{Ending, Line};
use guest::lifecycle::Lifecycle;
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

/// One lifecycle on Xen.
#[derive(Debug, Default)]
pub(crate) struct Run {
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

/// All lifecycles of one boot.
#[derive(Debug)]
pub(crate) struct Board {
    lifecycles: Vec<Lifecycle>,
    runs: BTreeMap<String, Run>,
}

impl Board {
    /// A board on which none has begun.
    pub(crate) fn new(lifecycles: &[Lifecycle]) -> Self {
        let runs = lifecycles.iter().map(|lifecycle| (lifecycle.name.to_owned(), Run::default())).collect();
        Self { lifecycles: lifecycles.to_vec(), runs }
    }

    /// The run of a lifecycle.
    pub(crate) fn run(&self, name: &str) -> Option<&Run> {
        self.runs.get(name)
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
                let step = self.step(name, *index);
                let run = self.runs.get_mut(name)?;
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
            run.state = State::Passed;
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
        let texts: Vec<(String, String)> =
            self.runs.iter().map(|(name, run)| (name.clone(), self.where_is(name, run))).collect();
        for (name, at) in texts {
            if let Some(run) = self.runs.get_mut(&name)
                && matches!(run.state, State::Waiting | State::At(_))
            {
                run.state = State::Failed(format!("{why}; {at}"));
            }
        }
    }

    /// How many have ended.
    pub(crate) fn ended(&self) -> usize {
        self.runs.values().filter(|run| matches!(run.state, State::Passed | State::Failed(_))).count()
    }

    /// What is under way, in a few words.
    pub(crate) fn now(&self) -> String {
        let at = |(name, run): (&String, &Run)| match run.state {
            State::At(_) => Some(format!("{name}: {}", self.where_is(name, run))),
            _ => None,
        };
        self.runs.iter().filter_map(at).collect::<Vec<_>>().join(", ")
    }

    fn where_is(&self, name: &str, run: &Run) -> String {
        match run.state {
            State::At(index) => format!("step {} ({})", index + 1, self.step(name, index)),
            _ => "not begun".into(),
        }
    }

    fn step(&self, name: &str, index: usize) -> String {
        let lifecycle = self.lifecycles.iter().find(|lifecycle| lifecycle.name == name);
        let step = lifecycle.and_then(|lifecycle| lifecycle.steps.get(index));
        step.map_or_else(|| "?".into(), |step| format!("{step:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::protocol::parse;
    use guest::lifecycle::Step;

    fn board() -> Board {
        let steps = &[Step::Create, Step::Alive];
        Board::new(&[Lifecycle { name: "a", about: "", cmdline: "", steps, only: None }])
    }

    #[test]
    fn a_run_that_goes_well_passes() {
        let mut board = board();
        for line in ["@@begin a 0", "@@step a 0 500 ok", "@@begin a 1", "@@step a 1 2000 ok", "@@console a hello"] {
            assert_eq!(board.take(&parse(line)), None);
        }
        assert_eq!(board.now(), "a: step 2 (Alive)");
        assert!(board.take(&parse("@@done a 2600 ok")).unwrap().starts_with("ok"));
        let run = board.run("a").unwrap();
        assert_eq!((&run.state, run.steps.as_slice(), run.ms), (&State::Passed, &[500, 2000][..], 2600));
        assert_eq!(run.console, ["hello"]);
        assert_eq!(board.ended(), 1);
    }

    #[test]
    fn a_failed_step_is_named() {
        let mut board = board();
        board.take(&parse("@@step a 1 90 fail not said: tick"));
        let told = board.take(&parse("@@done a 99 fail")).unwrap();
        assert!(told.contains("step 2 (Alive): not said: tick"), "{told}");
    }

    #[test]
    fn what_never_ended_is_a_failure() {
        let mut board = board();
        board.take(&parse("@@begin a 0"));
        board.close("the machine stopped");
        let expected = State::Failed("the machine stopped; step 1 (Create)".into());
        assert_eq!(board.run("a").unwrap().state, expected);
    }
}
