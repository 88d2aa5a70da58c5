//! Operations under way.

use xen_hypercall::{DomId, Nanos};

use super::{Operation, Outcome, Save};
use crate::config::Kind;
use crate::domain::{CALLBACK_IRQ, Reason, State};
use crate::violation::Violation;
use crate::world::World;
use crate::xenstored::path::absolute;

/// How long libxl waits for the acknowledgement, and then for the suspend.
const PATIENCE: Nanos = Nanos::from_secs(60);

const SHUTDOWN: &str = "control/shutdown";

/// What is asked of the guest.
#[derive(Debug, Clone, Copy)]
enum Plan {
    Suspend(Save),
    Stop(&'static str),
}

impl Plan {
    const fn word(self) -> &'static str {
        match self {
            Self::Suspend(_) => "suspend",
            Self::Stop(word) => word,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Acknowledge { until: Nanos },
    Suspend { until: Nanos },
    Copy { until: Nanos },
    Stop,
}

#[derive(Debug)]
pub(crate) struct Operations {
    current: Option<(Operation, Plan, Stage)>,
    outcomes: Vec<Option<Outcome>>,
    /// What the guest's suspend call returns once the domain runs again.
    pub(super) resume_code: Option<isize>,
    pub(super) last_domid: DomId,
}

impl Operations {
    pub(crate) const fn new() -> Self {
        Self { current: None, outcomes: Vec::new(), resume_code: None, last_domid: DomId(0) }
    }

    pub(crate) fn next_due(&self) -> Option<Nanos> {
        match self.current?.2 {
            Stage::Acknowledge { until } | Stage::Suspend { until } | Stage::Copy { until } => Some(until),
            Stage::Stop => None,
        }
    }

    pub(crate) fn outcome(&self, operation: Operation) -> Option<Outcome> {
        self.outcomes.get(operation.0).copied().flatten()
    }

    pub(crate) const fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Whatever was under way ends without an outcome.
    pub(crate) fn abandon(&mut self) {
        self.current = None;
    }
}

impl World {
    pub(crate) fn begin_save(&mut self, save: Save) -> Operation {
        if self.config.kind == Kind::Hvm && self.domain.params[CALLBACK_IRQ] == 0 {
            // libxl takes it for a guest without drivers.
            return self.begin_freeze(save);
        }
        self.ask(Plan::Suspend(save))
    }

    /// Freezes the guest wherever it is.
    pub(crate) fn begin_freeze(&mut self, save: Save) -> Operation {
        let until = self.now().after(self.config.blackout);
        let operation = self.begin(Plan::Suspend(save), Stage::Copy { until });
        self.domain.state = State::Shutdown(Reason::Suspend);
        operation
    }

    /// Waits for a suspend without asking by the word: the guest was asked in another way.
    pub(crate) fn begin_wait(&mut self, save: Save) -> Operation {
        let until = self.now().after(PATIENCE);
        self.begin(Plan::Suspend(save), Stage::Suspend { until })
    }

    pub(crate) fn begin_stop(&mut self, word: &'static str) -> Operation {
        self.ask(Plan::Stop(word))
    }

    fn ask(&mut self, plan: Plan) -> Operation {
        let until = self.now().after(PATIENCE);
        let operation = self.begin(plan, Stage::Acknowledge { until });
        self.write_word(plan.word());
        operation
    }

    fn begin(&mut self, plan: Plan, stage: Stage) -> Operation {
        assert!(!self.operations.is_busy(), "the toolstack does one thing at a time");
        assert!(self.domain.state == State::Running, "the domain does not run: {:?}", self.domain.state);
        let operation = Operation(self.operations.outcomes.len());
        self.operations.outcomes.push(None);
        self.operations.current = Some((operation, plan, stage));
        operation
    }

    /// Writes `control/shutdown` as the toolstack does.
    pub(crate) fn write_word(&mut self, word: &str) {
        let path = absolute(self.domain.id, SHUTDOWN);
        let written = self.store.as_dom0(|view| view.write(&path, word.as_bytes()));
        written.expect("dom0 may write everywhere");
        self.flush_store();
    }

    fn finish(&mut self, operation: Operation, outcome: Outcome) {
        self.operations.current = None;
        self.operations.outcomes[operation.0] = Some(outcome);
    }

    /// Drives the operation under way as far as it goes now.
    pub(crate) fn run_operations(&mut self) {
        while let Some((operation, plan, stage)) = self.operations.current {
            let next = match stage {
                Stage::Acknowledge { until } => self.await_word(operation, (plan, until)),
                Stage::Suspend { until } => self.await_suspend(operation, until),
                Stage::Copy { until } => self.await_copy(operation, (plan, until)),
                Stage::Stop => self.await_stop(operation),
            };
            let Some(next) = next else { return };
            self.operations.current = Some((operation, plan, next));
        }
    }

    fn await_word(&mut self, operation: Operation, (plan, until): (Plan, Nanos)) -> Option<Stage> {
        let path = absolute(self.domain.id, SHUTDOWN);
        // Any other value is an acknowledgement for libxl, and so is none at all.
        let word = self.store.as_dom0(|view| view.read(&path)).unwrap_or_default();
        let acknowledged = word != plan.word().as_bytes();
        let stopped = self.domain.state != State::Running;
        match plan {
            Plan::Suspend(_) if acknowledged => Some(Stage::Suspend { until: self.now().after(PATIENCE) }),
            Plan::Stop(_) if acknowledged || stopped => Some(Stage::Stop),
            _ if self.now() >= until => self.take_back(operation),
            _ => None,
        }
    }

    /// The acknowledgement did not come. libxl looks at the domain once more all the same.
    fn take_back(&mut self, operation: Operation) -> Option<Stage> {
        self.write_word("");
        if self.domain.state == State::Shutdown(Reason::Suspend) {
            return Some(Stage::Suspend { until: self.now() });
        }
        self.finish(operation, Outcome::NotAcknowledged);
        None
    }

    fn await_suspend(&mut self, operation: Operation, until: Nanos) -> Option<Stage> {
        match self.domain.state {
            State::Shutdown(Reason::Suspend) => {
                return Some(Stage::Copy { until: self.now().after(self.config.blackout) });
            }
            State::Shutdown(other) => self.finish(operation, Outcome::Stopped(other)),
            _ if self.now() >= until => self.finish(operation, Outcome::NotSuspended),
            _ => {}
        }
        None
    }

    fn await_stop(&mut self, operation: Operation) -> Option<Stage> {
        if let State::Shutdown(reason) = self.domain.state {
            self.finish(operation, Outcome::Stopped(reason));
        }
        None
    }

    fn await_copy(&mut self, operation: Operation, (plan, until): (Plan, Nanos)) -> Option<Stage> {
        if self.now() < until {
            return None;
        }
        let Plan::Suspend(save) = plan else { return Some(Stage::Stop) };
        let outcome = match save {
            Save::Restore(destination) => Outcome::Restored(self.restore(destination)),
            Save::SlowResume => self.resume_domain(0),
            Save::Checkpoint | Save::Fail => self.resume_fast(),
        };
        self.finish(operation, outcome);
        None
    }

    /// Resumes the same domain; the tools mark the call's result unless the guest looks unaware of Xen.
    pub(crate) fn resume_fast(&mut self) -> Outcome {
        let aware = self.domain.params[CALLBACK_IRQ] != 0;
        self.resume_domain(isize::from(aware))
    }

    fn resume_domain(&mut self, code: isize) -> Outcome {
        self.operations.resume_code = Some(code);
        self.domain.latched = None;
        self.domain.state = State::Running;
        self.write_times();
        Outcome::Resumed(code)
    }

    /// The guest itself made the suspend call.
    pub(crate) fn suspended_in_call(&mut self) {
        self.operations.resume_code = None;
        // The acknowledgement may have come without a turn of the host since.
        self.run_operations();
        let waited_for = matches!(self.operations.current, Some((_, Plan::Suspend(_), Stage::Copy { .. })));
        if !waited_for {
            self.violation(Violation::SuspendedUnasked);
        }
        self.suspended_with_store();
    }

    /// Takes what the suspend call returns.
    pub(crate) fn take_resume_code(&mut self) -> isize {
        self.operations.resume_code.take().unwrap_or(0)
    }
}
