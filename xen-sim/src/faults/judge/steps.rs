//! Step by step: what was so without the fault, and may differ in the one step that it struck.

use core::cmp::Ordering;

use guest::lifecycle::Step;
use xen_hypercall::Nanos;
use xen_mock::{Holdings, Outcome};

use super::{Broken, Case, hold, rules, unanswered};
use crate::faults::driver::Taken;
use crate::faults::run::Run;
use crate::player::event;

/// How much later than ever an operation may end. An event that was lost is missed for longer: the guest reads the node
/// by itself every ten seconds.
const LATE: Nanos = Nanos::from_secs(5);
/// Both of the toolstack's clocks, and a guest's own.
const LONGEST: Nanos = Nanos::from_secs(150);

/// Compares all steps; `struck` is the one that may differ.
pub(super) fn compare(case: &Case, (before, run): (&Run, &Run), struck: usize) -> Result<(), Broken> {
    for (at, (was, is)) in before.driver.taken.iter().zip(&run.driver.taken).enumerate() {
        ended(at.cmp(&struck), was, is)?;
        held(case, was, is)?;
        let silent = run.silent_by(at);
        hold(!silent || is_console(case), || format!("it does not tick after step {at} ({:?})", is.step))?;
        // A word is left only so long, and a guest that waits for xenstore may say what it makes of it in a later step.
        let near = before.driver.taken.get(struck..=at).filter(|near| near.len() <= 3);
        let spills = near.is_some_and(|near| near.iter().any(|taken| matches!(taken.step, Step::Word(_))));
        if at != struck && !silent && !spills {
            let (was, is) = (events(before, at, KEYS), events(run, at, KEYS));
            hold(was == is, || format!("step {at}: {is:?} and not {was:?}"))?;
        }
    }
    published(before, run)?;
    let spared = spared(case) || spared_at_the_end(case) || (case.vcpus > 1 && is_processor(case));
    hold(holds(&run.holdings) == holds(&before.holdings) || spared, || {
        format!("at the end it holds {:?} and not {:?}", run.holdings, before.holdings)
    })
}

/// How a step ended, and when.
fn ended(place: Ordering, was: &Taken, is: &Taken) -> Result<(), Broken> {
    let (Some((wanted, _)), Some((end, _))) = (was.outcome, is.outcome) else {
        return hold(was.outcome.is_some() == is.outcome.is_some(), || format!("{:?} has no end", is.step));
    };
    let turned_back = matches!(end, Outcome::NotAcknowledged | Outcome::NotSuspended);
    let same = end == wanted || matches!((end, wanted), (Outcome::Restored(_), Outcome::Restored(_)));
    hold(same || (place.is_eq() && turned_back), || format!("{:?} ended as {end:?}", is.step))?;
    let took = |taken: &Taken| taken.outcome.map_or(Nanos::ZERO, |(_, at)| at.since(taken.began));
    let limit = if place.is_eq() { LONGEST } else { took(was).after(LATE) };
    hold(took(is) <= limit, || format!("{:?} took {} ns, and not {}", is.step, took(is), took(was)))
}

/// I7, I13, I14, I26, I29: at rest the guest holds what it held without the fault.
fn held(case: &Case, was: &Taken, is: &Taken) -> Result<(), Broken> {
    let (Some(was), Some(is)) = (&was.rest, &is.rest) else { return Ok(()) };
    let fewer =
        is.holdings.ports.len() <= was.holdings.ports.len() && is.holdings.vcpu_infos <= was.holdings.vcpu_infos;
    let (was, is) = (holds(&was.holdings), holds(&is.holdings));
    let crew = case.vcpus > 1 && fewer && is_processor(case);
    hold(was == is || spared(case) || crew, || format!("it holds {is:?} and not {was:?}"))
}

/// What is compared of all that a guest holds: numbers of ports and tokens of watches may differ.
pub(super) fn holds(holdings: &Holdings) -> (usize, usize, Vec<String>, usize, usize, bool, usize, usize) {
    let within = |path: &str| path.splitn(5, '/').nth(4).unwrap_or_default().to_owned();
    let Holdings { ports, grants, watches, transactions, grant_frames, shared_info, vcpu_infos, mappings } = holdings;
    let paths = watches.iter().map(|(path, _)| within(path)).collect();
    (ports.len(), grants.len(), paths, transactions.len(), grant_frames.len(), *shared_info, *vcpu_infos, *mappings)
}

/// I28: what the guest publishes stands there at its end, where it ends in the domain of a good resume.
fn published(before: &Run, run: &Run) -> Result<(), Broken> {
    let again = run.driver.taken.iter().rev().any(|taken| taken.step == Step::SaveRestore);
    hold(!again || run.features == before.features, || format!("published: {:?}", run.features))
}

/// What is compared of what a guest says.
pub(super) const KEYS: &[&str] = &["class=", "why=", "intact=", "result=", "reason=", "word=", "unknown=", "name="];
/// The same, and what tells whether it is as well as ever.
pub(super) const ALL_KEYS: &[&str] =
    &["class=", "why=", "intact=", "result=", "reason=", "word=", "unknown=", "name=", "degraded="];

/// What a guest said in a step, without numbers and without ticks.
pub(super) fn events(run: &Run, at: usize, keys: &[&str]) -> Vec<String> {
    let told = rules::said(run, at).filter(|line| !matches!(event(line), None | Some("tick" | "trace")));
    let kept = told.map(|line| {
        let words = line.split(' ').skip(1).enumerate();
        let kept = words.filter(|(at, word)| *at == 0 || keys.iter().any(|key| word.starts_with(key)));
        kept.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    });
    let mut kept: Vec<String> = kept.collect();
    if run.wakes {
        // It says so after each sleep, and how often it sleeps is a matter of time.
        kept.sort_unstable();
        kept.dedup();
    }
    kept
}

/// Tells whether the fault may cost the guest its console.
fn is_console(case: &Case) -> bool {
    case.operation == "HVMOP_get_param"
}

/// Tells whether the fault is one after which something is left, or missing, of which nobody can know better.
fn spared(case: &Case) -> bool {
    // A transaction whose number the guest was never told.
    let lost = unanswered(case) && case.operation == "XS_TRANSACTION_START";
    // The canary that could not be bound is missing until the next new domain.
    lost || case.operation == "EVTCHNOP_bind_ipi"
}

/// Tells whether the fault may cost the guest one of its other processors, with all that it holds.
fn is_processor(case: &Case) -> bool {
    case.operation.starts_with("VCPUOP_") || case.operation == "EVTCHNOP_bind_virq"
}

/// Tells whether the fault may leave something only because the guest ends before it is mended.
fn spared_at_the_end(case: &Case) -> bool {
    // The canary is closed once, and a transaction that begins too late is abandoned when the guest hears of it.
    case.operation == "EVTCHNOP_close" || case.operation == "XS_TRANSACTION_START"
}

/// Tells whether the guest starts in this step.
pub(super) fn is_start(run: &Run, at: usize) -> bool {
    at == 0 || run.driver.taken[at].step == Step::Reboot
}

/// Tells whether the guest is rebuilt in this step.
pub(super) fn is_rebuild(run: &Run, at: usize) -> bool {
    let step = run.driver.taken[at].step;
    matches!(step, Step::SaveRestore | Step::Migrate | Step::SlowResume | Step::FreezeMove)
}
