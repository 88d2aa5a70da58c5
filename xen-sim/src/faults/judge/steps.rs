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
    hold(excuse(case, When::AtTheEnd).covers(&before.holdings, &run.holdings), || {
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
    hold(excuse(case, When::AtRest).covers(&was.holdings, &is.holdings), || {
        format!("it holds {:?} and not {:?}", holds(&is.holdings), holds(&was.holdings))
    })
}

/// When what a guest holds is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    AtRest,
    AtTheEnd,
}

/// By how much what a guest holds may differ, and in what: nothing else may.
#[derive(Default)]
pub(super) struct Excuse {
    ports_fewer: usize,
    ports_more: usize,
    vcpu_infos_fewer: usize,
    blocks_fewer: usize,
    pages_fewer: usize,
    transactions_more: usize,
}

impl Excuse {
    pub(super) fn covers(&self, was: &Holdings, is: &Holdings) -> bool {
        let (was, is) = (holds(was), holds(is));
        let within = |was: usize, is: usize, (fewer, more): (usize, usize)| is + fewer >= was && is <= was + more;
        within(was.0, is.0, (self.ports_fewer, self.ports_more))
            && within(was.6, is.6, (self.vcpu_infos_fewer, 0))
            && within(was.3, is.3, (0, self.transactions_more))
            && within(was.8[0], is.8[0], (self.blocks_fewer, 0))
            && within(was.8[1], is.8[1], (self.pages_fewer, 0))
            && (was.1, was.2, was.4, was.5, was.7) == (is.1, is.2, is.4, is.5, is.7)
    }
}

/// After which fault something may be left, or missing, of which nobody can know better.
fn excuse(case: &Case, when: When) -> Excuse {
    let (operation, ends) = (case.operation, when == When::AtTheEnd);
    let mut excuse = Excuse::default();
    match operation {
        // A transaction whose number the guest was never told; or that begins too late, and is abandoned when it hears of it.
        "XS_TRANSACTION_START" if ends || unanswered(case) => excuse.transactions_more = 1,
        // The canary that could not be bound is missing until the next new domain.
        "EVTCHNOP_bind_ipi" => excuse.ports_fewer = 1,
        // The guest goes on in the 2-level ABI until the next new domain; or another processor has no queues.
        "EVTCHNOP_init_control" => {
            excuse.blocks_fewer = usize::try_from(case.variant.vcpus).unwrap_or(usize::MAX);
            excuse.pages_fewer = 1;
        }
        // The canary is closed once.
        "EVTCHNOP_close" if ends => excuse.ports_more = 1,
        _ => {}
    }
    if case.variant.vcpus > 1 && is_processor(case) {
        // One of the other processors, with its two ports, and those that were to be started after it.
        let others = usize::try_from(case.variant.vcpus).map_or(0, |vcpus| vcpus - 1);
        excuse.ports_fewer = excuse.ports_fewer.max(2 * others);
        excuse.vcpu_infos_fewer = others;
        excuse.blocks_fewer = excuse.blocks_fewer.max(others);
    }
    excuse
}

/// What is compared of all that a guest holds: numbers of ports and tokens of watches may differ.
pub(super) fn holds(holdings: &Holdings) -> (usize, usize, Vec<String>, usize, usize, bool, usize, usize, [usize; 2]) {
    let within = |path: &str| path.splitn(5, '/').nth(4).unwrap_or_default().to_owned();
    let Holdings { ports, grants, watches, transactions, grant_frames, shared_info, vcpu_infos, mappings, .. } =
        holdings;
    let (mappings, queues) = (*mappings + holdings.foreign.len(), [holdings.control_blocks, holdings.event_pages]);
    let paths = watches.iter().map(|(path, _)| within(path)).collect();
    (
        ports.len(),
        grants.len(),
        paths,
        transactions.len(),
        grant_frames.len(),
        *shared_info,
        *vcpu_infos,
        mappings,
        queues,
    )
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

/// Tells whether the fault may cost the guest one of its other processors, with all that it holds.
pub(in crate::faults) fn is_processor(case: &Case) -> bool {
    let binds = ["EVTCHNOP_bind_virq", "EVTCHNOP_bind_ipi", "EVTCHNOP_init_control", "HVMOP_set_evtchn_upcall_vector"];
    case.operation.starts_with("VCPUOP_") || binds.contains(&case.operation)
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
