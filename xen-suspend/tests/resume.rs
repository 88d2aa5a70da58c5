//! The way back in a new context: xenstore, devices that take long or do not come, wakes, and the next request at once.

mod support;

use support::{Fault, MOST, MS, NO, PENDING, Sim, way_anew};
use xen_hypercall::{Errno, Nanos};
use xen_suspend::{
    Abort, Action, Class, ControlWord, Deadlines, Ending, Event, Fatal, Progress, Refusal, Resumed, Stage, State,
};

const RESUME: fn(usize) -> Action = |index| Action::Resume(index, Class::New);
const STORE_UP: Action = Action::StoreUp(Class::New);

fn new(devices: usize) -> Sim {
    let mut sim = Sim::new(devices);
    sim.returns(Class::New);
    sim
}

#[test]
fn devices_reconnect_all_at_once() {
    let mut sim = new(3);
    for index in 0..3 {
        sim.fault(Fault::new(RESUME(index), PENDING).times(3 - index));
    }
    sim.suspend();
    assert!(sim.all(Progress::Running));
    assert_eq!(sim.resumed().unwrap().degraded, 0);
    let first: Vec<_> = sim.trace.iter().filter(|action| matches!(action, Action::Resume(..))).take(3).collect();
    assert_eq!(first, [&RESUME(0), &RESUME(1), &RESUME(2)]);
    assert_eq!(sim.count(Action::Wait(Nanos::ZERO)), 3, "the slowest decides");
}

/// I39, I42: a device that never comes back delays itself alone, and recovers later.
#[test]
fn a_device_that_does_not_come_back_is_degraded() {
    let mut sim = new(3);
    sim.fault(Fault::new(RESUME(1), PENDING).times(usize::MAX)).suspend();
    assert_eq!(sim.progress(), [Progress::Running, Progress::Degraded, Progress::Running]);
    assert_eq!(sim.resumed().unwrap().degraded, 1);
    assert_eq!((sim.count(Action::Degrade(1)), sim.count(Action::Degrade(0))), (1, 0));
    sim.tell(Event::Recovered(1));
    assert!(sim.all(Progress::Running));
}

#[test]
fn a_device_that_gives_up_is_degraded_at_once() {
    let mut sim = new(2);
    sim.fault(Fault::new(RESUME(0), PENDING).times(2)).fault(Fault::new(RESUME(0), NO)).suspend();
    assert_eq!(sim.progress(), [Progress::Degraded, Progress::Running]);
    assert!(sim.now < Nanos::from_secs(1001));
    sim.tell(Event::Recovered(0));
    assert!(sim.all(Progress::Running));
}

/// It was connected when it answered, though late: a connected device that counts as degraded would be left out of the next freeze.
#[test]
fn a_device_that_answers_late_is_still_connected() {
    let mut sim = new(3);
    sim.fault(Fault::slow(RESUME(0), sim.deadlines.dc())).suspend();
    assert_eq!(sim.progress(), [Progress::Running, Progress::Degraded, Progress::Degraded]);
}

#[test]
fn events_about_other_devices_change_nothing() {
    let mut sim = new(2);
    for index in [0, 1, 2, usize::MAX] {
        sim.tell(Event::Recovered(index));
    }
    sim.fault(Fault::new(RESUME(1), NO)).suspend();
    for index in [0, 2, usize::MAX] {
        sim.tell(Event::Recovered(index));
    }
    assert_eq!(sim.progress(), [Progress::Running, Progress::Degraded]);
}

/// xenstore is tried again until the limit.
#[test]
fn a_slow_xenstore_is_waited_for() {
    let mut sim = new(2);
    sim.fault(Fault::new(STORE_UP, Event::Done(false)).times(5)).suspend();
    assert_eq!((sim.count(STORE_UP), sim.count(Action::Wait(Nanos::ZERO))), (6, 5));
    assert!(sim.all(Progress::Running));
}

#[test]
fn without_xenstore_the_guest_runs_and_its_devices_do_not() {
    for devices in 0..=MOST {
        let mut sim = new(devices);
        sim.fault(Fault::new(STORE_UP, Event::Done(false)).times(usize::MAX));
        sim.fault(Fault::new(Action::ReadControl, Event::Control(None)).skip(1)).suspend();
        assert!(sim.all(Progress::Degraded));
        assert_eq!(sim.resumed().unwrap().degraded, devices);
        assert_eq!(sim.coordinator.state(), State::Running);
        assert_eq!((sim.count(RESUME(0)), sim.count(Action::ThawOs)), (0, 1));
        (0..devices).for_each(|index| assert_eq!(sim.count(Action::Degrade(index)), 1));
    }
}

/// A core service that cannot be rebuilt is a crash with a message; without xenstore's port the guest still runs.
#[test]
fn a_stage_that_fails_is_a_crash_but_for_the_last() {
    for stage in Stage::ALL {
        for class in [Class::New, Class::InPlace] {
            for devices in 0..=MOST.min(2) {
                let fatal = Fatal { stage, errno: Some(Errno::EINVAL) };
                let mut sim = Sim::new(devices);
                sim.returns(class).fault(Fault::new(Action::Rebuild(class), Event::Rebuilt(Err(fatal))));
                let last = sim.suspend();
                if stage == Stage::Store {
                    assert_eq!(last, Action::Idle);
                    assert!(sim.all(Progress::Degraded));
                    assert_eq!((sim.count(Action::StoreUp(class)), sim.count(Action::Unfence)), (0, 1));
                } else {
                    assert_eq!((last, sim.coordinator.state()), (Action::Crash(fatal), State::Fatal));
                    assert_eq!((sim.run(), sim.count(Action::Release)), (Action::Crash(fatal), 0));
                }
            }
        }
    }
}

/// Nothing leads out of the crash.
#[test]
fn a_crash_is_the_end() {
    let fatal = Fatal { stage: Stage::Callback, errno: None };
    let mut sim = new(1);
    sim.fault(Fault::new(Action::Rebuild(Class::New), Event::Rebuilt(Err(fatal)))).suspend();
    for event in
        [Event::Word(ControlWord::Poweroff), Event::Channel, Event::Wake, Event::CallOff, Event::Finished, Event::Tick]
    {
        sim.tell(event);
        assert_eq!(sim.coordinator.poll(), Action::Crash(fatal));
    }
}

#[test]
fn a_wake_in_the_same_domain_undoes_the_dark() {
    let mut sim = Sim::new(2);
    sim.returns(Class::Frozen).tell(Event::Wake);
    assert_eq!(sim.run(), Action::Idle);
    let ending = Ending::Resumed(Resumed { class: Class::Frozen, blackout: Nanos::from_millis(4), degraded: 0 });
    let expected = [
        Action::Park,
        Action::EnterDark,
        Action::Probe,
        Action::LeaveDark(Class::Frozen),
        Action::Release,
        Action::Finish(ending),
        Action::ReadControl,
        Action::Idle,
    ];
    assert_eq!((&sim.trace[..], sim.epoch), (&expected[..], 0));
    assert!(sim.all(Progress::Running));
}

#[test]
fn a_wake_in_a_new_domain_rebuilds() {
    for devices in 0..=MOST.min(2) {
        let mut sim = new(devices);
        sim.tell(Event::Wake);
        assert_eq!(sim.run(), Action::Idle);
        let ending = Ending::Resumed(Resumed { class: Class::New, blackout: Nanos::from_millis(4), degraded: 0 });
        let mut expected = vec![Action::Park, Action::EnterDark, Action::Probe];
        expected.extend(way_anew(devices, Class::New, ending));
        expected.retain(|&action| action != Action::ThawOs);
        assert_eq!((sim.trace, sim.epoch, sim.calls), (expected, 1, 0));
    }
}

/// What was lost in the sleep is rebuilt however long it takes: no toolstack waits.
#[test]
fn a_wake_knows_no_deadline_but_that_of_the_rendezvous() {
    for action in [Action::Park, Action::EnterDark, Action::Probe] {
        let mut sim = new(1);
        sim.suspend();
        sim.fault(Fault::slow(action, Nanos::from_secs(100))).tell(Event::Wake);
        sim.run();
        assert_eq!((sim.epoch, sim.endings.len()), (2, 2));
        assert!(sim.all(Progress::Running));
    }
}

/// A wake is no request: to call it off would leave the guest with handles of a domain that may be gone.
#[test]
fn a_wake_cannot_be_called_off() {
    for step in 0..2 {
        let mut sim = new(1);
        sim.tell(Event::Wake);
        for _ in 0..step {
            sim.step();
        }
        sim.tell(Event::CallOff);
        sim.run();
        assert_eq!((sim.epoch, sim.aborted()), (1, None));
    }
}

#[test]
fn a_wake_whose_rendezvous_failed_can_be_repeated() {
    let mut sim = new(1);
    sim.fault(Fault::new(Action::Park, Event::Done(false))).tell(Event::Wake);
    sim.run();
    assert_eq!((sim.aborted(), sim.epoch), (Some(Abort::Park), 0));
    sim.tell(Event::Wake);
    sim.run();
    assert_eq!((sim.resumed().map(|resumed| resumed.class), sim.epoch), (Some(Class::New), 1));
}

#[test]
fn a_wake_while_busy_is_ignored() {
    let mut sim = Sim::new(1);
    sim.write(ControlWord::Suspend);
    for _ in 0..8 {
        sim.step();
        sim.tell(Event::Wake);
    }
    sim.run();
    assert_eq!((sim.calls, sim.endings.len(), sim.count(Action::Park)), (1, 1, 1));
}

/// I43: the next request comes while devices reconnect, and finds some of them degraded.
#[test]
fn the_next_request_may_come_at_once() {
    for class in [Class::Cancel, Class::New, Class::InPlace] {
        let mut sim = new(3);
        sim.fault(Fault::new(RESUME(2), PENDING).times(usize::MAX)).write(ControlWord::Suspend);
        sim.run_to(Action::Wait(Nanos::ZERO));
        sim.write(ControlWord::Suspend);
        sim.returns(class);
        assert_eq!(sim.run(), Action::Idle);
        assert_eq!((sim.calls, sim.endings.len()), (2, 2));
        // The degraded one was left as it was: neither prepared nor frozen nor thawed.
        assert_eq!(
            (sim.count(Action::Prepare(2)), sim.count(Action::Freeze(2)), sim.count(Action::Thaw(2, class))),
            (1, 1, 0)
        );
        assert_eq!(sim.progress(), [Progress::Running, Progress::Running, Progress::Degraded]);
    }
}

/// A degraded device comes back while the next request is under way: it is taken along, and so is never live in the blackout.
#[test]
fn a_device_that_recovers_on_the_way_in_is_frozen_too() {
    for store in [true, false] {
        for step in 0..if cfg!(miri) { 4 } else { 12 } {
            let mut sim = new(3);
            sim.strict = false;
            sim.fault(Fault::new(RESUME(1), NO)).suspend();
            sim.returns(Class::Cancel);
            if store {
                sim.write(ControlWord::Suspend)
            } else {
                sim.tell(Event::Channel)
            }
            for _ in 0..step {
                sim.step();
            }
            if sim.coordinator.state() == State::Fencing {
                // xenstore is about to close: from here on no device connects.
                break;
            }
            sim.tell(Event::Recovered(1));
            assert_eq!(sim.run(), Action::Idle);
            assert_eq!((sim.calls, sim.endings.len()), (2, 2));
            assert_eq!((sim.count(Action::Prepare(1)), sim.count(Action::Freeze(1))), (2, 2), "{store} {step}");
            assert!(sim.all(Progress::Running));
        }
    }
}

/// It refuses, now that it is back: undone like any other.
#[test]
fn a_device_that_recovers_and_refuses_is_undone() {
    for action in [Action::Prepare(1), Action::Freeze(1)] {
        for answer in [NO, PENDING] {
            let mut sim = new(3);
            sim.strict = false;
            sim.fault(Fault::new(RESUME(1), NO)).suspend();
            sim.faults.clear();
            sim.fault(Fault::new(action, answer).times(usize::MAX));
            sim.write(ControlWord::Suspend);
            sim.run_to(Action::Freeze(2));
            sim.tell(Event::Recovered(1));
            sim.run();
            let refused = Abort::Device(1, Refusal::Device);
            let why = if answer == NO { refused } else { Abort::Deadline(State::Freezing) };
            assert_eq!((sim.calls, sim.aborted()), (1, Some(why)));
            assert!(sim.all(Progress::Running));
        }
    }
}

#[test]
fn no_time_to_reconnect_is_a_limit_too() {
    let mut sim = Sim::with(2, Deadlines::default().with_dc(Nanos::ZERO));
    sim.returns(Class::New).suspend();
    assert!(sim.all(Progress::Degraded));
    assert!(sim.now < Nanos::from_secs(1001).after(MS));
}

/// I46: after any number of cycles the record is what it was at the start.
#[test]
fn a_hundred_mixed_cycles_leave_nothing_behind() {
    let classes = [Class::New, Class::Cancel, Class::InPlace, Class::Abort, Class::Cancel];
    let mut sim = Sim::new(3);
    let mut epoch = 0;
    for round in 0..if cfg!(miri) { 10 } else { 100 } {
        let class = classes[round % classes.len()];
        sim.returns(class).suspend();
        epoch += u32::from(class.rebuilds());
        assert_eq!((sim.calls, sim.epoch, sim.endings.len()), (round + 1, epoch, round + 1));
        assert!(sim.all(Progress::Running));
    }
    // As at the start in the next cycle too: exactly the same actions as of a coordinator that is new.
    let mut fresh = Sim::new(3);
    fresh.returns(Class::New).suspend();
    sim.trace.clear();
    sim.returns(Class::New).suspend();
    assert_eq!(sim.trace, fresh.trace);
    assert_eq!(sim.resumed(), fresh.resumed());
}
