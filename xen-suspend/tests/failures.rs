//! Every step before the call fails once, and every deadline passes at every step: the guest serves as before.
#![allow(clippy::arithmetic_side_effects, reason = "a panic is a failed test")]

mod support;

use core::task::Poll;

use support::{Fault, MOST, NO, PENDING, Sim, way_in};
use xen_hypercall::{Errno, Nanos};
use xen_suspend::{Abort, Ack, Action, ControlWord, Event, Progress, Refusal, State};

const ACK: Action = Action::Acknowledge(ControlWord::Suspend);
/// The request is not acknowledged.
const ASKED: ControlWord = ControlWord::Suspend;
/// It is.
const GONE: ControlWord = ControlWord::Idle;

/// I7: all is as before; the pairing is checked by the fixture at each step.
fn check_undone(sim: &Sim, why: Abort) {
    assert_eq!(sim.endings.len(), 1, "exactly one end");
    assert_eq!(sim.aborted(), Some(why));
    assert_eq!((sim.calls, sim.epoch), (0, 0), "I1, I2: {why}");
    assert!(sim.all(Progress::Running), "{why}");
    // A4: the node is read when all is given back, as the last thing.
    assert_eq!(sim.trace.iter().rev().nth(1), Some(&Action::ReadControl));
    for anew in [Action::Probe, Action::Degrade(0)] {
        assert_eq!(sim.count(anew), 0);
    }
}

/// I8, and a second chance: the toolstack writes again, and this time nothing fails.
fn check_served_later(sim: &mut Sim, left: ControlWord) {
    assert_eq!(sim.node, left, "I8");
    let steps = sim.trace.len();
    assert_eq!(sim.run(), Action::Idle);
    assert_eq!(sim.trace.len(), steps + 1, "nothing is served before the node changes");
    sim.faults.clear();
    sim.suspend();
    assert_eq!((sim.calls, sim.endings.len()), (1, 2));
    assert!(sim.resumed().is_some());
}

/// The step fails, why that ends the operation, and what is left in the node.
fn failures(devices: usize) -> Vec<(Action, Event, Abort, ControlWord)> {
    let os = Refusal::NoMemory;
    let mut all = vec![
        (Action::Admit, Event::Admitted(Err(Refusal::Policy)), Abort::Refused(Refusal::Policy), ASKED),
        (Action::Admit, Event::Admitted(Err(Refusal::Busy)), Abort::Refused(Refusal::Busy), ASKED),
        (ACK, Event::Acknowledged(Ack::Denied), Abort::AckDenied, ASKED),
        (Action::FreezeOs, Event::OsFrozen(Err(os)), Abort::Os(os), GONE),
        (Action::ReadControl, Event::Control(None), Abort::Fence, GONE),
        (Action::Fence, Event::Done(false), Abort::Fence, GONE),
        (Action::Park, Event::Done(false), Abort::Park, GONE),
    ];
    for index in 0..devices {
        let why = Abort::Device(index, Refusal::Device);
        all.extend([(Action::Prepare(index), NO, why, ASKED), (Action::Freeze(index), NO, why, GONE)]);
    }
    all
}

#[test]
fn each_step_that_fails_is_undone() {
    for devices in 0..=MOST {
        for (action, answer, why, left) in failures(devices) {
            let mut sim = Sim::new(devices);
            sim.fault(Fault::new(action, answer)).suspend();
            check_undone(&sim, why);
            check_served_later(&mut sim, left);
        }
    }
}

/// A device may say `Pending` for a while and then refuse: it is undone like one that was on the way.
#[test]
fn a_device_that_refuses_after_a_while_is_undone() {
    for devices in 1..=MOST {
        for index in 0..devices {
            for (action, left) in [(Action::Prepare(index), ASKED), (Action::Freeze(index), GONE)] {
                let mut sim = Sim::new(devices);
                sim.fault(Fault::new(action, PENDING).times(3)).fault(Fault::new(action, NO)).suspend();
                check_undone(&sim, Abort::Device(index, Refusal::Device));
                check_served_later(&mut sim, left);
            }
        }
    }
}

#[test]
fn devices_that_need_a_while_are_waited_for() {
    let mut sim = Sim::new(3);
    for index in 0..3 {
        sim.fault(Fault::new(Action::Prepare(index), PENDING).times(index + 1));
        sim.fault(Fault::new(Action::Freeze(index), PENDING).times(3 - index));
    }
    sim.suspend();
    assert_eq!((sim.calls, sim.count(Action::Prepare(2)), sim.count(Action::Freeze(0))), (1, 4, 4));
    // All of them wait at the same time.
    assert_eq!(sim.count(Action::Wait(Nanos::ZERO)), 6);
}

/// The toolstack changed its word before the acknowledgement: nothing was written, and the new word is served.
#[test]
fn a_word_that_changed_is_not_acknowledged() {
    let junk = ControlWord::parse(b"crash");
    for devices in 0..=MOST {
        for word in [ControlWord::Idle, ControlWord::Poweroff, ControlWord::Halt, ControlWord::Reboot, junk] {
            let mut sim = Sim::new(devices);
            sim.write(ControlWord::Suspend);
            sim.run_to(ACK);
            sim.node = word;
            let last = sim.run();
            assert_eq!((sim.aborted(), sim.calls), (Some(Abort::WordChanged(word)), 0));
            match word.stop() {
                Some(_) => assert_eq!(last, Action::Stop(word)),
                None => assert_eq!((last, sim.node), (Action::Idle, word)),
            }
            assert_eq!(sim.count(Action::Report(junk)), usize::from(word == junk));
        }
    }
}

/// The last look before the fence finds another word: all is undone, and it is served.
#[test]
fn a_word_found_before_the_fence_is_served() {
    for devices in 0..=MOST {
        for word in [ControlWord::Poweroff, ControlWord::Reboot] {
            let mut sim = Sim::new(devices);
            sim.write(ControlWord::Suspend);
            sim.run_to(Action::ReadControl);
            sim.node = word;
            assert_eq!(sim.run(), Action::Stop(word));
            assert_eq!((sim.aborted(), sim.calls), (Some(Abort::WordChanged(word)), 0));
            assert_eq!(sim.count(Action::Fence), 0);
        }
    }
}

/// The state in which an action of the way in is done.
fn state_of(action: Action) -> State {
    match action {
        Action::Admit => State::Requested,
        Action::Prepare(_) => State::Preparing,
        Action::FreezeOs => State::Acked,
        Action::Freeze(_) | Action::ReadControl => State::Freezing,
        Action::Fence => State::Fencing,
        Action::Park => State::Rendezvous,
        _ => State::Dark,
    }
}

/// I2: D0 and D1 pass in the middle of every step, though the step itself goes well.
#[test]
fn each_step_that_takes_too_long_is_undone() {
    for devices in 0..=MOST {
        let way = way_in(devices);
        for &action in way.iter().filter(|action| !matches!(action, Action::Call | Action::Acknowledge(_))) {
            let mut sim = Sim::new(devices);
            let early = matches!(action, Action::Admit | Action::Prepare(_));
            let (limit, left) = if early { (sim.deadlines.d0(), ASKED) } else { (sim.deadlines.d1(), GONE) };
            sim.fault(Fault::slow(action, limit)).suspend();
            check_undone(&sim, Abort::Deadline(state_of(action)));
            check_served_later(&mut sim, left);
        }
    }
}

/// No step alone is too slow, but all together.
#[test]
fn the_deadlines_count_all_steps_together() {
    for (slow, why) in [(11, State::Preparing), (16, State::Freezing)] {
        let mut sim = Sim::new(3);
        for action in way_in(3) {
            let limited = (slow == 11) == matches!(action, Action::Admit | Action::Prepare(_));
            if limited && !matches!(action, Action::Acknowledge(_)) {
                sim.fault(Fault::slow(action, Nanos::from_secs(slow)));
            }
        }
        sim.suspend();
        check_undone(&sim, Abort::Deadline(why));
    }
}

/// The last moment is soon enough, and the moment after it is not.
#[test]
fn the_deadline_of_the_call_is_exact() {
    for (late, calls) in [(0, 0), (1, 1)] {
        let mut sim = Sim::new(0);
        // The acknowledgement, from when it was asked for; the freeze, the read, the fence, the rendezvous, and the dark.
        let spent = Nanos::from_millis(5 + late);
        sim.fault(Fault::slow(Action::EnterDark, sim.deadlines.d1().since(spent))).suspend();
        assert_eq!(sim.calls, calls);
        let why = (calls == 0).then_some(Abort::Deadline(State::Dark));
        assert_eq!(sim.aborted(), why);
    }
}

#[test]
fn a_device_that_is_never_done_runs_into_the_deadline() {
    for (action, why, left) in
        [(Action::Prepare(1), State::Preparing, ASKED), (Action::Freeze(1), State::Freezing, GONE)]
    {
        let mut sim = Sim::new(3);
        sim.fault(Fault::new(action, PENDING).times(usize::MAX)).suspend();
        check_undone(&sim, Abort::Deadline(why));
        check_served_later(&mut sim, left);
    }
}

/// All processors came, though late: D1 alone counts from here.
#[test]
fn a_rendezvous_that_was_late_but_complete_goes_on() {
    let mut sim = Sim::new(1);
    sim.fault(Fault::slow(Action::Park, sim.deadlines.dr())).suspend();
    assert_eq!(sim.calls, 1);
}

/// The rendezvous gets its own limit, but never more than is left of D1.
#[test]
fn the_limit_of_the_rendezvous_is_within_that_of_the_call() {
    for (slow, left) in [(10, Nanos::from_secs(2)), (44, Nanos::from_millis(997))] {
        let mut sim = Sim::new(0);
        sim.fault(Fault::slow(Action::FreezeOs, Nanos::from_secs(slow)));
        sim.write(ControlWord::Suspend);
        sim.run_to(Action::Park);
        assert_eq!(sim.coordinator.until().since(sim.now), left);
    }
}

/// A commit that came late is a commit: the toolstack saw it, so the guest goes on, within D1.
#[test]
fn a_late_commit_is_a_commit() {
    let mut sim = Sim::new(1);
    sim.fault(Fault::slow(ACK, Nanos::from_secs(25))).suspend();
    assert_eq!(sim.calls, 1);
}

/// The toolstack's clock runs from the commit, however late we learn of it: D1 counts from when it was asked for.
#[test]
fn i2_a_commit_that_is_learned_of_too_late_is_not_followed_by_a_call() {
    let mut sim = Sim::new(1);
    sim.fault(Fault::slow(ACK, Nanos::from_secs(46))).suspend();
    assert_eq!(sim.calls, 0);
    assert!(matches!(sim.aborted(), Some(Abort::Deadline(_))), "{:?}", sim.endings);
}

#[test]
fn any_negative_result_of_the_call_is_reported() {
    for raw in [-1, -22, -4095, isize::MIN] {
        let mut sim = Sim::new(2);
        sim.raw = raw;
        sim.suspend();
        let Some(Abort::Call(errno)) = sim.aborted() else { panic!("{:?}", sim.endings) };
        assert_eq!((errno.raw(), sim.calls, sim.epoch), (raw, 1, 0));
        assert!(sim.all(Progress::Running));
    }
    assert_eq!(Errno::EINVAL.raw(), -22);
}

/// `Pending` on the way of one device while another fails: both are undone.
#[test]
fn a_failure_undoes_those_that_are_on_the_way() {
    let why = Abort::Device(2, Refusal::NoMemory);
    for action in [Action::Prepare, Action::Freeze] {
        let mut sim = Sim::new(3);
        sim.fault(Fault::new(action(0), PENDING).times(usize::MAX));
        sim.fault(Fault::new(action(2), Event::Device(Poll::Ready(Err(Refusal::NoMemory))))).suspend();
        check_undone(&sim, why);
    }
}

/// The embedder calls it off, at each step of the way.
#[test]
fn an_operation_that_is_called_off_is_undone() {
    for devices in 0..=MOST.min(2) {
        for (step, action) in way_in(devices).into_iter().enumerate() {
            let mut sim = Sim::new(devices);
            sim.write(ControlWord::Suspend);
            for _ in 0..step {
                sim.step();
            }
            assert_eq!(sim.coordinator.poll(), action);
            sim.tell(Event::CallOff);
            sim.run();
            if action == Action::Call {
                assert_eq!((sim.calls, sim.aborted()), (1, None));
            } else {
                check_undone(&sim, Abort::Cancelled);
            }
        }
    }
}
