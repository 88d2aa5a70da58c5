//! What holds in every run, with a fault or without.

use guest::lifecycle::Step;
use xen_hypercall::{Nanos, Number};
use xen_mock::{Outcome, Request, StoreOp, Violation};

use super::{Broken, Weight, hold, processors};
use crate::faults::driver::{Rest, Taken};
use crate::faults::run::Run;
use crate::player::event;

const SHUTDOWN: &str = "control/shutdown";
pub(super) const SUSPEND: (Number, usize) = (Number::SCHED_OP, 2);

/// Holds a run against all of them; `excused` tells which of the host's own the fault alone has broken.
pub(super) fn check(run: &Run, excused: impl Fn(&Violation) -> bool) -> Result<(), Broken> {
    hold(run.panic.is_none(), || format!("a panic: {}", run.panic.clone().unwrap_or_default()))?;
    let wrong = run.driver.wrong.clone();
    hold(wrong.is_none(), || wrong.unwrap_or_default())?;
    let broken: Vec<String> = run.violations.iter().filter(|one| !excused(one)).map(ToString::to_string).collect();
    hold(broken.is_empty(), || format!("the rules of the host: {}", broken.join("; ")))?;
    hold(!matches!(run.state, xen_mock::State::Running | xen_mock::State::Gone), || {
        format!("the guest made no end of itself: {:?}", run.state)
    })?;
    failures(run)?;
    node(run)?;
    for at in 0..run.driver.taken.len() {
        resumed(run, at)?;
        cancelled(run, at)?;
        rebuilt(run, at)?;
        processors::registered(run, at)?;
        processors::parked(run, at)?;
    }
    Ok(())
}

/// Returns what was said since the step before; to the last step belongs all that is said after it.
pub(super) fn said(run: &Run, at: usize) -> impl Iterator<Item = &str> {
    let taken = &run.driver.taken;
    let rest = |at: usize| taken.get(at).and_then(|taken| taken.rest.as_ref());
    let from = at.checked_sub(1).and_then(rest).map_or(0, |rest| rest.lines);
    let last = at + 1 >= taken.len();
    let to = rest(at).filter(|_| !last).map_or(run.lines().len(), |rest| rest.lines);
    run.lines()[from.min(to)..to].iter().map(|line| line.text.as_str())
}

/// At most one scenario fails, and nothing else is said to have; of two, the second only asks what came of the first.
fn failures(run: &Run) -> Result<(), Broken> {
    let failed: Vec<&str> =
        run.lines().iter().map(|line| line.text.as_str()).filter(|text| event(text) == Some("FAIL")).collect();
    let scenarios = failed.iter().all(|text| text.starts_with("xen-guest: FAIL what=scenario "));
    let follows = match failed[..] {
        [] | [_] => true,
        // Whether an interrupt came is asked after the scenario that causes one.
        [first, second] => first.contains(" name=ipi ") && second.contains(" name=upcall "),
        _ => false,
    };
    hold(scenarios && follows, || format!("it failed: {failed:?}"))
}

/// I4: the node is written in transactions only, and never removed.
fn node(run: &Run) -> Result<(), Broken> {
    let ours = |request: &&Request| request.path.ends_with(SHUTDOWN);
    let mut bad = run.requests.iter().filter(ours).filter(|request| match request.op {
        StoreOp::Write => request.transaction == 0,
        op => !matches!(op, StoreOp::Read | StoreOp::Watch | StoreOp::Unwatch),
    });
    hold(bad.next().is_none(), || "control/shutdown is not acknowledged as it should".into())
}

/// Memory came through, and the class is that of what the toolstack did: I20.
fn resumed(run: &Run, at: usize) -> Result<(), Broken> {
    let Taken { step, outcome, .. } = &run.driver.taken[at];
    let asleep = *step == Step::FreezeHere;
    let classes: &[&str] = match outcome {
        Some((Outcome::Restored(_), _)) => &["class=new"],
        Some((Outcome::Resumed(_), _)) if asleep => &["class=frozen"],
        Some((Outcome::Resumed(1), _)) => &["class=cancel"],
        Some((Outcome::Resumed(0), _)) => &["class=inplace"],
        // A call that Xen did not make, and that says that it was.
        None => &["class=frozen"],
        Some(_) => &["class=cancel", "class=inplace"],
    };
    let known = !run.silent_by(at);
    let woke = |fields: &[&str]| run.wakes && fields.contains(&"class=frozen");
    for line in said(run, at).filter(|line| event(line) == Some("resumed")) {
        let fields: Vec<&str> = line.split(' ').collect();
        hold(fields.contains(&"intact=yes"), || format!("memory was lost: {line}"))?;
        hold(!known || woke(&fields) || classes.iter().any(|class| fields.contains(class)), || {
            format!("after {outcome:?}: {line}")
        })?;
    }
    Ok(())
}

/// I18: a cancelled suspend does nothing, by the guest's own count and by the host's.
fn cancelled(run: &Run, at: usize) -> Result<(), Broken> {
    let mut lines = said(run, at);
    while let Some(line) = lines.next() {
        if event(line) == Some("resumed") && line.contains("class=cancel") {
            let trace = lines.next().unwrap_or_default();
            let nothing = trace.contains(" xenstore=1 bound=0 closed=0 mapped=0 registered=0");
            hold(nothing, || format!("a cancelled suspend is a no-op: {trace}"))?;
        }
    }
    let taken = &run.driver.taken[at];
    let (Some((Outcome::Resumed(1), _)), Some(rest)) = (taken.outcome, &taken.rest) else { return Ok(()) };
    // Sleep, call, look, and a processor's own timer: what a guest does that nobody asks for anything.
    let (evtchn, timer) = (Number::EVENT_CHANNEL_OP, (Number::VCPU_OP, 8));
    let idle = [(SUSPEND.0, 3), (evtchn, 4), (evtchn, 5), (Number::HVM_OP, 1), timer];
    let mut strange = since_call(run, (taken.began, rest)).filter(|call| !idle.contains(call));
    let first = if run.tested { None } else { strange.next() };
    hold(first.is_none(), || format!("after a cancelled suspend: {first:?}"))
}

/// I11: the callback is set before anything else is made anew.
fn rebuilt(run: &Run, at: usize) -> Result<(), Broken> {
    let taken = &run.driver.taken[at];
    let asked = matches!(taken.step, Step::SaveRestore | Step::Migrate);
    let (Some((Outcome::Restored(_), _)), Some(rest), true) = (taken.outcome, &taken.rest, asked) else {
        return Ok(());
    };
    let looks = [(Number::EVENT_CHANNEL_OP, 5), (Number::HVM_OP, 1)];
    let first = since_call(run, (taken.began, rest)).find(|call| !looks.contains(call));
    hold(first == Some((Number::HVM_OP, 0)), || format!("the rebuild begins with {first:?}"))
}

/// Returns the calls that reached Xen from the return of the suspend on, up to the guest's rest.
fn since_call(run: &Run, (began, rest): (Nanos, &Rest)) -> impl Iterator<Item = (Number, usize)> + use<> {
    let step: Vec<_> =
        run.calls[..rest.calls].iter().filter(|call| call.at >= began).map(|call| (call.number, call.cmd)).collect();
    let from = step.iter().rposition(|call| *call == SUSPEND).map_or(step.len(), |at| at + 1);
    step.into_iter().skip(from)
}

/// Returns how much hangs on a request.
pub(super) fn store_weight(request: &Request) -> Weight {
    match request.op {
        StoreOp::Watch if request.path == SHUTDOWN => Weight::Start,
        StoreOp::Read if request.path == "domid" => Weight::Start,
        _ => Weight::Light,
    }
}
