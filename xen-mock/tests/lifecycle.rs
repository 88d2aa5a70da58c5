//! Stopping, destroying, creating anew, and directing it all.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::{Client, after};
use xen_hypercall::op::sched;
use xen_hypercall::{DomId, Nanos, Number};
use xen_mock::{Destroyed, Host, Outcome, Reason, State, Violation};

#[test]
fn poweroff_is_asked_for_and_comes() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    let operation = host.toolstack().poweroff();
    client.acknowledge("poweroff");
    assert_eq!(host.toolstack().outcome(operation), None);
    assert_eq!(sched::shutdown(&client.xen, sched::Reason::POWEROFF), 0);
    assert_eq!(host.toolstack().outcome(operation), Some(Outcome::Stopped(Reason::Poweroff)));
    assert_eq!(host.state(), State::Shutdown(Reason::Poweroff));
    host.check().unwrap();
    sched::yield_now(&client.xen).unwrap_err();
    assert_eq!(host.check().unwrap_err(), [Violation::CallAfterStop(Number::SCHED_OP, 0)]);
}

#[test]
fn a_domain_is_created_anew_after_a_reboot() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    host.toolstack().reboot();
    client.acknowledge("reboot");
    sched::shutdown(&client.xen, sched::Reason::REBOOT);
    assert_eq!(host.toolstack().create(), DomId(2));
    let mut client = Client::new(&host);
    assert_eq!(client.read("domid").unwrap(), "2");
    assert_eq!(host.ledger().pages_taken(), 1, "memory is fresh");
    host.check().unwrap();
}

#[test]
fn destruction_unwinds_the_guest() {
    let host = Host::builder().build();
    host.at(Nanos::from_secs(3), |host| host.toolstack().destroy());
    let dropped = Rc::new(RefCell::new(false));
    struct Loud(Rc<RefCell<bool>>);
    impl Drop for Loud {
        fn drop(&mut self) {
            *self.0.borrow_mut() = true;
        }
    }
    let loud = Loud(Rc::clone(&dropped));
    let end = host.run(move |guest| {
        let _loud = loud;
        loop {
            sched::poll(&guest.hook(), &[], after(&guest, 100)).unwrap();
        }
    });
    assert_eq!(end, Err(Destroyed));
    assert!(*dropped.borrow());
    assert_eq!(host.store().read("domid"), None);
    assert_eq!(host.toolstack().create(), DomId(2));
    assert_eq!(host.run(|guest| guest.domid()), Ok(DomId(2)));
    host.check().unwrap();
}

#[test]
fn a_director_sees_each_turn_and_may_do_anything() {
    let host = Host::builder().build();
    let mut client = Client::new(&host);
    let steps = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&steps);
    host.direct(move |host| {
        let next = match seen.borrow().len() {
            0 => host.now() >= Nanos::from_secs(1),
            1 => host.store().read("data/answer").as_deref() == Some("yes"),
            _ => false,
        };
        if next {
            host.store().write("data/question", format!("{}", seen.borrow().len()));
            seen.borrow_mut().push(host.now());
        }
    });
    while client.read("data/question").is_err() {
        sched::poll(&client.xen, &[], after(&client.guest, 100)).unwrap();
    }
    client.write("data/answer", "yes").unwrap();
    sched::yield_now(&client.xen).unwrap();
    assert_eq!(client.read("data/question").unwrap(), "1");
    assert_eq!(steps.borrow().len(), 2);
}

#[test]
fn a_watchdog_that_is_not_poked_bites() {
    let host = Host::builder().build();
    let end = host.run(|guest| {
        let mut block = [0_u32, 5];
        let args = [6, 0].map(xen_hypercall::Word::int);
        let words = [args[0], xen_hypercall::Word::ptr(&raw mut block), args[1], args[1], args[1]];
        assert_eq!(common::raw(&guest.hook(), Number::SCHED_OP, words), 1);
        loop {
            sched::poll(&guest.hook(), &[], after(&guest, 500)).unwrap();
        }
    });
    assert_eq!(end, Err(Destroyed));
    assert_eq!(host.state(), State::Shutdown(Reason::Watchdog));
    assert_eq!(host.now().0 / 1_000_000_000, 5);
}
