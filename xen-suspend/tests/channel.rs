//! Requests by the suspend event channel: no acknowledgement, and a deadline that counts from the signal (E2, E3).

mod support;

use support::{Fault, MOST, MS, PENDING, Sim, way_in};
use xen_hypercall::Nanos;
use xen_suspend::{Abort, Ack, Action, Class, ControlWord, Event, Progress, Refusal, State};

const SECOND: Nanos = Nanos::from_secs(1);
const REFUSED: Event = Event::Admitted(Err(Refusal::Policy));

#[test]
fn a_signal_is_served_without_an_acknowledgement() {
    for devices in 0..=MOST {
        let mut sim = Sim::new(devices);
        sim.tell(Event::Channel);
        assert_eq!(sim.run(), Action::Idle);
        let mut way = way_in(devices);
        way.retain(|action| !matches!(action, Action::Acknowledge(_)));
        assert_eq!(sim.trace[..way.len()], way);
        assert_eq!((sim.calls, sim.endings.len()), (1, 1));
        assert!(sim.all(Progress::Running));
    }
}

/// All devices are degraded: there is none to prepare, and the request is served.
#[test]
fn a_signal_is_served_with_degraded_devices_only() {
    let mut sim = Sim::new(2);
    sim.returns(Class::New).fault(Fault::new(Action::StoreUp(Class::New), Event::Done(false)).times(usize::MAX));
    sim.suspend();
    assert!(sim.all(Progress::Degraded));
    sim.faults.clear();
    sim.tell(Event::Channel);
    sim.run();
    assert_eq!((sim.calls, sim.endings.len()), (2, 2));
    assert!(sim.all(Progress::Running));
}

/// I2: the toolstack's clock runs from the signal, however long the guest prepares.
#[test]
fn the_deadline_counts_from_the_signal() {
    let mut sim = Sim::new(1);
    sim.fault(Fault::slow(Action::Prepare(0), Nanos::from_secs(15)));
    sim.fault(Fault::slow(Action::FreezeOs, Nanos::from_secs(31)));
    sim.tell(Event::Channel);
    sim.run();
    assert_eq!((sim.calls, sim.aborted()), (0, Some(Abort::Deadline(State::Acked))));
}

#[test]
fn a_device_that_prepares_for_ever_ends_the_request() {
    let mut sim = Sim::new(2);
    sim.fault(Fault::new(Action::Prepare(1), PENDING).times(usize::MAX));
    sim.tell(Event::Channel);
    sim.run();
    assert_eq!((sim.calls, sim.aborted()), (0, Some(Abort::Deadline(State::Preparing))));
    let mut sim = Sim::new(2);
    sim.fault(Fault::slow(Action::Prepare(1), sim.deadlines.d0()));
    sim.tell(Event::Channel);
    sim.run();
    assert_eq!((sim.calls, sim.aborted()), (0, Some(Abort::Deadline(State::Preparing))));
}

/// I6: repeated signals before the call are the same request: nobody would wait for a second call.
#[test]
fn signals_before_the_call_are_one_request() {
    for class in [Class::Cancel, Class::New, Class::InPlace] {
        for store in [false, true] {
            for step in 1..way_in(2).len() {
                let mut sim = Sim::new(2);
                sim.returns(class);
                if store {
                    sim.write(ControlWord::Suspend)
                } else {
                    sim.tell(Event::Channel)
                }
                for _ in 0..step {
                    sim.step();
                }
                if sim.calls > 0 {
                    continue;
                }
                sim.tell(Event::Channel);
                assert_eq!(sim.run(), Action::Idle);
                assert_eq!((sim.calls, sim.endings.len()), (1, 1), "{class} {store} {step}");
            }
        }
    }
}

/// A signal after the call is the next request: it is kept until the guest is back.
#[test]
fn a_signal_on_the_way_back_is_served_afterwards() {
    for way in [Action::LeaveDark(Class::Cancel), Action::Release, Action::Unfence, Action::ThawOs, Action::ReadControl]
    {
        let mut sim = Sim::new(2);
        sim.tell(Event::Channel);
        sim.run_to(Action::Call);
        sim.step();
        sim.run_to(way);
        sim.tell(Event::Channel);
        assert_eq!(sim.run(), Action::Idle);
        assert_eq!((sim.calls, sim.endings.len()), (2, 2), "{way:?}");
    }
}

/// The signal came during an operation that failed: the toolstack still waits, and is served.
#[test]
fn a_signal_during_a_failed_operation_is_served_afterwards() {
    let mut sim = Sim::new(2);
    sim.fault(Fault::new(Action::Acknowledge(ControlWord::Suspend), Event::Acknowledged(Ack::Denied)));
    sim.write(ControlWord::Suspend);
    sim.step();
    sim.tell(Event::Channel);
    assert_eq!(sim.run(), Action::Idle);
    assert_eq!((sim.calls, sim.endings.len(), sim.node), (1, 2, ControlWord::Suspend));
}

/// Kept too long: nobody waits any more, and a call would last for ever.
#[test]
fn a_signal_that_was_kept_too_long_is_dropped() {
    for (slow, calls) in [(46, 0), (30, 1)] {
        let mut sim = Sim::new(0);
        sim.fault(Fault::slow(Action::ThawOs, Nanos::from_secs(slow)));
        sim.fault(Fault::new(Action::Fence, Event::Done(false)));
        sim.write(ControlWord::Suspend);
        sim.step();
        sim.tell(Event::Channel);
        assert_eq!(sim.run(), Action::Idle);
        assert_eq!((sim.calls, sim.endings.len()), (calls, 1 + calls), "{slow}");
    }
}

/// What is left of a kept signal's time is all that its operation gets.
#[test]
fn a_kept_signal_keeps_its_deadline() {
    let mut sim = Sim::new(0);
    sim.fault(Fault::slow(Action::ThawOs, SECOND.after(SECOND)));
    sim.fault(Fault::slow(Action::FreezeOs, Nanos::from_secs(43)).skip(1));
    sim.tell(Event::Channel);
    sim.run_to(Action::ThawOs);
    sim.tell(Event::Channel);
    sim.run();
    assert_eq!((sim.calls, sim.aborted()), (1, Some(Abort::Deadline(State::Acked))));
}

/// The port belongs to the old domain: nobody in the new one has signalled anything.
#[test]
fn a_signal_of_the_old_domain_is_not_served_in_the_new_one() {
    let mut sim = Sim::new(1);
    sim.tell(Event::Wake);
    sim.tell(Event::Channel);
    assert_eq!(sim.run(), Action::Idle);
    assert_eq!((sim.calls, sim.epoch, sim.count(Action::Admit)), (0, 1, 0));
}

/// It came while a stop was being acknowledged, which the toolstack withdrew.
#[test]
fn a_signal_during_a_withdrawn_stop_is_served() {
    let mut sim = Sim::new(1);
    sim.write(ControlWord::Poweroff);
    sim.node = ControlWord::Idle;
    sim.tell(Event::Channel);
    assert_eq!(sim.run(), Action::Idle);
    assert_eq!((sim.calls, sim.endings.len()), (1, 1));
    // And it is not served a second time after the next operation.
    sim.suspend();
    assert_eq!((sim.calls, sim.endings.len()), (2, 2));
}

/// A request by the node that was refused stays refused, whatever becomes of one by the channel.
#[test]
fn a_refusal_outlives_a_request_by_channel() {
    let mut sim = Sim::new(1);
    sim.fault(Fault::new(Action::Admit, REFUSED).times(2)).suspend();
    sim.now = sim.now.after(MS);
    sim.tell(Event::Channel);
    assert_eq!(sim.run(), Action::Idle);
    assert_eq!((sim.count(Action::Admit), sim.calls, sim.node), (2, 0, ControlWord::Suspend));
}

/// In a new domain the node is another one: the word in it was refused by nobody.
#[test]
fn a_refusal_does_not_follow_into_a_new_domain() {
    let mut sim = Sim::new(1);
    sim.returns(Class::New).fault(Fault::new(Action::Admit, REFUSED)).suspend();
    sim.tell(Event::Channel);
    assert_eq!(sim.run(), Action::Idle);
    assert_eq!((sim.calls, sim.endings.len(), sim.node), (2, 3, ControlWord::Idle));
}

/// The word is found before the fence: it is served instead, and the toolstack's signal comes to nothing.
#[test]
fn a_stop_goes_before_a_signal() {
    let mut sim = Sim::new(1);
    sim.node = ControlWord::Poweroff;
    sim.tell(Event::Channel);
    assert_eq!(sim.run(), Action::Stop(ControlWord::Poweroff));
    assert_eq!(sim.calls, 0);
}
