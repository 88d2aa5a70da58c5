//! The runner: which hooks it calls, in which order, and what it keeps in its hands meanwhile.
#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

mod fake;

use fake::{AWAY, Do, NEW, SAME, World, run, run_on};
use xen_hypercall::Nanos;
use xen_suspend::{
    Abort, Class, ControlWord, Deadlines, DeviceSlot, Ending, Event, Fatal, Outcome, Refusal, Stage, State,
    SuspendCoordinator,
};

const WAY_IN: [&str; 17] = [
    "admit",
    "prepare 0",
    "prepare 1",
    "acknowledge suspend",
    "freeze os",
    "freeze 0",
    "freeze 1",
    "read",
    "fence",
    "park",
    "gate off",
    "harvest 0",
    "harvest 1",
    "A pre",
    "B pre",
    "pre",
    "call",
];

fn suspend(world: &std::rc::Rc<World>) -> Outcome {
    world.write(ControlWord::Suspend);
    run(world, 2, Do::Run)
}

fn after_the_call(world: &World) -> Vec<String> {
    let log = world.log.borrow();
    assert_eq!(log[..WAY_IN.len()], WAY_IN);
    log[WAY_IN.len()..].to_vec()
}

/// All stages of both services in their order, in the epoch that follows.
fn rebuilds(class: Class) -> Vec<String> {
    let all = Stage::ALL.iter().flat_map(|stage| ["A", "B"].map(|name| (stage, name)));
    all.map(|(stage, name)| format!("{name} rebuild {stage:?} {class} at epoch 1")).collect()
}

#[test]
fn a_checkpoint_undoes_the_dark_in_the_reverse_order() {
    let world = World::new();
    assert_eq!(suspend(&world), Outcome::Idle);
    let expected = [
        "post cancel at epoch 0",
        "B cancel",
        "A cancel",
        "release",
        "gate restore",
        "unfence",
        "thaw 1 cancel",
        "thaw 0 cancel",
        "thaw os",
        "unprepare 1",
        "unprepare 0",
        "admission back",
        "read",
    ];
    assert_eq!(after_the_call(&world), expected);
}

#[test]
fn a_call_that_fails_undoes_the_dark_too() {
    let world = World::new();
    world.raw.set(-38);
    assert_eq!(suspend(&world), Outcome::Idle);
    assert_eq!(after_the_call(&world)[..4], ["post abort at epoch 0", "B cancel", "A cancel", "release"]);
    assert!(matches!(world.ends.borrow()[..], [(Ending::Aborted(Abort::Call(errno)), _)] if errno.raw() == -38));
}

/// The epoch is over before anything is made anew; all stages, each of all services, in their order; no `cancel`.
#[test]
fn a_new_context_is_rebuilt_stage_by_stage() {
    for (witnesses, class) in [(NEW, Class::New), (SAME, Class::InPlace)] {
        let world = World::new();
        world.raw.set(0);
        world.witnesses.set(witnesses);
        assert_eq!(suspend(&world), Outcome::Idle);
        let mut expected = vec!["probe".to_owned(), format!("post {class} at epoch 1")];
        expected.extend(rebuilds(class));
        expected.extend(["release", "gate restore"].map(str::to_owned));
        expected.extend([format!("store up {class}"), format!("resume 0 {class}"), format!("resume 1 {class}")]);
        expected.extend([format!("publish {class}"), "thaw os".into(), "admission back".into(), "read".into()]);
        assert_eq!(after_the_call(&world), expected);
        assert_eq!(world.epoch.now().to_string(), "1");
    }
}

#[test]
fn the_gate_is_closed_once_and_opened_once() {
    for (raw, witnesses) in [(1, SAME), (0, NEW), (0, SAME), (-1, SAME)] {
        let world = World::new();
        world.raw.set(raw);
        world.witnesses.set(witnesses);
        for round in 1..=3 {
            suspend(&world);
            assert_eq!((world.count("gate off"), world.count("gate restore")), (round, round));
            assert_eq!((world.count("admission back"), world.off.get()), (round, false));
            assert_eq!((world.holds.get(), world.held.get()), (round, false));
        }
    }
}

/// One advance for each new context, none for a cancel.
#[test]
fn epochs_count_contexts() {
    let world = World::new();
    let mut slots = [DeviceSlot::new(); 2];
    let mut coordinator = SuspendCoordinator::new(&mut slots, Deadlines::default());
    let mut epoch = 0;
    for round in 0..20 {
        let rebuilt = round % 3 != 0;
        world.raw.set(isize::from(!rebuilt));
        world.witnesses.set(if round % 2 == 0 { NEW } else { SAME });
        epoch += u32::from(rebuilt);
        world.write(ControlWord::Suspend);
        assert_eq!(run_on(&mut coordinator, &world, 2, Do::Run), Outcome::Idle);
        assert_eq!(world.epoch.now().to_string(), epoch.to_string());
    }
    assert_eq!(world.ends.borrow().len(), 20);
}

#[test]
fn the_observer_sees_every_state() {
    let world = World::new();
    world.raw.set(0);
    suspend(&world);
    let expected = [
        State::Requested,
        State::Preparing,
        State::Acked,
        State::Freezing,
        State::Fencing,
        State::Rendezvous,
        State::Dark,
        State::InCall,
        State::Classify,
        State::Rebuild,
        State::Releasing,
        State::StoreUp,
        State::Reconnecting,
        State::Settling,
        State::Running,
    ];
    assert_eq!(world.states.borrow()[..], expected);
    let world = World::new();
    run(&world, 0, Do::Wake);
    assert_eq!(world.states.borrow()[..2], [State::Rendezvous, State::Dark]);
}

/// From the dark to the end, by the time of day: the time in the call is in it, though no clock of the guest ran.
#[test]
fn the_time_away_is_told() {
    let world = World::new();
    suspend(&world);
    let (ending, away) = world.ends.borrow()[0];
    let away = away.unwrap();
    assert!(away >= AWAY && away < AWAY.after(Nanos::from_secs(1)), "{away:?}");
    assert!(matches!(ending, Ending::Resumed(resumed) if resumed.blackout < Nanos::from_secs(1)));
}

#[test]
fn the_time_away_is_not_guessed() {
    let world = World::new();
    world.wall.set(None);
    suspend(&world);
    assert_eq!(world.ends.borrow()[0].1, None);
    // Never in the dark: never away. And what an earlier operation left is not used.
    let world = World::new();
    world.parks.set(false);
    suspend(&world);
    assert_eq!(world.ends.borrow()[..], [(Ending::Aborted(Abort::Park), None)]);
}

#[test]
fn a_refusal_touches_nothing() {
    let world = World::new();
    world.admit.set(Err(Refusal::Busy));
    assert_eq!(suspend(&world), Outcome::Idle);
    assert_eq!(world.log.borrow()[..], ["admit", "admission back", "read"]);
    assert_eq!(world.node.get(), ControlWord::Suspend);
}

/// Processors that came to the barrier are released; interrupts were never off.
#[test]
fn a_rendezvous_that_fails_is_undone() {
    let world = World::new();
    world.parks.set(false);
    suspend(&world);
    assert_eq!((world.count("release"), world.count("gate off"), world.count("gate restore")), (1, 0, 0));
    assert_eq!((world.count("unfence"), world.count("call")), (1, 0));
}

#[test]
fn words_lead_to_their_outcome() {
    for word in [ControlWord::Poweroff, ControlWord::Halt, ControlWord::Reboot] {
        let world = World::new();
        world.write(word);
        assert_eq!(run(&world, 1, Do::Run), Outcome::Stop(word));
        assert_eq!(world.log.borrow()[..], [format!("acknowledge {word}")]);
    }
    let world = World::new();
    world.write(ControlWord::parse(b"s3"));
    assert_eq!(run(&world, 1, Do::Run), Outcome::Idle);
    assert_eq!(world.log.borrow()[..], ["unknown s3"]);
    assert_eq!((run(&world, 1, Do::Run), world.log.borrow().len()), (Outcome::Idle, 1));
}

/// The word comes while a device prepares: the wait hears of it.
#[test]
fn a_wait_hears_of_a_new_word() {
    let world = World::new();
    world.pending.set(u32::MAX);
    world.meanwhile.borrow_mut().extend([ControlWord::Suspend, ControlWord::Poweroff]);
    assert_eq!(suspend(&world), Outcome::Stop(ControlWord::Poweroff));
    assert_eq!((world.count("wait"), world.count("call"), world.count("unprepare 0")), (2, 0, 1));
}

#[test]
fn a_device_that_is_never_done_is_waited_for_until_the_deadline() {
    let world = World::new();
    world.pending.set(u32::MAX);
    let start = world.now.get();
    assert_eq!(suspend(&world), Outcome::Idle);
    let spent = world.now.get().since(start);
    assert!(spent >= Nanos::from_secs(20) && spent < Nanos::from_secs(21), "{spent:?}");
}

#[test]
fn a_stage_that_fails_crashes_in_the_dark() {
    for stage in Stage::ALL {
        let world = World::new();
        world.raw.set(0);
        let fatal = Fatal { stage, errno: None };
        world.fatal.set(Some(fatal));
        let outcome = suspend(&world);
        if stage == Stage::Store {
            assert_eq!(outcome, Outcome::Idle);
            assert_eq!((world.count("unfence"), world.count("store up new"), world.count("degrade 1")), (1, 0, 1));
        } else {
            assert_eq!(outcome, Outcome::Crashed(fatal));
            let log = world.log.borrow();
            // Nothing after the stage that failed, and the crash last.
            assert_eq!(log.last(), Some(&format!("crash {stage:?}")));
            assert_eq!(log[log.len() - 2], format!("A rebuild {stage:?} new at epoch 1"));
            assert_eq!((world.count("release"), world.count("gate restore")), (0, 0));
        }
    }
}

#[test]
fn without_xenstore_devices_are_told() {
    let world = World::new();
    world.raw.set(0);
    world.store.set(false);
    assert_eq!(suspend(&world), Outcome::Idle);
    assert_eq!((world.count("degrade 0"), world.count("degrade 1"), world.count("thaw os")), (1, 1, 1));
}

#[test]
fn a_wake_in_the_same_domain_changes_nothing() {
    let world = World::new();
    world.witnesses.set(SAME);
    assert_eq!(run(&world, 1, Do::Wake), Outcome::Idle);
    let expected = [
        "park",
        "gate off",
        "harvest 0",
        "A pre",
        "B pre",
        "pre",
        "probe",
        "post frozen at epoch 0",
        "B cancel",
        "A cancel",
        "release",
        "gate restore",
        "admission back",
        "read",
    ];
    assert_eq!(world.log.borrow()[..], expected);
}

#[test]
fn a_wake_in_a_new_domain_rebuilds() {
    let world = World::new();
    assert_eq!(run(&world, 1, Do::Wake), Outcome::Idle);
    assert_eq!((world.epoch.now().to_string(), world.count("call")), ("1".to_owned(), 0));
    assert_eq!((world.count("store up new"), world.count("resume 0 new"), world.count("thaw os")), (1, 1, 0));
}

/// The handler of the channel told the coordinator: the next run serves it.
#[test]
fn a_signal_is_served_by_the_next_run() {
    let world = World::new();
    let mut slots = [DeviceSlot::new(); 1];
    let mut coordinator = SuspendCoordinator::new(&mut slots, Deadlines::default());
    coordinator.handle(world.now.get(), Event::Channel);
    assert_eq!(run_on(&mut coordinator, &world, 1, Do::Run), Outcome::Idle);
    assert_eq!((world.count("call"), world.count("acknowledge suspend")), (1, 0));
}

/// A slot without a device is in nobody's way.
/// A device without a slot would never be frozen.
#[test]
fn devices_without_slots_refuse_every_suspend() {
    let world = World::new();
    let mut coordinator = SuspendCoordinator::new([DeviceSlot::new(); 1], Deadlines::default());
    world.write(ControlWord::Suspend);
    assert_eq!(run_on(&mut coordinator, &world, 2, Do::Run), Outcome::Idle);
    assert!(matches!(world.ends.borrow()[..], [(Ending::Aborted(Abort::Refused(Refusal::Slots)), _)]));
    assert_eq!((world.count("call"), world.count("acknowledge suspend")), (0, 0));
}

#[test]
fn slots_may_be_more_than_devices() {
    let world = World::new();
    world.raw.set(0);
    let mut slots = [DeviceSlot::new(); 3];
    let mut coordinator = SuspendCoordinator::new(&mut slots, Deadlines::default());
    world.write(ControlWord::Suspend);
    assert_eq!(run_on(&mut coordinator, &world, 1, Do::Run), Outcome::Idle);
    assert_eq!((world.count("call"), world.count("resume 0 new")), (1, 1));
}
