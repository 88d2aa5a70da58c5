//! Plays the toolstack's part of a lifecycle to its end, whatever comes of each step.

use guest::lifecycle::Step;
use xen_hypercall::Nanos;
use xen_mock::{Holdings, Host, Mark, Outcome, Reason, State};

use crate::heard::Heard;
use crate::player::{Begun, LIMIT, begin, end, outcome, ticks};

/// How long a guest is watched that says nothing, before the next step: longer than all its deadlines.
const SILENCE: Nanos = Nanos::from_secs(90);
/// How long a guest is watched at least: what it says at once may be of before.
const WATCHED: Nanos = Nanos(1_100_000_000);
/// How long a word is left in the node before the next step.
const WORD: Nanos = Nanos::from_secs(1);

/// A step that was taken, and what the host saw of it.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) step: Step,
    pub(super) began: Nanos,
    /// How it ended for the toolstack, if it was an operation, and when.
    pub(super) outcome: Option<(Outcome, Nanos)>,
    /// What the guest held when it was at rest again; nothing, if it was not.
    pub(super) rest: Option<Rest>,
}

/// The guest between two steps.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    pub(super) holdings: Holdings,
    /// How many lines it had said.
    pub(super) lines: usize,
    /// How many hypercalls had reached Xen.
    pub(super) calls: usize,
    pub(super) voice: Voice,
}

/// Whether the guest said that it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Ticks,
    /// It makes hypercalls, and says nothing.
    Silent,
}

/// Where the steps stand.
#[derive(Debug)]
pub(super) struct Driver {
    steps: Vec<Step>,
    begun: Option<Begun>,
    pub(super) taken: Vec<Taken>,
    pub(super) heard: Heard,
    /// The words that the toolstack wrote.
    words: Vec<String>,
    pub(super) wrong: Option<String>,
}

/// What a lifecycle does to a guest, without what the guest must say; and two saves more, to see that nothing was lost.
pub(super) fn script(steps: &[Step]) -> Vec<Step> {
    let acts = |step: &&Step| {
        !matches!(step, Step::Says(..) | Step::NeverSays(_) | Step::NodeIs(_) | Step::Alive | Step::Gone)
    };
    let mut script: Vec<Step> = steps.iter().filter(acts).copied().collect();
    if script.last() == Some(&Step::Poweroff) {
        let last = script.len() - 1;
        script.splice(last..last, [Step::Checkpoint, Step::SaveRestore]);
    }
    script
}

impl Driver {
    pub(super) fn new(steps: &[Step]) -> Self {
        let words = vec![String::new()];
        Self { steps: script(steps), begun: None, taken: Vec::new(), heard: Heard::new(), words, wrong: None }
    }

    /// Tells whether every step was taken.
    pub(super) fn is_done(&self) -> bool {
        self.taken.len() == self.steps.len() && self.begun.is_none()
    }

    /// Goes on as far as possible.
    pub(super) fn advance(&mut self, host: &Host) {
        self.heard.listen(host);
        self.look_at_the_node(host);
        while self.wrong.is_none() {
            if self.begun.is_none() && !self.begin_next(host) {
                // The guest is left to its end; one that runs on after all is destroyed, and so the run ends.
                let stopping = matches!(self.steps.last(), Some(Step::Word(_)));
                if !stopping || self.overdue(host) {
                    end(host);
                }
                return;
            }
            let Some(begun) = self.begun else { return };
            if !self.goes_on(begun, host) {
                return;
            }
            self.begun = None;
        }
        end(host);
    }

    fn overdue(&self, host: &Host) -> bool {
        self.taken.last().is_some_and(|last| host.now().since(last.began) > LIMIT)
    }

    fn begin_next(&mut self, host: &Host) -> bool {
        let Some(&step) = self.steps.get(self.taken.len()) else { return false };
        if host.state() != State::Running {
            return false;
        }
        if let Step::Word(word) = step {
            self.words.push(word.to_owned());
        }
        self.begun = Some(begin(step, host, &self.heard.lines));
        self.taken.push(Taken { step, began: host.now(), outcome: None, rest: None });
        true
    }

    /// Tells whether the step is over.
    fn goes_on(&mut self, begun: Begun, host: &Host) -> bool {
        let over = host.now().since(begun.at) > LIMIT;
        let at = self.taken.len() - 1;
        let step = self.taken[at].step;
        if begun.operation.is_some() && self.taken[at].outcome.is_none() {
            let Some(ended) = outcome(host, begun) else {
                if over && host.state() == State::Running {
                    self.wrong = Some(format!("{step:?} has no end"));
                }
                return false;
            };
            self.taken[at].outcome = Some((ended, host.now()));
            if matches!(ended, Outcome::Stopped(_)) && step != Step::Reboot {
                return true;
            }
            // From here on it is to be seen alive.
            self.begun = Some(Begun { at: host.now(), ticks: ticks(&self.heard.lines), ..begun });
        }
        if host.state() != State::Running {
            // The last word is one that ends the guest.
            return matches!(step, Step::Word(_)) && matches!(host.state(), State::Shutdown(_));
        }
        let Begun { at: since, ticks: before, .. } = self.begun.unwrap_or(begun);
        let waited = host.now().since(since);
        let ticked = ticks(&self.heard.lines) >= before + 2 && waited >= WATCHED;
        let enough = if let Step::Word(_) = step { WORD } else { SILENCE };
        if !ticked && waited < enough {
            return false;
        }
        let voice = if ticked || enough == WORD { Voice::Ticks } else { Voice::Silent };
        let (holdings, calls) = (host.ledger().holdings(), host.trace().calls_since(Mark::default()).len());
        self.taken[at].rest = Some(Rest { holdings, lines: self.heard.lines.len(), calls, voice });
        true
    }

    /// I4: `control/shutdown` holds a word of the toolstack's or nothing, and is there.
    fn look_at_the_node(&mut self, host: &Host) {
        if !matches!(host.state(), State::Running) {
            return;
        }
        let word = host.store().read("control/shutdown");
        let known =
            |word: &str| ["suspend", "poweroff", "reboot"].contains(&word) || self.words.iter().any(|one| one == word);
        if !word.as_deref().is_some_and(known) {
            self.wrong.get_or_insert(format!("control/shutdown holds {word:?}"));
        }
    }
}

/// Tells whether the domain ended in a crash.
pub(super) fn crashed(state: State) -> bool {
    matches!(state, State::Shutdown(Reason::Crash))
}
