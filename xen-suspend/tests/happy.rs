//! Whole cycles in which nothing fails: the states of the table and the exact actions, for each class of resume.

mod support;

use support::{MOST, MS, SAME, Sim, way_anew, way_back, way_in};
use xen_hypercall::{Errno, Nanos};
use xen_suspend::{Abort, Action, Class, Ending, Progress, Resumed, State, Witness, Witnesses};

const UP_TO_THE_CALL: [State; 8] = [
    State::Requested,
    State::Preparing,
    State::Acked,
    State::Freezing,
    State::Fencing,
    State::Rendezvous,
    State::Dark,
    State::InCall,
];

fn ended(class: Class, blackout: u64) -> Ending {
    Ending::Resumed(Resumed { class, blackout: Nanos::from_millis(blackout), degraded: 0 })
}

fn cycle(devices: usize, class: Class) -> Sim {
    let mut sim = Sim::new(devices);
    sim.returns(class).suspend();
    assert_eq!(sim.calls, 1, "I6");
    assert!(sim.all(Progress::Running));
    sim
}

fn states(rest: &[State]) -> Vec<State> {
    [&UP_TO_THE_CALL, rest].concat()
}

/// I18: nothing is bound, registered, connected or published, and xenstore sees the one read.
#[test]
fn a_checkpoint_undoes_in_the_reverse_order_and_redoes_nothing() {
    for devices in 0..=MOST {
        let sim = cycle(devices, Class::Cancel);
        let expected = [way_in(devices), way_back(devices, Class::Cancel, ended(Class::Cancel, 3))].concat();
        assert_eq!(sim.trace, expected);
        assert_eq!(
            sim.states,
            states(&[State::Return, State::Releasing, State::StoreUp, State::Settling, State::Running])
        );
        assert_eq!(sim.epoch, 0);
    }
}

#[test]
fn a_new_domain_is_rebuilt_before_anything_else() {
    for devices in 1..=MOST {
        let sim = cycle(devices, Class::New);
        let back = way_anew(devices, Class::New, ended(Class::New, 4));
        assert_eq!(sim.trace, [way_in(devices), vec![Action::Probe], back].concat());
        let rest = [
            State::Classify,
            State::Rebuild,
            State::Releasing,
            State::StoreUp,
            State::Reconnecting,
            State::Settling,
            State::Running,
        ];
        assert_eq!(sim.states, states(&rest));
        assert_eq!(sim.epoch, 1);
    }
}

#[test]
fn a_guest_without_devices_comes_back_in_a_new_domain_too() {
    let sim = cycle(0, Class::New);
    let back = way_anew(0, Class::New, ended(Class::New, 4));
    assert_eq!(sim.trace, [way_in(0), vec![Action::Probe], back].concat());
}

#[test]
fn the_same_domain_told_as_new_is_rebuilt_as_in_place() {
    for devices in 0..=MOST {
        let sim = cycle(devices, Class::InPlace);
        let back = way_anew(devices, Class::InPlace, ended(Class::InPlace, 4));
        assert_eq!(sim.trace, [way_in(devices), vec![Action::Probe], back].concat());
        assert_eq!(sim.epoch, 1);
    }
}

/// A call that fails is a cancel that the toolstack knows nothing of, and it is reported as what it is.
#[test]
fn a_call_that_fails_changes_nothing() {
    for devices in 0..=MOST {
        let sim = cycle(devices, Class::Abort);
        let ending = Ending::Aborted(Abort::Call(Errno::EINVAL));
        assert_eq!(sim.trace, [way_in(devices), way_back(devices, Class::Abort, ending)].concat());
        assert_eq!(sim.endings, [ending]);
    }
}

/// A result that nobody defines says nothing: the witnesses decide.
#[test]
fn an_unknown_result_asks_the_witnesses() {
    for raw in [0, 2, 7, isize::MAX] {
        for (witnesses, class) in [(SAME, Class::InPlace), (support::NEW, Class::New)] {
            let mut sim = Sim::new(1);
            (sim.raw, sim.witnesses) = (raw, witnesses);
            sim.suspend();
            assert_eq!(sim.resumed().unwrap().class, class, "{raw}");
            assert_eq!(sim.count(Action::Probe), 1);
        }
    }
}

/// I20: as long as no witness says "new", one that says "same" is enough; in doubt the domain is new.
#[test]
fn witnesses_that_disagree_mean_new() {
    use Witness::{New, Same, Silent};
    let told = [
        (Same, Same, Class::InPlace),
        (Same, Silent, Class::InPlace),
        (Silent, Same, Class::InPlace),
        (Same, New, Class::New),
        (New, Same, Class::New),
        (Silent, Silent, Class::New),
    ];
    for (canary, callback, class) in told {
        let mut sim = Sim::new(1);
        (sim.raw, sim.witnesses) = (0, Witnesses { canary, callback });
        sim.suspend();
        assert_eq!(sim.resumed().unwrap().class, class, "{canary:?} {callback:?}");
    }
}

#[test]
fn the_blackout_leaves_the_call_itself_out() {
    let mut sim = Sim::new(2);
    sim.fault(support::Fault::slow(Action::Call, Nanos::from_secs(300))).suspend();
    assert_eq!(sim.resumed().unwrap().blackout, Nanos::from_millis(3));
    assert!(sim.now > Nanos::from_secs(1300) && MS < Nanos::from_millis(4));
}
