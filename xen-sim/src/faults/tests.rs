//! Each rule of the sweep can be broken: here it is, by the host's hand.

use std::panic::{set_hook, take_hook};

use guest::lifecycle::Lifecycle;
use xen_hypercall::op::event_channel;
use xen_hypercall::{DomId, Gfn, Nanos, Number, Port};
use xen_mock::{Host, StoreOp};

use super::{Baseline, Case, Fault, Outcome, subject};

/// A poll that fails in the first step: by itself it does no harm.
fn harmless(baseline: &Baseline) -> Case {
    let all = baseline.cases().into_iter();
    all.filter(|case| case.operation == "SCHEDOP_poll").find(|case| case.result() == "-22").expect("the guest sleeps")
}

/// Plays a harmless case on a host that does something else too, and returns what the sweep says.
fn verdict(lifecycle: &str, arrange: impl Fn(&Host)) -> String {
    let baseline = Baseline::of(subject(lifecycle).unwrap()).unwrap();
    let case = harmless(&baseline);
    assert_eq!(baseline.run(&case), Ok(Outcome::Survived), "by itself it is harmless");
    baseline.run_with(&case, &arrange).map_or_else(|broken| broken.0, |outcome| format!("{outcome:?}"))
}

fn at(seconds: u64, deed: impl Fn(&Host) + Copy + 'static) -> impl Fn(&Host) {
    move |host| host.at(Nanos::from_secs(seconds), deed)
}

macro_rules! broken {
    ($($name:ident: $lifecycle:literal, $arrange:expr => $words:literal;)*) => {
        $(#[test]
        fn $name() {
            let said = verdict($lifecycle, $arrange);
            assert!(said.contains($words), "{said}");
        })*
    };
}

broken! {
    a_second_fault_need_not_show: "checkpoint", |_| () => "Survived";
    an_endless_loop: "checkpoint", at(2, |host| {
        host.faults().on_call(Number::SCHED_OP).cmd(3).times(u64::MAX).returns(-22);
    }) => "an endless loop";
    a_rule_of_the_hosts: "checkpoint", at(2, |host| {
        event_channel::send(&host.guest().hook(), Port(900)).unwrap_err();
    }) => "the rules of the host: an event was sent by port 900";
    a_port_left_open: "poweroff", at(0, |host| {
        event_channel::alloc_unbound(&host.guest().hook(), DomId::DOM0).unwrap();
    }) => "it holds";
    a_watch_that_is_gone: "restore", |host| {
        host.faults().on_store(StoreOp::Watch).nth(2).times(u64::MAX).fails("EIO");
    } => "it holds";
    a_strange_word: "checkpoint", at(2, |host| host.store().write("control/shutdown", "bogus")) => "holds Some(\"bogus\")";
    a_node_that_is_gone: "checkpoint", at(2, |host| host.store().remove("control/shutdown")) => "holds None";
    a_feature_that_is_not_published: "poweroff", at(5, |host| host.store().write("control/feature-suspend", ""))
        => "published: [Some(\"\")";
    memory_that_changed: "checkpoint", at(2, |host| host.guest().map(Gfn(0x1080)).copy_out(7, b"!")) => "FAIL what=memory";
    a_wake_up_that_is_lost: "checkpoint", at(2, |host| host.faults().drop_events(Port(1), 6)) => "Checkpoint took ";
    a_cancelled_suspend_that_does_something: "checkpoint", at(3, |host| {
        let port = event_channel::alloc_unbound(&host.guest().hook(), DomId::DOM0).unwrap();
        event_channel::close(&host.guest().hook(), port).unwrap();
    }) => "after a cancelled suspend: Some((Number(32), 6))";
    a_crash_for_little: "restore", |host| {
        host.faults().on_call(Number::MEMORY_OP).nth(3).returns(-12);
    } => "SCHEDOP_poll is not worth a crash";
    a_guest_that_does_not_stop: "poweroff", |host| {
        host.faults().on_call(Number::SCHED_OP).cmd(2).nth(3).times(u64::MAX).returns(-22);
    } => "made no end of itself: Running";
    two_operations_that_fail: "restore", |host| {
        host.faults().on_call(Number::SCHED_OP).cmd(2).nth(2).times(2).returns(-22);
    } => "ended as NotSuspended";
    a_console_that_falls_silent: "checkpoint", |host| {
        host.faults().drop_events(Port(2), u64::MAX);
    } => "it does not tick after step 0";
}

#[test]
fn a_panic() {
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    let said = verdict("poweroff", at(2, |_| panic!("planted")));
    set_hook(hook);
    assert_eq!(said, "a panic: planted");
}

/// A witness that says without need that the domain is another: the guest believes it, and is rebuilt where it was. That is
/// why such answers are not in the table. By bitmaps: Xen gives a domain its queues once, and a guest that went on without
/// would hear nothing.
#[test]
fn a_witness_that_lies() {
    let by_bitmaps = Lifecycle { cmdline: "evtchn=2l selftest_after=1", ..*subject("slow-resume").unwrap() };
    let baseline = Baseline::of(Box::leak(Box::new(by_bitmaps))).unwrap();
    let asked =
        baseline.cases().into_iter().find(|case| case.operation == "EVTCHNOP_status" && case.moment == "slow resume");
    let Some(Case { fault: Fault::Call(place, _), .. }) = asked else { panic!("it is asked") };
    let lie = Case { fault: Fault::Call(place, -22), ..asked.unwrap() };
    let said = baseline.run(&lie).unwrap_err().0;
    assert!(said.contains("class=new"), "{said}");
}

#[test]
fn a_fault_that_does_not_come() {
    let baseline = Baseline::of(subject("poweroff").unwrap()).unwrap();
    let case = Case { fault: Fault::Call(100_000, -22), ..harmless(&baseline) };
    assert_eq!(baseline.run(&case).unwrap_err().0, "the fault did not come");
}
