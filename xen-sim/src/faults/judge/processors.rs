//! What each processor asks of Xen about a suspend: I10 and I16.

use guest::lifecycle::Step;
use xen_hypercall::{Number, Vcpu};
use xen_mock::{Call, Outcome};

use super::rules::SUSPEND;
use super::{Broken, hold};
use crate::faults::run::Run;

/// What a processor registers of itself: `VCPUOP_register_vcpu_info`, `HVMOP_set_evtchn_upcall_vector`.
const REGISTERS: [(Number, usize); 2] = [(Number::VCPU_OP, 10), (Number::HVM_OP, 23)];
/// What a parked processor may be ordered to do beside: give Xen its queues, look after its ports, close, bind and unmask them, and its timer.
const ORDERED: [(Number, usize); 7] = [
    (Number::EVENT_CHANNEL_OP, 11),
    (Number::EVENT_CHANNEL_OP, 3),
    (Number::EVENT_CHANNEL_OP, 5),
    (Number::EVENT_CHANNEL_OP, 9),
    (Number::EVENT_CHANNEL_OP, 1),
    (Number::EVENT_CHANNEL_OP, 7),
    (Number::VCPU_OP, 8),
];
/// vCPU 0 sleeps: the others are let go by then.
const POLL: (Number, usize) = (Number::SCHED_OP, 3);

const fn kind(call: &Call) -> (Number, usize) {
    (call.number, call.cmd)
}

/// I10: in a new domain a processor first registers what it had registered in the old one, itself.
pub(super) fn registered(run: &Run, at: usize) -> Result<(), Broken> {
    let taken = &run.driver.taken[at];
    let asked = matches!(taken.step, Step::SaveRestore | Step::Migrate);
    let (Some((Outcome::Restored(_), _)), true) = (taken.outcome, asked) else { return Ok(()) };
    let Some((old, new)) = around(run, at) else { return Ok(()) };
    for vcpu in (0..64).map(Vcpu) {
        let own = |calls: &'_ [Call]| calls.iter().filter(|call| call.vcpu == vcpu).copied().collect::<Vec<_>>();
        let (old, new) = (own(old), own(new));
        let had = REGISTERS.iter().filter(|one| old.iter().any(|call| kind(call) == **one && call.result == Some(0)));
        // What it does before it is let go: from there on it is interrupted.
        let first = new.iter().position(|call| kind(call) == POLL || kind(call) == (Number::VCPU_OP, 8));
        let dark = &new[..first.unwrap_or(new.len())];
        let missing = had.filter(|one| !dark.iter().any(|call| kind(call) == **one)).collect::<Vec<_>>();
        hold(new.is_empty() || missing.is_empty(), || format!("vCPU {vcpu} goes on without {missing:?}"))?;
    }
    Ok(())
}

/// I16: from the suspend call until vCPU 0 lets them go the others make no hypercall, but what they are ordered to.
pub(super) fn parked(run: &Run, at: usize) -> Result<(), Broken> {
    let Some((_, after)) = around(run, at) else { return Ok(()) };
    let dark = after.iter().take_while(|call| call.vcpu != Vcpu(0) || kind(call) != POLL);
    let mut others = dark.filter(|call| call.vcpu != Vcpu(0));
    let free = others.find(|call| !REGISTERS.contains(&kind(call)) && !ORDERED.contains(&kind(call)));
    hold(free.is_none(), || format!("a parked processor makes a hypercall: {free:?}"))
}

/// Returns the calls up to the last suspend call of a step, and those after it up to the guest's rest.
fn around(run: &Run, at: usize) -> Option<(&[Call], &[Call])> {
    let taken = &run.driver.taken[at];
    let calls = run.calls.get(..taken.rest.as_ref()?.calls)?;
    let suspend = calls.iter().rposition(|call| kind(call) == SUSPEND)?;
    (calls[suspend].at >= taken.began).then(|| (&calls[..suspend], &calls[suspend + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::run::run;
    use crate::faults::subject;

    /// A guest of two processors that is restored, and what the rules say if its calls are changed so.
    fn verdict(change: impl Fn(&mut Vec<Call>)) -> Result<(), Broken> {
        let mut run = run((subject("vector").unwrap(), "pvh-2".parse().unwrap()), None, &|_| ());
        let before = run.calls.clone();
        change(&mut run.calls);
        // The same places, wherever they are now.
        for taken in &mut run.driver.taken {
            if let Some(rest) = &mut taken.rest {
                let at = before[..rest.calls].last().map_or(0, |call| call.at.0);
                rest.calls = run.calls.iter().take_while(|call| call.at.0 <= at).count();
            }
        }
        (0..run.driver.taken.len()).try_for_each(|at| {
            registered(&run, at)?;
            parked(&run, at)
        })
    }

    fn last(calls: &[Call], wanted: (Number, usize)) -> usize {
        calls.iter().rposition(|call| kind(call) == wanted).expect("it is made")
    }

    #[test]
    fn a_guest_that_keeps_the_rules() {
        assert_eq!(verdict(|_| ()), Ok(()));
    }

    #[test]
    fn i10_a_registration_that_is_missing_late_or_by_another() {
        for register in REGISTERS {
            let without = verdict(|calls| _ = calls.remove(last(calls, register))).unwrap_err().0;
            assert!(without.contains("vCPU 1 goes on without"), "{without}");
            let by_another = verdict(|calls| {
                let at = last(calls, register);
                calls[at].vcpu = Vcpu(0);
            });
            assert!(by_another.is_err(), "{register:?}");
        }
        let late = verdict(|calls| {
            let at = last(calls, REGISTERS[0]);
            let timer = (Number::VCPU_OP, 8);
            let mut call = calls.remove(at);
            let after = at + calls[at..].iter().position(|call| kind(call) == timer).expect("it ticks");
            call.at = calls[after].at;
            calls.insert(after + 1, call);
        });
        assert!(late.is_err());
    }

    #[test]
    fn i16_a_parked_processor_that_calls() {
        let calling = |number| {
            verdict(move |calls| {
                let at = last(calls, REGISTERS[0]);
                let call = Call { number, cmd: 0, ..calls[at] };
                calls.insert(at, call);
            })
        };
        let broken = calling(Number::XEN_VERSION).unwrap_err().0;
        assert!(broken.contains("a parked processor makes a hypercall"), "{broken}");
    }
}
