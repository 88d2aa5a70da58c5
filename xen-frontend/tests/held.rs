//! Between freeze and thaw nothing enters the ring, and nothing is lost.

mod support;

use std::task::Poll;

use support::{Stand, Suspending, connected, text};
use xen_frontend::console::{ConsoleDevice, Written};
use xen_mock::{Daemon, Host, Save};
use xen_suspend::{Class, DeviceSuspend, State};

/// As many times as a freeze says that it is not done, at most.
const PATIENCE: usize = 4;

fn freeze(stand: &Stand<'_>, device: &mut impl DeviceSuspend) -> usize {
    assert_eq!(device.prepare(), Poll::Ready(Ok(())));
    let mut polls = 0;
    while device.freeze() == Poll::Pending {
        polls += 1;
        assert!(polls <= PATIENCE, "it waits for ever");
        stand.pause();
    }
    polls
}

#[test]
fn output_waits_for_the_thaw() {
    connected(Host::builder(), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        stand.console.write(b"before ");
        assert_eq!(freeze(stand, &mut device), 1, "the backend reads at once");
        let (mark, at) = (stand.mark(), stand.out_prod());
        assert_eq!(stand.console.write(b"meanwhile "), Written { taken: 10, dropped: 0 });
        assert!(!stand.console.flush());
        assert_eq!((stand.out_prod(), stand.sent_since(mark)), (at, 0));
        assert_eq!(stand.seen(), "before ");
        device.thaw(Class::Cancel);
        stand.console.write(b"after");
        assert_eq!(stand.seen(), "before meanwhile after");
    });
}

#[test]
fn input_waits_for_the_thaw_too() {
    connected(Host::builder(), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        freeze(stand, &mut device);
        stand.host.console().send("typed");
        stand.pause();
        let mut to = [0; 9];
        assert_eq!(stand.console.read(&mut to), 0);
        device.thaw(Class::Abort);
        assert_eq!(stand.console.read(&mut to), 5);
    });
}

/// The daemon is told of the room only when it can use it: at the thaw, and of nothing if nothing was taken.
#[test]
fn input_in_the_ring_is_kept_without_a_word_until_the_thaw() {
    connected(Host::builder(), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        stand.host.console().send(&"x".repeat(2000));
        stand.pause();
        let mut to = [0; 4096];
        assert_eq!(stand.console.read(&mut to[..24]), 24);
        stand.pause();
        let mark = stand.mark();
        freeze(stand, &mut device);
        assert_eq!(stand.sent_since(mark), 0);
        device.thaw(Class::Cancel);
        assert_eq!(stand.sent_since(mark), 1, "it would wait for room for ever");
        stand.pause();
        assert_eq!(stand.console.read(&mut to), 1976);
        freeze(stand, &mut device);
        device.thaw(Class::Cancel);
        assert_eq!(stand.sent_since(mark), 2, "one of the read");
    });
}

/// Whoever reads what was kept before the thaw has not told the daemon either.
#[test]
fn input_that_is_read_between_freeze_and_thaw_makes_room_too() {
    connected(Host::builder(), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        stand.host.console().send(&"x".repeat(2000));
        stand.pause();
        freeze(stand, &mut device);
        let mut to = [0; 4096];
        let kept = stand.console.read(&mut to);
        let mark = stand.mark();
        device.thaw(Class::Cancel);
        assert_eq!((kept, stand.sent_since(mark)), (1024, 1));
        stand.pause();
        assert_eq!(stand.console.read(&mut to), 976);
    });
}

#[test]
fn a_connection_made_meanwhile_sends_nothing_yet() {
    connected(Host::builder(), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        freeze(stand, &mut device);
        stand.console.write(b"held");
        stand.console.connect().unwrap();
        assert_eq!(stand.seen(), "");
        device.thaw(Class::Cancel);
        assert_eq!(stand.seen(), "held");
    });
}

#[test]
fn a_thaw_kicks_the_backend_once_if_there_is_anything_in_the_ring() {
    connected(Host::builder().console(Daemon::Stuck), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        stand.console.write(b"unread");
        freeze(stand, &mut device);
        let mark = stand.mark();
        device.thaw(Class::Cancel);
        assert_eq!(stand.sent_since(mark), 1);
        stand.take(99);
        freeze(stand, &mut device);
        let mark = stand.mark();
        device.thaw(Class::Cancel);
        assert_eq!(stand.sent_since(mark), 0);
    });
}

/// C06: the freeze asks again a few times, and no more.
#[test]
fn a_backend_that_does_not_read_delays_the_freeze_a_little() {
    connected(Host::builder().console(Daemon::Stuck), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        stand.console.write(&text(3000));
        assert_eq!(freeze(stand, &mut device), PATIENCE);
        device.thaw(Class::Cancel);
        assert_eq!(freeze(stand, &mut device), PATIENCE, "each time");
        device.thaw(Class::Cancel);
        let taken = stand.take(9999);
        stand.console.flush();
        assert_eq!([taken, stand.take(9999)].concat(), text(3000));
        assert_eq!(freeze(stand, &mut device), 0, "there is nothing to wait for");
    });
}

#[test]
fn a_console_without_a_connection_delays_nothing() {
    support::on(Host::builder().console(Daemon::Absent), |stand| {
        let mut device = ConsoleDevice::new(&stand.console);
        stand.console.write(b"x");
        assert_eq!(freeze(stand, &mut device), 0);
        assert_eq!(device.resume(Class::New), Poll::Ready(Ok(())));
    });
}

#[test]
fn a_checkpoint_keeps_every_line() {
    let lines = &[
        (State::Requested, "requested\n"),
        (State::Dark, "dark\n"),
        (State::InCall, "call\n"),
        (State::Return, "return\n"),
        (State::Settling, "settling\n"),
    ];
    connected(Host::builder(), |stand| {
        let resumed = Suspending::new(stand, lines).run(Save::Checkpoint);
        assert_eq!((resumed.class, resumed.degraded), (Class::Cancel, 0));
        assert_eq!(stand.seen(), "requested\ndark\ncall\nreturn\nsettling\n");
    });
}
