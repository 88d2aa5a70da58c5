//! `control/shutdown`: what is served, what is only reported, and that no word is lost (I4, I5, I6).

mod support;

use support::{Fault, Sim, way_in};
use xen_suspend::{Abort, Ack, Action, ControlWord, Event, Refusal};

const STOPS: [ControlWord; 3] = [ControlWord::Poweroff, ControlWord::Halt, ControlWord::Reboot];
const REFUSED: Event = Event::Admitted(Err(Refusal::Policy));

/// I4: never acknowledged; and words that are served have no such near neighbours.
#[test]
fn junk_is_reported_and_stays_where_it_is() {
    let words: [&[u8]; 6] = [b"crash", b"s3", b"hibernate", b"Suspend", b"suspend\0", b"\xff\xfe"];
    for word in words.map(ControlWord::parse) {
        let mut sim = Sim::new(1);
        sim.write(word);
        assert_eq!(sim.run(), Action::Idle);
        assert_eq!(sim.trace, [Action::Report(word), Action::Idle]);
        assert_eq!(sim.node, word);
        // It does not stand in the way of what comes next.
        sim.suspend();
        assert_eq!(sim.calls, 1);
    }
}

#[test]
fn junk_that_came_while_busy_is_reported_when_all_is_over() {
    let junk = ControlWord::parse(b"s4");
    let mut sim = Sim::new(1);
    sim.write(ControlWord::Suspend);
    sim.run_to(Action::Call);
    sim.write(junk);
    sim.run();
    assert_eq!(sim.trace.iter().rev().nth(1), Some(&Action::Report(junk)));
}

/// A5: xen d4a37a51af, a migrated domain stopped because of the event of its own acknowledgement.
#[test]
fn events_for_nothing_do_nothing() {
    let mut sim = Sim::new(2);
    for _ in 0..3 {
        sim.write(ControlWord::Idle);
        assert_eq!(sim.run(), Action::Idle);
    }
    assert_eq!(sim.trace, [Action::Idle; 3]);
}

/// I6: at each step the event is told again, with what the node holds then.
#[test]
fn duplicates_at_each_step_make_no_second_call() {
    for step in 0..40 {
        let mut sim = Sim::new(2);
        sim.write(ControlWord::Suspend);
        for _ in 0..step {
            sim.step();
        }
        sim.tell(Event::Word(sim.node));
        sim.run();
        sim.tell(Event::Word(sim.node));
        assert_eq!(sim.run(), Action::Idle);
        assert_eq!((sim.calls, sim.endings.len()), (1, 1), "{step}");
    }
}

#[test]
fn a_stop_is_acknowledged_and_served() {
    for word in STOPS {
        let mut sim = Sim::new(1);
        sim.write(word);
        assert_eq!(sim.run(), Action::Stop(word));
        assert_eq!(sim.trace, [Action::Acknowledge(word), Action::Stop(word)]);
        assert_eq!(sim.node, ControlWord::Idle);
    }
}

/// The domain's end is answer enough.
#[test]
fn a_stop_that_cannot_be_acknowledged_is_served_too() {
    for word in STOPS {
        let mut sim = Sim::new(0);
        sim.fault(Fault::new(Action::Acknowledge(word), Event::Acknowledged(Ack::Denied)));
        sim.write(word);
        assert_eq!(sim.run(), Action::Stop(word));
        assert_eq!(sim.trace, [Action::Acknowledge(word), Action::Stop(word)]);
    }
}

/// The toolstack changed its mind before the acknowledgement: what it wants now is served.
#[test]
fn a_stop_that_was_changed_is_not_served() {
    for now in [ControlWord::Idle, ControlWord::Reboot, ControlWord::Suspend, ControlWord::parse(b"s3")] {
        let mut sim = Sim::new(1);
        sim.write(ControlWord::Poweroff);
        sim.node = now;
        let last = sim.run();
        assert_eq!(sim.count(Action::Stop(now)), usize::from(now == ControlWord::Reboot));
        assert_eq!(last == Action::Idle, now != ControlWord::Reboot);
        assert_eq!(sim.calls, usize::from(now == ControlWord::Suspend));
    }
}

/// The request is still ours to drop: the watch tells of the new word at each step before the acknowledgement.
#[test]
fn a_stop_before_the_acknowledgement_ends_the_suspend() {
    for word in STOPS {
        for step in 0..4 {
            let mut sim = Sim::new(2);
            sim.write(ControlWord::Suspend);
            for _ in 0..step {
                sim.step();
            }
            sim.write(word);
            assert_eq!(sim.run(), Action::Stop(word), "{step}");
            assert_eq!((sim.calls, sim.aborted()), (0, Some(Abort::WordChanged(word))));
        }
    }
}

/// I5: it is not served before the way back is done, and with no further event it is not lost.
#[test]
fn a_stop_while_busy_is_served_afterwards() {
    let steps = way_in(2).len();
    for raw in [1, 0, -22] {
        for step in 5..steps + 12 {
            for told in [false, true] {
                let mut sim = Sim::new(2);
                sim.raw = raw;
                sim.write(ControlWord::Suspend);
                for _ in 0..step {
                    sim.step();
                }
                if sim.coordinator.poll() == Action::Idle {
                    continue;
                }
                sim.node = ControlWord::Reboot;
                if told {
                    sim.tell(Event::Word(sim.node));
                }
                assert_eq!(sim.run(), Action::Stop(ControlWord::Reboot), "{raw} {step} {told}");
                assert_eq!(sim.endings.len(), 1);
            }
        }
    }
}

#[test]
fn a_suspend_while_stopping_is_ignored() {
    for event in [Event::Word(ControlWord::Suspend), Event::Channel, Event::Wake, Event::CallOff] {
        let mut sim = Sim::new(1);
        sim.write(ControlWord::Poweroff);
        sim.tell(event);
        assert_eq!(sim.run(), Action::Stop(ControlWord::Poweroff));
        sim.tell(event);
        assert_eq!(sim.run(), Action::Stop(ControlWord::Poweroff));
        assert_eq!(sim.count(Action::Admit), 0);
    }
}

/// A word that comes while busy is a request of its own.
#[test]
fn a_second_suspend_while_busy_is_served_afterwards() {
    for raw in [1, 0] {
        let mut sim = Sim::new(2);
        sim.raw = raw;
        sim.write(ControlWord::Suspend);
        sim.run_to(Action::Release);
        sim.write(ControlWord::Suspend);
        assert_eq!(sim.run(), Action::Idle);
        assert_eq!((sim.calls, sim.endings.len(), sim.node), (2, 2, ControlWord::Idle));
    }
}

/// A policy that always says no is asked once for each write, not in a circle.
#[test]
fn a_refused_request_is_not_served_again_by_itself() {
    let mut sim = Sim::new(2);
    sim.fault(Fault::new(Action::Admit, REFUSED).times(usize::MAX));
    for round in 1..=3 {
        sim.suspend();
        assert_eq!(sim.count(Action::Admit), round);
        assert_eq!(sim.run(), Action::Idle);
        assert_eq!((sim.count(Action::Admit), sim.node), (round, ControlWord::Suspend), "I8");
    }
}

/// The toolstack gives up and asks again while the refusal is still under way: that is a new request.
#[test]
fn a_request_renewed_during_its_refusal_is_served() {
    let mut sim = Sim::new(1);
    sim.fault(Fault::new(Action::Admit, REFUSED)).write(ControlWord::Suspend);
    sim.run_to(Action::ReadControl);
    sim.write(ControlWord::Idle);
    sim.write(ControlWord::Suspend);
    sim.run();
    assert_eq!((sim.calls, sim.count(Action::Admit)), (1, 2));
}

/// "suspend" again after a conflict: it is the same request, and it is acknowledged in another round.
#[test]
fn a_conflict_over_the_same_word_is_tried_again() {
    let again = Event::Acknowledged(Ack::Changed(ControlWord::Suspend));
    let mut sim = Sim::new(1);
    sim.fault(Fault::new(Action::Acknowledge(ControlWord::Suspend), again).times(5)).suspend();
    assert_eq!((sim.calls, sim.endings.len()), (1, 1));
}

/// The node cannot be read at the end: what the last event said stands in.
#[test]
fn a_node_that_cannot_be_read_loses_no_word() {
    for (word, last) in
        [(ControlWord::Poweroff, Action::Stop(ControlWord::Poweroff)), (ControlWord::Idle, Action::Idle)]
    {
        let mut sim = Sim::new(1);
        sim.fault(Fault::new(Action::ReadControl, Event::Control(None)).skip(1));
        sim.write(ControlWord::Suspend);
        sim.run_to(Action::Release);
        sim.write(ControlWord::Reboot);
        sim.write(word);
        assert_eq!(sim.run(), last);
    }
}
