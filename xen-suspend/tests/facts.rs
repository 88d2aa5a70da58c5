//! Facts may come at any time, also while an action is being done: then they take effect after its answer, so that no effect
//! of an action is forgotten and none is lost. Answers that do not fit are ignored.

mod support;

use support::{Fault, MOST, MS, NO, OK, PENDING, SAME, Sim, way_in};
use xen_hypercall::Nanos;
use xen_suspend::{Abort, Ack, Action, Class, ControlWord, Event, Progress, State};

/// Does the next action, with `event` coming in the middle of it.
fn step_with(sim: &mut Sim, event: Event) {
    let action = sim.coordinator.poll();
    let answer = sim.perform(action);
    sim.tell(event);
    if let Some(answer) = answer {
        sim.tell(answer);
    }
}

/// Each action of the way in is being done when the operation is called off: what it took is given back as well.
#[test]
fn what_is_taken_while_called_off_is_given_back() {
    for devices in 0..=MOST.min(2) {
        for (step, action) in way_in(devices).into_iter().enumerate() {
            let mut sim = Sim::new(devices);
            sim.write(ControlWord::Suspend);
            for _ in 0..step {
                sim.step();
            }
            step_with(&mut sim, Event::CallOff);
            assert_eq!(sim.run(), Action::Idle);
            let called = action == Action::Call;
            assert_eq!(sim.calls, usize::from(called));
            assert_eq!(sim.aborted(), (!called).then_some(Abort::Cancelled), "{action:?}");
            assert!(sim.all(Progress::Running));
        }
    }
}

#[test]
fn a_device_that_prepares_while_the_word_changes_is_unprepared() {
    let mut sim = Sim::new(2);
    sim.write(ControlWord::Suspend);
    sim.run_to(Action::Prepare(1));
    let action = sim.coordinator.poll();
    let answer = sim.perform(action).unwrap();
    sim.write(ControlWord::Poweroff);
    sim.tell(answer);
    assert_eq!(sim.run(), Action::Stop(ControlWord::Poweroff));
    assert_eq!(sim.count(Action::Unprepare(1)), 1);
}

/// The event of our own acknowledgement may come before the answer: the request is accepted all the same.
#[test]
fn the_event_of_the_acknowledgement_may_come_before_it() {
    let mut sim = Sim::new(1);
    sim.write(ControlWord::Suspend);
    sim.run_to(Action::Acknowledge(ControlWord::Suspend));
    step_with(&mut sim, Event::Word(ControlWord::Idle));
    sim.run();
    assert_eq!((sim.calls, sim.aborted()), (1, None));
}

/// I5: the read found nothing, then the word was written, and its event comes before the answer of the read.
#[test]
fn a_word_written_right_after_the_last_read_is_not_lost() {
    let mut sim = Sim::new(1);
    sim.write(ControlWord::Suspend);
    sim.run_to(Action::Call);
    sim.run_to(Action::ReadControl);
    let answer = sim.perform(Action::ReadControl).unwrap();
    sim.write(ControlWord::Poweroff);
    sim.tell(answer);
    assert_eq!(sim.run(), Action::Stop(ControlWord::Poweroff));
}

/// The same for a stop that the toolstack withdrew, to ask for a suspend at once.
#[test]
fn a_word_written_right_after_a_withdrawn_stop_is_not_lost() {
    let mut sim = Sim::new(1);
    sim.write(ControlWord::Poweroff);
    sim.node = ControlWord::Idle;
    let answer = sim.perform(Action::Acknowledge(ControlWord::Poweroff)).unwrap();
    sim.write(ControlWord::Suspend);
    sim.tell(answer);
    assert_eq!((sim.run(), sim.calls), (Action::Idle, 1));
}

/// The answer is about the device that was asked, even if another comes back meanwhile.
#[test]
fn a_device_that_recovers_does_not_take_the_answer_of_another() {
    for action in [Action::Prepare(2), Action::Freeze(2)] {
        let mut sim = Sim::new(3);
        sim.strict = false;
        sim.returns(Class::New).fault(Fault::new(Action::Resume(0, Class::New), NO)).suspend();
        sim.write(ControlWord::Suspend);
        sim.run_to(action);
        step_with(&mut sim, Event::Recovered(0));
        sim.run();
        assert_eq!((sim.calls, sim.count(Action::Prepare(2)), sim.count(Action::Freeze(2))), (2, 2, 2));
        assert!(sim.all(Progress::Running));
    }
}

/// It connects in the very moment in which it is given up.
#[test]
fn a_device_that_recovers_while_it_is_degraded_is_not_lost() {
    let mut sim = Sim::new(1);
    sim.returns(Class::New).fault(Fault::new(Action::Resume(0, Class::New), PENDING).times(usize::MAX));
    sim.write(ControlWord::Suspend);
    sim.run_to(Action::Degrade(0));
    step_with(&mut sim, Event::Recovered(0));
    sim.run();
    assert_eq!(sim.progress(), [Progress::Running]);
}

/// A fact that comes late moves no deadline between a question and its answer.
#[test]
fn a_fact_after_the_deadline_does_not_change_what_was_asked() {
    let mut sim = Sim::new(2);
    sim.returns(Class::New).write(ControlWord::Suspend);
    sim.run_to(Action::Resume(0, Class::New));
    sim.now = sim.now.after(sim.deadlines.dc());
    sim.tell(Event::Word(ControlWord::Idle));
    assert_eq!(sim.coordinator.poll(), Action::Resume(0, Class::New));
    sim.run();
    assert_eq!(sim.progress(), [Progress::Running, Progress::Degraded]);
}

/// A word that is not served comes while another is being reported: both are reported.
#[test]
fn no_report_is_lost() {
    let words = [ControlWord::parse(b"s3"), ControlWord::parse(b"s4")];
    let mut sim = Sim::new(0);
    sim.write(words[0]);
    assert_eq!(sim.coordinator.poll(), Action::Report(words[0]));
    step_with(&mut sim, Event::Word(words[1]));
    sim.run();
    assert_eq!(sim.trace, [Action::Report(words[0]), Action::Report(words[1]), Action::Idle]);
}

fn answers() -> [Event; 15] {
    [
        Event::Admitted(Ok(())),
        OK,
        NO,
        Event::Acknowledged(Ack::Committed),
        Event::Acknowledged(Ack::Denied),
        Event::OsFrozen(Ok(())),
        Event::Control(Some(ControlWord::Idle)),
        Event::Control(Some(ControlWord::Poweroff)),
        Event::Done(true),
        Event::Done(false),
        Event::Returned(0),
        Event::Probed(SAME),
        Event::Rebuilt(Ok(())),
        Event::Tick,
        Event::Finished,
    ]
}

/// At each step every answer to another question is handed in first: the run is the same as without.
#[test]
fn answers_that_do_not_fit_are_ignored() {
    use core::mem::discriminant;
    for class in [Class::Cancel, Class::New, Class::Abort] {
        let mut plain = Sim::new(2);
        let mut sim = Sim::new(2);
        for sim in [&mut plain, &mut sim] {
            sim.returns(class).fault(Fault::new(Action::Prepare(1), PENDING).times(2));
            sim.fault(Fault::new(Action::Resume(0, Class::New), PENDING).times(2));
            sim.write(ControlWord::parse(b"junk"));
            sim.run();
            sim.write(ControlWord::Suspend);
        }
        plain.run();
        loop {
            let action = sim.coordinator.poll();
            let fits = sim.benign(action).as_ref().map(discriminant);
            for answer in answers().into_iter().filter(|answer| Some(discriminant(answer)) != fits) {
                sim.tell(answer);
                assert_eq!(sim.coordinator.poll(), action, "{answer:?}");
            }
            if sim.step() == Action::Idle {
                break;
            }
        }
        assert_eq!((sim.trace, sim.endings), (plain.trace, plain.endings));
    }
}

/// The second answer of an acknowledgement is no second acknowledgement.
#[test]
fn an_answer_given_twice_counts_once() {
    let mut sim = Sim::new(0);
    sim.write(ControlWord::Suspend);
    sim.run_to(Action::Acknowledge(ControlWord::Suspend));
    sim.step();
    let until = sim.coordinator.until();
    sim.now = sim.now.after(Nanos::from_secs(9)).after(MS);
    sim.tell(Event::Acknowledged(Ack::Committed));
    sim.tell(Event::Acknowledged(Ack::Changed(ControlWord::Poweroff)));
    assert_eq!((sim.coordinator.state(), sim.coordinator.until()), (State::Acked, until));
}

/// It comes back during the last read before the fence: it is frozen first, and the node is read once more.
#[test]
fn a_device_that_recovers_right_before_the_fence_is_frozen() {
    let mut sim = Sim::new(2);
    sim.strict = false;
    sim.returns(Class::New).fault(Fault::new(Action::Resume(0, Class::New), NO)).suspend();
    sim.write(ControlWord::Suspend);
    sim.run_to(Action::ReadControl);
    step_with(&mut sim, Event::Recovered(0));
    assert_eq!(sim.coordinator.poll(), Action::Prepare(0));
    sim.run();
    assert_eq!((sim.calls, sim.count(Action::Freeze(0)), sim.count(Action::ReadControl)), (2, 2, 5));
}

/// Too late to be frozen: it is no part of this suspend, and counts again as soon as xenstore is open.
#[test]
fn a_device_that_recovers_within_the_fence_counts_afterwards() {
    for action in [Action::Fence, Action::Park, Action::EnterDark] {
        for class in [Class::Cancel, Class::Abort, Class::New] {
            let mut sim = Sim::new(2);
            sim.returns(Class::New).fault(Fault::new(Action::Resume(0, Class::New), NO)).suspend();
            sim.returns(class).write(ControlWord::Suspend);
            sim.run_to(action);
            step_with(&mut sim, Event::Recovered(0));
            sim.run();
            assert_eq!((sim.calls, sim.count(Action::Freeze(0))), (2, 1));
            assert!(sim.all(Progress::Running));
        }
    }
}
