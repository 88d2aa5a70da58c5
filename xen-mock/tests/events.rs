//! Event channels: exact results, and how an event comes in.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use std::sync::atomic::Ordering::Relaxed;

use common::{Client, after, clear_pending, is_pending};
use xen_hypercall::op::event_channel::{self as ops, Binding, Virq};
use xen_hypercall::op::sched;
use xen_hypercall::{DomId, Errno, Nanos, Port, Vcpu};
use xen_mock::{Host, Violation};

#[test]
fn ports_are_given_out_from_below() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let first = ops::alloc_unbound(&xen, DomId::DOM0).unwrap();
    assert_eq!(first, Port(3), "1 and 2 are xenstore's and the console's");
    let second = ops::bind_ipi(&xen, Vcpu(0)).unwrap();
    ops::close(&xen, first).unwrap();
    assert_eq!(ops::bind_virq(&xen, Virq::TIMER, Vcpu(0)).unwrap(), first);
    assert_eq!(host.ledger().holdings().ports, [first, second]);
}

#[test]
fn status_tells_what_a_port_is() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let binding = |port| ops::status(&xen, port).map(|status| status.binding);
    let unbound = ops::alloc_unbound(&xen, DomId(7)).unwrap();
    assert_eq!(binding(unbound), Ok(Binding::Unbound(DomId(7))));
    let timer = ops::bind_virq(&xen, Virq::TIMER, Vcpu(0)).unwrap();
    assert_eq!(binding(timer), Ok(Binding::Virq(Virq::TIMER)));
    assert!(matches!(binding(Port(1)), Ok(Binding::Interdomain(DomId::DOM0, _))));
    assert_eq!(binding(Port(40)), Ok(Binding::Closed));
    assert_eq!(binding(Port(0)), Ok(Binding::Closed));
    assert_eq!(binding(Port(64)), Err(Errno::EINVAL), "beyond what Xen has made room for");
}

#[test]
fn errors_are_those_of_xen() {
    let host = Host::builder().vcpus(2).max_port(5).build();
    let xen = host.guest().hook();
    let timer = ops::bind_virq(&xen, Virq::TIMER, Vcpu(1)).unwrap();
    assert_eq!(ops::bind_virq(&xen, Virq::TIMER, Vcpu(1)), Err(Errno::EEXIST));
    assert_eq!(ops::bind_virq(&xen, Virq::TIMER, Vcpu(2)), Err(Errno::ENOENT));
    assert_eq!(ops::bind_virq(&xen, Virq(2), Vcpu(1)), Err(Errno::EINVAL), "a global one, not on vCPU 0");
    assert_eq!(ops::bind_virq(&xen, Virq(24), Vcpu(0)), Err(Errno::EINVAL));
    assert_eq!(ops::bind_ipi(&xen, Vcpu(2)), Err(Errno::ENOENT));
    assert_eq!(ops::send(&xen, timer), Err(Errno::EINVAL));
    assert_eq!(ops::bind_interdomain(&xen, DomId(9), Port(1)), Err(Errno::ESRCH));
    assert_eq!(ops::bind_interdomain(&xen, DomId::DOM0, Port(1)), Err(Errno::EINVAL));
    assert_eq!(ops::unmask(&xen, Port(64)), Err(Errno::EINVAL));
    ops::bind_ipi(&xen, Vcpu(0)).unwrap();
    ops::bind_ipi(&xen, Vcpu(0)).unwrap();
    assert_eq!(ops::bind_ipi(&xen, Vcpu(0)), Err(Errno::ENOSPC));
    assert_eq!(host.check().unwrap_err(), [Violation::SentByWrongPort(timer)]);
}

#[test]
fn an_event_sets_three_bits() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    clear_pending(&client.shared, client.port);
    client.shared.u8_at::<0>().store(0, Relaxed);
    client.shared.u64_at::<8>().store(0, Relaxed);
    let port = ops::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    ops::send(&client.xen, port).unwrap();
    assert!(is_pending(&client.shared, port));
    assert_eq!(client.shared.u64_at::<8>().load(Relaxed), 1);
    assert_eq!(client.shared.u8_at::<0>().load(Relaxed), 1);
}

#[test]
fn a_masked_event_waits_for_unmask_but_wakes_a_poll() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let port = ops::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    client.shared.u64s_at::<2560, 64>()[0].store(u64::MAX, Relaxed);
    client.shared.u8_at::<0>().store(0, Relaxed);
    client.shared.u64_at::<8>().store(0, Relaxed);
    ops::send(&client.xen, port).unwrap();
    assert!(is_pending(&client.shared, port));
    assert_eq!(client.shared.u8_at::<0>().load(Relaxed), 0);
    let before = host.now();
    sched::poll(&client.xen, &[port], after(&client.guest, 1000)).unwrap();
    assert!(host.now().since(before) < Nanos::from_millis(1));
    ops::unmask(&client.xen, port).unwrap();
    assert_eq!(client.shared.u8_at::<0>().load(Relaxed), 1);
    assert_eq!(client.shared.u64s_at::<2560, 64>()[0].load(Relaxed), !(1 << port.0));
}

#[test]
fn a_poll_ends_at_its_deadline() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let port = ops::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    let before = host.now();
    sched::poll(&client.xen, &[port], after(&client.guest, 700)).unwrap();
    let slept = host.now().since(before);
    assert!((Nanos::from_millis(700)..Nanos::from_millis(701)).contains(&slept), "{slept}");
    assert_eq!(sched::poll(&client.xen, &[Port(64)], None), Err(Errno::EINVAL));
    assert_eq!(sched::poll(&client.xen, &[port; 129], None), Err(Errno::EINVAL));
}

#[test]
#[should_panic(expected = "the guest sleeps for ever")]
fn a_poll_that_cannot_end_fails_the_test() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let port = ops::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    sched::poll(&client.xen, &[port], None).unwrap();
}

#[test]
#[should_panic(expected = "an endless loop?")]
fn a_loop_without_end_fails_the_test() {
    let host = Host::builder().budget(1000).build();
    let xen = host.guest().hook();
    loop {
        sched::yield_now(&xen).unwrap();
    }
}

#[test]
fn loopback_and_dom0_ends() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let here = ops::alloc_unbound(&client.xen, client.guest.domid()).unwrap();
    let there = ops::bind_interdomain(&client.xen, DomId::SELF, here).unwrap();
    assert!(is_pending(&client.shared, there), "the binding end looks once");
    ops::send(&client.xen, there).unwrap();
    assert!(is_pending(&client.shared, here));
    ops::close(&client.xen, there).unwrap();
    let status = ops::status(&client.xen, here).unwrap();
    assert_eq!(status.binding, Binding::Unbound(client.guest.domid()));

    let dom0 = host.dom0();
    let ours = ops::alloc_unbound(&client.xen, DomId::DOM0).unwrap();
    assert_eq!(dom0.bind(here), None);
    let theirs = dom0.bind(ours).unwrap();
    ops::send(&client.xen, ours).unwrap();
    assert_eq!(dom0.take_events(theirs), 1);
    dom0.notify(theirs);
    assert!(is_pending(&client.shared, ours));
    dom0.close(theirs);
    assert_eq!(ops::status(&client.xen, ours).unwrap().binding, Binding::Unbound(DomId::DOM0));

    let offered = dom0.offer();
    let bound = ops::bind_interdomain(&client.xen, DomId::DOM0, offered).unwrap();
    ops::send(&client.xen, bound).unwrap();
    assert_eq!(dom0.take_events(offered), 1);
    host.check().unwrap();
}

#[test]
fn events_can_be_lost_and_made_up() {
    let host = Host::builder().build();
    let client = Client::new(&host);
    let ours = ops::alloc_unbound(&client.xen, DomId::DOM0).unwrap();
    let theirs = host.dom0().bind(ours).unwrap();
    host.faults().drop_events(ours, 1);
    host.dom0().notify(theirs);
    assert!(!is_pending(&client.shared, ours));
    host.dom0().notify(theirs);
    assert!(is_pending(&client.shared, ours));
    let other = ops::bind_ipi(&client.xen, Vcpu(0)).unwrap();
    host.faults().spurious_event(other);
    assert!(is_pending(&client.shared, other));
}

#[test]
fn misuse_is_noted() {
    let host = Host::builder().build();
    let xen = host.guest().hook();
    let port = ops::bind_ipi(&xen, Vcpu(0)).unwrap();
    ops::close(&xen, port).unwrap();
    assert_eq!(ops::close(&xen, port), Err(Errno::EINVAL));
    assert_eq!(ops::send(&xen, port), Err(Errno::EINVAL));
    ops::close(&xen, Port(1)).unwrap();
    let expected =
        [Violation::ClosedTwice(port), Violation::SentByWrongPort(port), Violation::ClosedToolstackPort(Port(1))];
    assert_eq!(host.check().unwrap_err(), expected);
}
