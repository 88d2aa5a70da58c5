//! Holds a run against what it was without the fault.

mod processors;
mod rules;
mod steps;

pub(super) use steps::is_processor;

use core::fmt;

use xen_hypercall::Nanos;
use xen_mock::{Outcome as End, Violation};

use super::case::{Answer, Case, Fault};
use super::driver::crashed;
use super::operation::{Operation, Weight};
use super::run::Run;

/// What became of a guest with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every operation of the toolstack went as ever, and the guest says nothing else than ever.
    Survived,
    /// Every operation went as ever, and something is amiss of which the guest tells: a device, the console, a scenario.
    Degraded,
    /// One suspend was not acknowledged, and the guest went on.
    Refused,
    /// One suspend was acknowledged and not made, and the guest went on.
    Aborted,
    /// The guest could not start, said so and ended.
    Unstarted,
    /// The guest could not be rebuilt in its new domain, said so and ended.
    Crashed,
}

impl Outcome {
    /// All of them, the best first.
    pub const ALL: [Self; 6] =
        [Self::Survived, Self::Degraded, Self::Refused, Self::Aborted, Self::Unstarted, Self::Crashed];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Survived => "survived",
            Self::Degraded => "degraded",
            Self::Refused => "refused",
            Self::Aborted => "aborted",
            Self::Unstarted => "unstarted",
            Self::Crashed => "crashed",
        })
    }
}

/// A rule was broken: which, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Fails with `what` unless it holds.
#[expect(clippy::fn_params_excessive_bools, reason = "a condition, as of `assert!`")]
fn hold(holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what())) }
}

/// Returns which step was under way at a time; the start belongs to the first.
pub(super) fn step_at(run: &Run, when: Nanos) -> usize {
    run.driver.taken.iter().rposition(|taken| taken.began <= when).unwrap_or(0)
}

/// Judges a run without a fault.
pub(super) fn alone(run: &Run) -> Result<(), Broken> {
    rules::check(run, |_| false)?;
    hold(run.driver.is_done(), || "it does not go through its steps even without a fault".into())?;
    hold(run.cries.is_empty(), || format!("it cries without a fault: {}", run.cries))
}

/// Judges a run with one.
pub(super) fn judge(case: &Case, before: &Run, run: &Run) -> Result<Outcome, Broken> {
    let struck = run.struck.ok_or_else(|| Broken("the fault did not come".into()))?;
    rules::check(run, |broken| is_excused(case, run, broken))?;
    let at = step_at(run, struck);
    if crashed(run.state) {
        return may_end(case, run, at);
    }
    hold(run.driver.is_done(), || format!("the guest ended before its end: {:?}", run.state))?;
    hold(run.state == before.state, || format!("it ended as {:?}", run.state))?;
    steps::compare(case, (before, run), at)?;
    Ok(outcome(before, run, at))
}

/// Tells whether the guest may have ended itself: something that it cannot do without failed, and it says so.
fn may_end(case: &Case, run: &Run, at: usize) -> Result<Outcome, Broken> {
    let weight = match case.fault {
        Fault::Call(at, _) => {
            let (number, cmd, _) = run.made[at];
            Operation::of(number, cmd).map_or(Weight::Light, |row| row.weight)
        }
        // What a guest must know of xenstore to start: its own number, and that `control/shutdown` is watched.
        Fault::Store(at, _) => rules::store_weight(&run.requests[at]),
    };
    let said = run.cries.lines().last().unwrap_or_default();
    if said.starts_with("xen-guest: FAIL what=start ") {
        hold(matches!(weight, Weight::Start | Weight::Vital), || {
            format!("{} is not worth the start: {said}", case.operation)
        })?;
        hold(steps::is_start(run, at), || format!("it starts only once: {said}"))?;
        return Ok(Outcome::Unstarted);
    }
    hold(said.starts_with("xen-guest: FAIL what=rebuild "), || format!("it crashed and said {said:?}"))?;
    let vital = weight == Weight::Vital || (weight == Weight::Crew && case.variant.vcpus > 1);
    hold(vital, || format!("{} is not worth a crash: {said}", case.operation))?;
    hold(steps::is_rebuild(run, at), || format!("nothing was to be rebuilt: {said}"))?;
    Ok(Outcome::Crashed)
}

fn outcome(before: &Run, run: &Run, at: usize) -> Outcome {
    let ended = |run: &Run| run.driver.taken[at].outcome.map(|(end, _)| end);
    match ended(run) {
        Some(End::NotAcknowledged) if ended(before) != ended(run) => return Outcome::Refused,
        Some(End::NotSuspended) if ended(before) != ended(run) => return Outcome::Aborted,
        _ => {}
    }
    let silent = run.silent_by(run.driver.taken.len());
    let same = (0..run.driver.taken.len())
        .all(|step| steps::events(run, step, steps::ALL_KEYS) == steps::events(before, step, steps::ALL_KEYS));
    let held = steps::holds(&run.holdings) == steps::holds(&before.holdings);
    let said = run.cries.is_empty();
    if !silent && same && held && said { Outcome::Survived } else { Outcome::Degraded }
}

/// Tells whether the guest could not keep this rule.
fn is_excused(case: &Case, run: &Run, broken: &Violation) -> bool {
    match broken {
        // I27: it was never told the number of the transaction, or too late.
        Violation::SuspendedInTransaction(_) => case.operation == "XS_TRANSACTION_START",
        // I11: it ended itself before it came so far.
        Violation::EmulatedAgain => crashed(run.state),
        _ => false,
    }
}

/// Tells whether the server may keep what a request made: it made it, and never answered.
const fn unanswered(case: &Case) -> bool {
    matches!(case.fault, Fault::Store(_, Answer::Nothing))
}
