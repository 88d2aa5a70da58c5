//! R-FROZEN: a guest that was put to sleep without being asked, and finds out where it woke.

mod support;

use support::whole::{CALLBACK, Whole, up};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::{DomId, EpochCell, Nanos, Number};
use xen_mock::{Call, Destination, Host, Kind, Save, StoreOp};
use xen_suspend::{Class, ControlWord, Ending, Outcome};

const EVTCHN: Number = Number::EVENT_CHANNEL_OP;
const HVM: Number = Number::HVM_OP;
const SCHED: Number = Number::SCHED_OP;
const SECOND: Nanos = Nanos::from_secs(1);

/// The probe: `EVTCHNOP_status` of the canary, `HVMOP_get_param` of the callback.
const PROBE: [(Number, usize); 2] = [(EVTCHN, 5), (HVM, 1)];

fn elsewhere() -> Save {
    Save::Restore(Destination { ports_before: 3, ..Destination::default() })
}

fn names(calls: &[Call]) -> Vec<(Number, usize)> {
    calls.iter().map(|call| (call.number, call.cmd)).collect()
}

fn watched(whole: &Whole<'_, '_>) -> Vec<String> {
    whole.host.ledger().holdings().watches.into_iter().map(|(path, _)| path).collect()
}

/// Has the toolstack take the guest for one without drivers, which it freezes wherever it is.
fn look_unaware(whole: &Whole<'_, '_>) {
    hvm::set_param(whole.hook, Param::CALLBACK_IRQ, 0).unwrap();
}

/// Everything is as it must be in a new domain, and works.
fn is_rebuilt(whole: &mut Whole<'_, '_>, epoch: u32) {
    let held = whole.host.ledger().holdings();
    assert_eq!(hvm::param(whole.hook, Param::CALLBACK_IRQ), Ok(CALLBACK));
    assert!(held.shared_info && held.grant_frames.len() == 1);
    assert_eq!(watched(whole), [whole.host.store().path("control/shutdown")]);
    let expected = EpochCell::new();
    for _ in 0..epoch {
        expected.advance();
    }
    assert_eq!(whole.epoch.now(), expected.now(), "once for each");
    assert_eq!(whole.told(), ["resume new"]);
    works(whole);
}

/// xenstore and console answer, and the toolstack can suspend the guest.
fn works(whole: &mut Whole<'_, '_>) {
    // The store answers, nodes are published again, and the word is heard by the new watch.
    assert_eq!(whole.read("domid"), whole.host.guest().domid().to_string());
    assert_eq!(whole.host.store().read("control/feature-suspend").as_deref(), Some("1"));
    whole.console.write(b"here\n");
    let before = whole.clock.now();
    whole.sleep(SECOND);
    let passed = whole.clock.now().since(before);
    assert!(passed >= SECOND && passed < SECOND.after(Nanos::from_millis(1)), "a second is a second: {passed}");
    assert!(whole.host.console().text().ends_with("here\n"));
    // The toolstack knows the guest again: it asks.
    whole.host.toolstack().save(Save::Checkpoint);
    whole.sleep(SECOND);
    let (outcome, ending) = whole.serve();
    assert_eq!(outcome, Outcome::Idle);
    assert!(matches!(ending, Some(Ending::Resumed(resumed)) if resumed.class == Class::Cancel), "{ending:?}");
    assert_eq!(whole.told(), ["prepare", "freeze", "thaw cancel", "unprepare"]);
}

#[test]
fn in_the_same_domain_only_the_probe_is_made() {
    for freeze in [None, Some(Save::Checkpoint), Some(Save::SlowResume)] {
        let host = Host::builder().build();
        up(&host, |whole| {
            let port = whole.events.alloc_unbound(DomId::DOM0).unwrap();
            let offer = whole.table.offer_write(whole.host.guest().page(), DomId::DOM0).unwrap();
            freeze.map(|save| whole.host.toolstack().freeze(save));
            whole.sleep(SECOND);
            let (mark, held) = (whole.host.trace().mark(), whole.host.ledger().holdings());
            let resumed = whole.wakes();
            assert_eq!((resumed.class, resumed.degraded), (Class::Frozen, 0));
            let calls = names(&whole.host.trace().calls_since(mark));
            assert_eq!(calls[..2], PROBE);
            // The rest is what it takes to read one node: events and sleeps.
            assert!(calls[2..].iter().all(|call| [(EVTCHN, 4), (SCHED, 3)].contains(call)), "{calls:?}");
            let requests = whole.host.trace().requests_since(mark);
            assert_eq!(requests.iter().map(|one| one.op).collect::<Vec<_>>(), [StoreOp::Read]);
            assert_eq!(requests[0].path, "control/shutdown");
            assert_eq!(whole.host.ledger().holdings(), held);
            assert_eq!(whole.told(), [""; 0], "no device hears of it");
            // Handles of before are good.
            assert_eq!((whole.epoch.now(), port.epoch()), (EpochCell::new().now(), EpochCell::new().now()));
            assert!(port.binding().is_ok());
            offer.end().unwrap();
        });
    }
}

/// A4: what the toolstack asked for meanwhile is served, with an event or without.
#[test]
fn a_word_that_came_in_the_sleep_is_served() {
    let host = Host::builder().build();
    up(&host, |whole| {
        whole.host.toolstack().word("poweroff");
        assert_eq!(whole.wake().0, Outcome::Stop(ControlWord::Poweroff));
        assert_eq!(whole.host.store().read("control/shutdown").as_deref(), Some(""));
    });
}

/// The guest sleeps, is restored elsewhere, and comes out of its poll in a new domain.
#[test]
fn restored_in_its_sleep_it_rebuilds() {
    let host = Host::builder().kind(Kind::Hvm).build();
    up(&host, |whole| {
        look_unaware(whole);
        let host = whole.host.clone();
        whole.host.after(SECOND, move |_| {
            host.toolstack().save(elsewhere());
        });
        while whole.host.guest().domid() == DomId(1) {
            whole.sleep(SECOND);
        }
        let mark = whole.host.trace().mark();
        let resumed = whole.wakes();
        assert_eq!((resumed.class, resumed.degraded), (Class::New, 0));
        let calls = names(&whole.host.trace().calls_since(mark));
        // I11: after the probe the callback first, then shared_info.
        assert_eq!(calls[..4], [PROBE[0], PROBE[1], (HVM, 0), (Number::MEMORY_OP, 7)]);
        is_rebuilt(whole, 1);
    });
}

/// It never slept: it is in another domain from one hypercall to the next, the first of which is the probe's.
#[test]
fn restored_between_two_hypercalls_it_rebuilds() {
    let host = Host::builder().kind(Kind::Hvm).build();
    up(&host, |whole| {
        look_unaware(whole);
        let before = whole.clock.now();
        whole.host.toolstack().save(elsewhere());
        assert_eq!(whole.host.guest().domid(), DomId(1), "not yet");
        let resumed = whole.wakes();
        assert_eq!((resumed.class, whole.host.guest().domid()), (Class::New, DomId(2)));
        assert!(whole.clock.now() >= before, "I21: time does not go back");
        is_rebuilt(whole, 1);
    });
}

/// The toolstack may freeze a guest that it knows, too: one in S3. Again and again.
#[test]
fn each_new_domain_is_found_out() {
    let host = Host::builder().build();
    up(&host, |whole| {
        for epoch in 1..=if cfg!(miri) { 2 } else { 10 } {
            let before = whole.clock.now();
            whole.host.toolstack().freeze(elsewhere());
            whole.sleep(SECOND);
            assert_eq!(whole.wakes().class, Class::New);
            assert!(whole.clock.now() >= before, "I21: time does not go back");
            is_rebuilt(whole, epoch);
            assert_eq!(whole.wakes().class, Class::Frozen, "the next wake finds the domain that it knows");
        }
        assert_eq!(whole.host.ledger().holdings().ports.len(), 1, "the canary");
    });
}

/// What is said in the new domain before the guest finds out is kept, and comes out afterwards: an index that went back
/// gives the new ring away, if the guest has looked since the old one was read.
#[test]
fn words_said_before_the_wake_are_not_lost() {
    let host = Host::builder().build();
    up(&host, |whole| {
        whole.console.write(b"before\n");
        whole.sleep(SECOND);
        whole.console.flush();
        whole.host.toolstack().freeze(elsewhere());
        whole.sleep(SECOND);
        whole.console.write(b"unaware\n");
        assert!(whole.console.misbehaved().is_some());
        whole.wakes();
        whole.console.write(b"aware\n");
        whole.sleep(SECOND);
        assert_eq!(whole.host.console().text(), "before\nunaware\naware\n");
    });
}

/// The witnesses disagree the other way, as where Xen presets the callback: the canary alone says that it is new.
#[test]
fn the_canary_alone_tells_a_new_domain() {
    let host = Host::builder().build();
    up(&host, |whole| {
        whole.host.toolstack().freeze(elsewhere());
        whole.sleep(SECOND);
        hvm::set_param(whole.hook, Param::CALLBACK_IRQ, CALLBACK).unwrap();
        assert_eq!(whole.wakes().class, Class::New);
        is_rebuilt(whole, 1);
    });
}

/// The witnesses disagree: the canary is there, the callback is 0. In doubt it is new, and finds that everything exists.
#[test]
fn when_the_witnesses_disagree_it_rebuilds_what_exists() {
    let host = Host::builder().kind(Kind::Hvm).build();
    up(&host, |whole| {
        look_unaware(whole);
        whole.host.toolstack().save(Save::Checkpoint);
        whole.sleep(SECOND);
        let resumed = whole.wakes();
        assert_eq!((resumed.class, resumed.degraded, whole.host.guest().domid()), (Class::New, 0, DomId(1)));
        is_rebuilt(whole, 1);
        // The price: nobody closes the old canary, whose number could be a stranger's in a new domain.
        assert_eq!(whole.host.ledger().holdings().ports.len(), 2);
    });
}

/// Where `shared_info` was is a hole, which reads as a record that Xen writes for ever. The clock goes on by its own pace,
/// and takes nothing from the new host's uptime.
#[test]
fn its_clock_keeps_the_pace_before_it_finds_out_and_after() {
    for uptime in [Nanos::from_secs(1), Nanos::from_secs(100 * 24 * 3600)] {
        let host = Host::builder().build();
        up(&host, |whole| {
            let before = whole.clock.now();
            whole.host.toolstack().freeze(Save::Restore(Destination { uptime, ..Destination::default() }));
            let from = whole.host.now();
            whole.sleep(SECOND);
            let agrees = |now: Nanos| now.since(before).0.abs_diff(whole.host.now().since(from).0) < 1_000_000;
            assert!(agrees(whole.clock.now()), "unaware: {}", whole.clock.now().since(before));
            let resumed = whole.wakes();
            assert!(agrees(whole.clock.now()), "aware: {}", whole.clock.now().since(before));
            assert_eq!(resumed.class, Class::New);
            assert!(resumed.blackout < Nanos::from_millis(1), "it was dark to itself for {}", resumed.blackout);
        });
    }
}
