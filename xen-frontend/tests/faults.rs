//! One thing fails, once or for good, in a whole guest: it comes through, or says so.
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "hosted; a panic fails the test")]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use support::whole::{Whole, up};
use xen_hypercall::{Nanos, Number};
use xen_mock::{Destination, Host, Reason, Save, State, StoreOp};
use xen_store::Link;
use xen_suspend::services::{Canary, Exclusive as _, Features, Platform, Publisher as _, XenArch};
use xen_suspend::{ArchOps, Class, ControlWord, Ending, Fatal, Outcome, Resumed, Stage};

const SECOND: Nanos = Nanos::from_secs(1);
const EVTCHN: Number = Number::EVENT_CHANNEL_OP;
const HVM: Number = Number::HVM_OP;

/// In a new domain parameters are asked for in this order: the witness, the console's two, xenstore's two.
const STORE_PFN: u64 = 4;
const STORE_EVTCHN: u64 = 5;

fn saved(whole: &mut Whole<'_, '_>, save: Save) -> Resumed {
    whole.host.toolstack().save(save);
    whole.sleep(SECOND);
    match whole.serve() {
        (Outcome::Idle, Some(Ending::Resumed(resumed))) => resumed,
        other => panic!("{other:?}"),
    }
}

fn restored(whole: &mut Whole<'_, '_>) -> Resumed {
    saved(whole, Save::Restore(Destination { ports_before: 2, ..Destination::default() }))
}

fn watches(host: &Host) -> usize {
    host.ledger().holdings().watches.len()
}

#[test]
fn one_refusal_of_the_way_to_xenstore_costs_nothing() {
    for nth in [STORE_PFN, STORE_EVTCHN] {
        let host = Host::builder().build();
        up(&host, |whole| {
            whole.host.faults().on_call(HVM).cmd(1).nth(nth).times(2).returns(-14);
            assert_eq!((restored(whole).degraded, watches(whole.host)), (0, 1));
            assert_eq!(whole.read("domid"), whole.host.guest().domid().to_string());
        });
    }
}

/// I9: the port of the old domain is a stranger's now; to wait on it would be not to sleep at all.
#[test]
fn without_xenstore_nobody_waits_on_its_old_port() {
    let host = Host::builder().build();
    up(&host, |whole| {
        let old = whole.link.port().unwrap();
        whole.host.faults().on_call(HVM).cmd(1).nth(STORE_PFN).times(3).returns(-14);
        whole.host.toolstack().save(Save::Restore(Destination::default()));
        whole.sleep(SECOND);
        let (outcome, Some(Ending::Resumed(resumed))) = whole.serve() else { panic!("it resumed") };
        assert_eq!((outcome, resumed.class, resumed.degraded), (Outcome::Idle, Class::New, 2));
        assert_eq!(whole.link.port(), None);
        whole.host.faults().spurious_event(old);
        let before = whole.clock.now();
        whole.link.wait(before.after(SECOND));
        assert!(whole.clock.now().since(before) >= SECOND, "it slept");
    });
}

/// The same of the console, whose port an embedder waits on.
#[test]
fn a_console_that_did_not_come_back_has_no_port() {
    let host = Host::builder().build();
    up(&host, |whole| {
        assert!(whole.console.port().is_some());
        whole.epoch.advance();
        assert_eq!(whole.console.port(), None);
    });
}

/// I5: a word that seemed to be gone when it was to be acknowledged, and is there still, is served all the same.
#[test]
fn a_word_that_is_misread_once_is_served_later() {
    let host = Host::builder().build();
    up(&host, |whole| {
        whole.host.faults().on_store(StoreOp::Read).path("control/shutdown").nth(2).fails("ENOENT");
        whole.host.toolstack().poweroff();
        whole.sleep(SECOND);
        assert_eq!(whole.serve(), (Outcome::Idle, None), "changed, it seems");
        whole.sleep(Nanos::from_secs(10));
        assert_eq!(whole.serve(), (Outcome::Stop(ControlWord::Poweroff), None));
    });
}

/// I19: a port of before that was not found again is not left open beside the new one.
#[test]
fn in_the_same_domain_no_port_is_left_over() {
    let host = Host::builder().build();
    up(&host, |whole| {
        let held = whole.host.ledger().holdings().ports.len();
        // The canary is asked for as a witness, and then to be taken over.
        whole.host.faults().on_call(EVTCHN).cmd(5).nth(2).returns(-14);
        assert_eq!(saved(whole, Save::SlowResume).class, Class::InPlace);
        assert_eq!(whole.host.ledger().holdings().ports.len(), held);
        assert_eq!(saved(whole, Save::SlowResume).class, Class::InPlace, "and it is a good witness");
    });
}

/// I28: the ready-made features are written, also where the server is busy at first, and none holds up the next.
#[test]
fn features_that_are_refused_at_first_are_published() {
    const NODES: [&str; 3] = ["control/feature-poweroff", "control/feature-reboot", "control/feature-suspend"];
    for (refusals, written) in [(0, 3), (2, 3), (3, 2)] {
        let host = Host::builder().build();
        up(&host, |whole| {
            let store = whole.host.store();
            store.write(NODES[2], "");
            whole.host.faults().on_store(StoreOp::Write).path(NODES[0]).times(refusals).fails("EAGAIN");
            whole.store.with(|store| Features.publish(store));
            let found = NODES.iter().filter(|node| store.read(node).as_deref() == Some("1"));
            assert_eq!(found.count(), written, "{refusals}");
        });
    }
}

/// I26: a watch that is refused again and again after a restore is registered as soon as the server takes it.
#[test]
fn a_watch_that_is_refused_for_long_is_not_forgotten() {
    let host = Host::builder().build();
    up(&host, |whole| {
        whole.host.faults().on_store(StoreOp::Watch).times(4).fails("EIO");
        restored(whole);
        assert_eq!(watches(whole.host), 0);
        whole.sleep(Nanos::from_secs(11));
        assert_eq!(whole.serve(), (Outcome::Idle, None));
        whole.sleep(SECOND);
        assert_eq!((whole.serve(), watches(whole.host)), ((Outcome::Idle, None), 1));
        whole.host.toolstack().save(Save::Checkpoint);
        whole.sleep(SECOND);
        assert!(whole.serve().1.is_some(), "and heard");
    });
}

/// Says its last words to the test.
#[derive(Debug, Default)]
struct Words(Rc<Cell<u32>>);

impl Platform for Words {
    fn moved(&mut self) {}

    fn last_words(&mut self, _fatal: Fatal) {
        self.0.set(self.0.get() + 1);
    }
}

/// A guest that cannot be rebuilt is at its end, even if Xen refuses that at first.
#[test]
fn a_crash_that_is_refused_is_asked_for_again() {
    let host = Host::builder().build();
    let (hook, canary, said) = (host.guest().hook(), Canary::new(), Rc::new(Cell::new(0)));
    host.faults().on_call(Number::SCHED_OP).cmd(2).times(2).returns(-14);
    XenArch::new(&hook, &canary, Words(Rc::clone(&said))).crash(Fatal { stage: Stage::Grants, errno: None });
    assert_eq!((host.state(), said.get()), (State::Shutdown(Reason::Crash), 1));
    host.check().unwrap();
}
