//! A hundred tasks wait while the guest is suspended: none is woken for nothing, and none misses anything.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use async_guest::guest::Guest;
use async_guest::platform::Machine;
use xen_mock::{Destination, Host, Save};

/// A number is seen by all within this time: what waits for something is woken by it, and not by a timer.
const SOON: u64 = 200_000_000;

/// Numbers that all tasks see between two suspends.
const ROUNDS: u32 = 3;

/// Starts the guest, and suspends it so often, amid its work or at rest.
fn run(host: &Host, saves: impl Iterator<Item = Save>) {
    let guest = Guest::start(Machine::of(host));
    let further = |rounds: u32| {
        let end = guest.tally.told() + rounds;
        guest.run(|guest| guest.tally.told() >= end);
    };
    further(ROUNDS);
    for (resumes, save) in (1..).zip(saves) {
        host.toolstack().save(save);
        guest.run(|guest| guest.tally.resumes() == resumes && !host.toolstack().is_busy());
        further(ROUNDS);
        assert_eq!((guest.tally.wrong(), guest.tally.lost()), (0, 0), "{save:?}: {guest:?}");
    }
    for line in host.console().lines().iter().filter(|line| line.contains(" tick ")) {
        let took = line.rsplit_once("took_ns=").and_then(|(_, took)| took.parse().ok());
        assert!(took.is_some_and(|took: u64| took < SOON), "{line}");
    }
    host.check().unwrap();
}

#[test]
fn none_is_woken_by_a_checkpoint() {
    run(&Host::builder().build(), [Save::Checkpoint, Save::Fail, Save::Checkpoint].into_iter());
}

#[test]
fn all_go_on_in_new_domains() {
    run(&Host::builder().build(), std::iter::repeat_n(Save::Restore(Destination::default()), 5));
}

#[test]
fn all_go_on_in_a_domain_that_was_resumed_the_slow_way() {
    run(&Host::builder().build(), [Save::SlowResume, Save::Restore(Destination::default())].into_iter());
}
