//! What the driver makes of each thing that may become of a suspend.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a panic is a failed test")]

mod watched;

use std::rc::Rc;

use hosted_driver::{Bus, Driver, Fate, Os, RING, SHUTDOWN};
use watched::allocated_while_raised;
use xen_hypercall::Nanos;
use xen_suspend::{ControlWord, Outcome};

/// A system with the driver loaded, and so many requests submitted.
struct World {
    os: Rc<Os>,
    bus: Rc<Bus>,
    driver: Driver,
    submitted: u64,
}

impl World {
    fn with(requests: u64) -> Self {
        let (os, bus) = (Rc::new(Os::new()), Rc::new(Bus::new()));
        let driver = Driver::load(Rc::clone(&os), Rc::clone(&bus));
        let mut world = Self { os, bus, driver, submitted: 0 };
        (0..requests).for_each(|_| world.submit());
        world
    }

    fn submit(&mut self) {
        assert!(self.driver.submit(self.submitted), "room");
        self.submitted += 1;
    }

    /// The toolstack writes a word, and the event comes.
    fn ask(&self, word: &str, fate: Fate) {
        self.bus.fate.set(fate);
        self.bus.write(SHUTDOWN, word);
        self.event();
    }

    fn event(&self) {
        assert!(self.os.interrupt(|| self.driver.on_upcall()));
    }

    /// Runs the work items that are due, at most so many; returns what the last one said.
    fn work(&self, most: usize) -> Outcome {
        let mut last = Outcome::Idle;
        for _ in 0..most {
            if !self.os.next_work() {
                return last;
            }
            last = self.driver.on_work();
        }
        last
    }

    /// The backend serves, and its events come, until nothing is left to do.
    fn settle(&self) {
        self.work(64);
        while self.bus.serve() {
            self.event();
            self.work(64);
        }
    }

    /// Each request was completed once, and nothing was allocated where it may not be.
    fn all_is_well(&self) {
        let mut completed = self.driver.completed();
        completed.sort_unstable();
        assert_eq!(completed, (0..self.submitted).collect::<Vec<_>>());
        assert_eq!(allocated_while_raised(), 0);
    }
}

#[test]
fn after_a_checkpoint_the_same_ring_goes_on() {
    let world = World::with(5);
    world.ask("suspend", Fate::Cancelled);
    world.settle();
    world.all_is_well();
    assert_eq!(world.bus.served(), [0, 1, 2, 3, 4], "nothing is issued again");
    assert_eq!((world.bus.domain(), world.driver.epochs().as_str()), (1, "0"));
    assert_eq!(world.bus.read(SHUTDOWN).unwrap(), "");
}

#[test]
fn a_call_that_fails_is_as_if_it_had_not_been() {
    let world = World::with(5);
    world.ask("suspend", Fate::Failed);
    world.settle();
    world.all_is_well();
    assert_eq!(world.bus.served(), [0, 1, 2, 3, 4]);
}

/// The backend has done two that are not harvested: their answers are taken in the dark, and the others issued again.
#[test]
fn in_another_domain_what_was_not_answered_is_issued_again() {
    let mut world = World::with(2);
    assert!(world.bus.serve());
    (0..3).for_each(|_| world.submit());
    world.ask("suspend", Fate::Moved);
    world.settle();
    world.all_is_well();
    assert_eq!(world.bus.served(), [0, 1, 2, 3, 4]);
    assert_eq!((world.bus.domain(), world.driver.epochs().as_str()), (2, "1"));
    assert_eq!(world.bus.read("control/feature-suspend").expect("published"), "1");
}

#[test]
fn many_of_both() {
    let mut world = World::with(0);
    for round in 0..50 {
        (0..RING).for_each(|_| world.submit());
        world.ask("suspend", if round % 3 == 0 { Fate::Moved } else { Fate::Cancelled });
        world.settle();
    }
    world.all_is_well();
    assert_eq!(world.driver.epochs(), "17");
}

/// While the work item waits for the backend of the new domain, the system goes on: it submits, and events come.
#[test]
fn a_backend_that_is_late_holds_up_nobody() {
    let mut world = World::with(3);
    world.bus.absent.set(true);
    world.ask("suspend", Fate::Moved);
    world.work(5);
    assert_eq!(world.bus.domain(), 2, "it is back");
    world.submit();
    world.event();
    world.work(5);
    assert!(world.driver.completed().is_empty());
    world.bus.absent.set(false);
    world.settle();
    world.all_is_well();
    assert_eq!(world.bus.connects.get(), 2, "once in each domain");
}

/// Given up after its deadline, the disk connects by itself when there is a backend, and takes part in the next suspend.
#[test]
fn a_disk_that_was_given_up_comes_back() {
    let world = World::with(3);
    world.bus.absent.set(true);
    world.ask("suspend", Fate::Moved);
    while world.os.next_work() {
        world.driver.on_work();
        world.os.pass(Nanos::from_secs(1));
    }
    world.bus.absent.set(false);
    world.event();
    world.settle();
    world.all_is_well();
    world.ask("suspend", Fate::Moved);
    world.settle();
    assert_eq!((world.bus.domain(), world.driver.epochs().as_str()), (3, "2"));
}

#[test]
fn processors_that_do_not_come_end_the_suspend() {
    let world = World::with(5);
    world.os.deaf.set(true);
    world.ask("suspend", Fate::Moved);
    world.settle();
    world.all_is_well();
    assert_eq!((world.bus.domain(), world.driver.epochs().as_str()), (1, "0"));
}

/// A system that stops refuses, which the toolstack sees by the word that stays.
#[test]
fn a_system_that_stops_is_not_suspended() {
    let world = World::with(1);
    world.driver.on_shutdown();
    world.ask("suspend", Fate::Moved);
    world.settle();
    world.all_is_well();
    assert_eq!((world.bus.domain(), world.bus.read(SHUTDOWN).unwrap().as_str()), (1, "suspend"));
}

#[test]
fn the_toolstack_can_have_it_stop() {
    let world = World::with(1);
    world.ask("poweroff", Fate::Cancelled);
    assert_eq!(world.work(8), Outcome::Stop(ControlWord::Poweroff));
    assert_eq!(world.bus.read(SHUTDOWN).unwrap(), "");
}

/// An event before each work item, many of them for nothing.
#[test]
fn a_storm_of_events_changes_nothing() {
    let world = World::with(5);
    world.ask("suspend", Fate::Moved);
    for _ in 0..1000 {
        world.event();
        world.work(1);
        world.bus.serve();
    }
    world.event();
    world.all_is_well();
    assert_eq!((world.bus.domain(), world.driver.epochs().as_str()), (2, "1"));
}
