//! A lifecycle without a fault, and the cases that come of it.

use guest::lifecycle::{ALL, Host as On, Lifecycle, Step};
use xen_hypercall::Nanos;
use xen_mock::Host;

use super::case::{ANSWERS, Case, Fault, store_name};
use super::judge::{self, Broken, Outcome};
use super::operation::Operation;
use super::run::{Arrange, Run, run};
use super::variant::Variant;
use crate::Report;

/// What a lifecycle is without a fault.
#[derive(Debug)]
pub struct Baseline {
    lifecycle: &'static Lifecycle,
    variant: Variant,
    run: Run,
}

/// Returns the lifecycles that the mock host can play.
pub fn subjects() -> impl Iterator<Item = &'static Lifecycle> {
    ALL.iter().filter(|lifecycle| matches!(lifecycle.only, None | Some((On::Mock | On::Smp, _))))
}

/// Returns the lifecycle of that name, if the mock host can play it.
#[must_use]
pub fn subject(name: &str) -> Option<&'static Lifecycle> {
    subjects().find(|lifecycle| lifecycle.name == name)
}

impl Baseline {
    /// Plays a lifecycle without a fault.
    ///
    /// # Errors
    /// [`Broken`] if that alone breaks a rule, or if the guest makes a hypercall of which the sweep knows no errors.
    pub fn of(lifecycle: &'static Lifecycle) -> Result<Self, Broken> {
        Self::in_variant(lifecycle, Variant::PLAIN)
    }

    /// Plays a lifecycle without a fault in such a guest.
    ///
    /// # Errors
    /// As [`Baseline::of`].
    pub fn in_variant(lifecycle: &'static Lifecycle, variant: Variant) -> Result<Self, Broken> {
        let run = run((lifecycle, variant), None, &|_| ());
        judge::alone(&run)?;
        if let Some((number, cmd, _)) = run.made.iter().find(|(number, cmd, _)| Operation::of(*number, *cmd).is_none())
        {
            return Err(Broken(format!("the sweep has no row for hypercall {}, command {cmd}", number.0)));
        }
        Ok(Self { lifecycle, variant, run })
    }

    /// Returns what guest goes through it.
    #[must_use]
    pub const fn variant(&self) -> Variant {
        self.variant
    }

    /// Returns every case of this lifecycle, in the order of what fails.
    #[must_use]
    pub fn cases(&self) -> Vec<Case> {
        let calls = self.run.made.iter().enumerate().filter_map(|(at, &(number, cmd, when))| {
            let operation = Operation::of(number, cmd)?;
            Some(operation.results().map(move |result| self.case(Fault::Call(at, result), operation.name, when)))
        });
        let requests = self.run.requests.iter().enumerate().map(|(at, request)| {
            ANSWERS.map(|(_, answer)| self.case(Fault::Store(at, answer), store_name(request.op), request.at))
        });
        // ENOENT to the end of a watch says that there is none, and is as good as success.
        let lie = |case: &Case| case.operation == "XS_UNWATCH" && case.result() == "ENOENT";
        // A lifecycle about a second processor is another without it.
        let several = matches!(self.lifecycle.only, Some((On::Smp, _)));
        let other = |case: &Case| several && judge::is_processor(case) && case.moment == "create";
        calls.flatten().chain(requests.flatten().filter(|case| !lie(case))).filter(|case| !other(case)).collect()
    }

    fn case(&self, fault: Fault, operation: &'static str, when: Nanos) -> Case {
        let moment = step_name(self.run.driver.taken[judge::step_at(&self.run, when)].step);
        Case { lifecycle: self.lifecycle.name, variant: self.variant, fault, operation, moment }
    }

    /// Plays a case and judges it.
    ///
    /// # Errors
    /// The first rule that the guest broke.
    pub fn run(&self, case: &Case) -> Result<Outcome, Broken> {
        self.run_with(case, &|_| ())
    }

    /// Plays a case, judges nothing, and returns what the guest said.
    #[must_use]
    pub fn story(&self, case: &Case) -> Report {
        let run = self.played(case, &|_| ());
        Report { lines: run.driver.heard.lines, emergencies: run.cries }
    }

    /// Plays a case on a host of which something else is arranged too: for tests that a rule can be broken.
    pub(super) fn run_with(&self, case: &Case, arrange: Arrange<'_>) -> Result<Outcome, Broken> {
        judge::judge(case, &self.run, &self.played(case, arrange))
    }

    fn played(&self, case: &Case, arrange: Arrange<'_>) -> Run {
        let nth = self.nth(case.fault);
        let run = run((self.lifecycle, self.variant), Some(case.fault), &|host: &Host| {
            if let (Fault::Store(at, answer), Some(nth)) = (case.fault, nth) {
                answer.arrange(host, self.run.requests[at].op, nth);
            }
            arrange(host);
        });
        self.strike(case.fault, run)
    }

    /// Returns which of its kind a request is, counted from 1.
    fn nth(&self, fault: Fault) -> Option<u64> {
        let Fault::Store(at, _) = fault else { return None };
        let op = self.run.requests[at].op;
        u64::try_from(self.run.requests[..=at].iter().filter(|request| request.op == op).count()).ok()
    }

    /// Notes when a fault of xenstore's struck: at the request that stands where it stood without a fault.
    fn strike(&self, fault: Fault, mut run: Run) -> Run {
        if let Fault::Store(at, _) = fault {
            let same = |request: &&xen_mock::Request| request.op == self.run.requests[at].op;
            run.struck = run.requests.get(at).filter(same).map(|request| request.at);
        }
        run
    }
}

const fn step_name(step: Step) -> &'static str {
    match step {
        Step::Create => "create",
        Step::Checkpoint => "checkpoint",
        Step::SaveRestore => "restore",
        Step::Migrate => "migrate",
        Step::SaveFails => "refusal",
        Step::SaveOutOfSpace => "full disk",
        Step::SlowResume => "slow resume",
        Step::FreezeHere | Step::FreezeMove => "freeze",
        Step::Word(_) => "word",
        Step::Poweroff => "poweroff",
        Step::Reboot => "reboot",
        _ => "other",
    }
}
