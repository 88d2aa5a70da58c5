//! The console in a new domain, and in the old one that is told as new.

mod support;

use std::cell::Cell;

use support::{Suspending, connected, on, text};
use xen_evtchn::BindError;
use xen_frontend::console::ConnectError;
use xen_hypercall::op::hvm::Param;
use xen_hypercall::{Number, Port};
use xen_mock::{Daemon, Destination, Host, Save};
use xen_suspend::{Class, State};

const LINES: &[(State, &str)] = &[
    (State::Requested, "requested\n"),
    (State::Rendezvous, "rendezvous\n"),
    (State::InCall, "call\n"),
    (State::Rebuild, "rebuild\n"),
    (State::Reconnecting, "reconnecting\n"),
];
const ALL: &str = "requested\nrendezvous\ncall\nrebuild\nreconnecting\n";

const ELSEWHERE: Save = Save::Restore(Destination { ports_before: 3, ..Destination::DEFAULT });

#[test]
fn a_new_domain_has_another_port_and_an_empty_ring_and_gets_the_backlog() {
    connected(Host::builder(), |stand| {
        // So that the indices of the old ring would be wrong in the new one.
        stand.console.write(&text(1500));
        stand.pause();
        let (port, before) = (stand.console.port().unwrap(), stand.host.console().text());
        let resumed = Suspending::new(stand, LINES).run(ELSEWHERE);
        assert_eq!((resumed.class, resumed.degraded), (Class::New, 0));
        assert_ne!(stand.console.port(), Some(port));
        assert_eq!(stand.console.port().map(|port| u64::from(port.0)), Some(stand.param(Param::CONSOLE_EVTCHN)));
        stand.console.write(b"after");
        assert_eq!(stand.seen(), [&before, ALL, "after"].concat());
        assert_eq!(stand.console.misbehaved(), None);
        let mut to = [0; 9];
        stand.host.console().send("typed");
        stand.pause();
        assert_eq!(stand.console.read(&mut to), 5);
    });
}

#[test]
fn input_that_nobody_had_read_is_there_in_the_new_domain() {
    connected(Host::builder(), |stand| {
        stand.host.console().send("before ");
        stand.pause();
        Suspending::new(stand, LINES).run(ELSEWHERE);
        stand.host.console().send("after");
        stand.pause();
        let mut to = [0; 99];
        let read = stand.console.read(&mut to);
        assert_eq!(&to[..read], b"before after");
    });
}

#[test]
fn many_domains_one_after_the_other_lose_nothing_and_leave_nothing_behind() {
    connected(Host::builder(), |stand| {
        let mut expected = String::new();
        for _ in 0..if cfg!(miri) { 2 } else { 10 } {
            for save in [ELSEWHERE, Save::SlowResume, Save::Checkpoint] {
                Suspending::new(stand, &[(State::InCall, "call\n")]).run(save);
                expected.push_str("call\n");
                assert_eq!(stand.seen(), expected);
                assert_eq!(stand.events.leaked(), 0);
            }
        }
    });
}

/// The ring is found as it is, and the port, which exists, is taken over.
#[test]
fn the_same_domain_told_as_new_goes_on_with_ring_and_port() {
    connected(Host::builder(), |stand| {
        stand.console.write(b"before\n");
        let port = stand.console.port();
        let resumed = Suspending::new(stand, LINES).run(Save::SlowResume);
        assert_eq!((resumed.class, resumed.degraded), (Class::InPlace, 0));
        assert_eq!(stand.console.port(), port);
        assert_eq!(stand.seen(), ["before\n", ALL].concat());
    });
}

/// Unread bytes that are found in the ring get an event.
#[test]
fn bytes_that_were_left_in_the_ring_are_told_of_again() {
    connected(Host::builder().console(Daemon::Stuck), |stand| {
        stand.console.write(b"unread");
        let mark = stand.mark();
        stand.console.connect().unwrap();
        assert_eq!(stand.sent_since(mark), 1);
        assert_eq!(stand.take(99), b"unread");
        let mark = stand.mark();
        stand.console.connect().unwrap();
        assert_eq!(stand.sent_since(mark), 0, "nothing to tell");
    });
}

/// An embedder may have the device alone: then it comes back with the devices.
#[test]
fn the_device_alone_connects_too() {
    for (save, class) in [(ELSEWHERE, Class::New), (Save::SlowResume, Class::InPlace)] {
        connected(Host::builder(), |stand| {
            let suspending = Suspending { service: false, ..Suspending::new(stand, LINES) };
            let resumed = suspending.run(save);
            assert_eq!((resumed.class, resumed.degraded), (class, 0));
            assert_eq!(stand.seen(), ALL);
            assert_eq!(stand.console.port().map(|port| u64::from(port.0)), Some(stand.param(Param::CONSOLE_EVTCHN)));
        });
    }
}

/// A wire of an earlier epoch is inert: not a byte, not an event.
#[test]
fn a_stale_console_touches_nothing() {
    connected(Host::builder(), |stand| {
        let (mark, at) = (stand.mark(), stand.out_prod());
        stand.epoch.advance();
        assert_eq!(stand.console.write(b"kept").taken, 4);
        assert!(!stand.console.flush());
        assert_eq!((stand.out_prod(), stand.sent_since(mark)), (at, 0));
        assert_eq!(stand.console.read(&mut [0; 9]), 0);
        // Nobody has reconciled the table: the port still counts as taken, until somebody does.
        let port = Port(u32::try_from(stand.param(Param::CONSOLE_EVTCHN)).unwrap());
        assert_eq!(stand.console.connect(), Err(ConnectError::Port(BindError::Taken(port))));
        stand.events.reconcile();
        stand.console.connect().unwrap();
        assert_eq!(stand.seen(), "kept");
    });
}

#[test]
fn a_console_that_does_not_come_back_is_degraded_and_may_come_later() {
    connected(Host::builder(), |stand| {
        // CONSOLE_PFN at each try: by the service, and by the device. The witness CALLBACK_IRQ is read before.
        let hvm = || stand.host.faults().on_call(Number::HVM_OP).cmd(1);
        hvm().nth(2).times(2).returns(-12);
        let resumed = Suspending::new(stand, LINES).run(ELSEWHERE);
        assert_eq!((resumed.class, resumed.degraded), (Class::New, 1));
        assert_eq!((stand.seen().as_str(), stand.console.port()), ("requested\n", None));
        stand.console.connect().unwrap();
        assert_eq!(stand.seen(), ALL);
    });
}

/// C06 across a suspend: a backend that does not read costs the patience of the freeze, and no output before its time.
#[test]
fn a_stuck_backend_does_not_stop_a_suspend() {
    connected(Host::builder().console(Daemon::Stuck), |stand| {
        let suspending = Suspending { waits: Cell::new(0), ..Suspending::new(stand, LINES) };
        stand.console.write(b"unread\n");
        let resumed = suspending.run(ELSEWHERE);
        assert_eq!((resumed.class, resumed.degraded), (Class::New, 0));
        assert_eq!(suspending.waits.get(), 4);
        assert_eq!(stand.take(9999), ALL.as_bytes().split_at("requested\n".len()).1, "the old ring is dead memory");
    });
}

#[test]
fn a_domain_without_a_console_suspends_too() {
    on(Host::builder().console(Daemon::Absent), |stand| {
        assert_eq!(stand.console.connect(), Err(ConnectError::Missing));
        let resumed = Suspending::new(stand, LINES).run(ELSEWHERE);
        assert_eq!((resumed.class, resumed.degraded), (Class::New, 0));
        assert!(!stand.console.flush(), "it is all kept");
    });
}
