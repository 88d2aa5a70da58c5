//! After a resume: in a new domain nothing is left, in the old one all is.

mod fake;

use fake::{CLOSED, EEXIST, EINVAL, OFFERED, guest};
use xen_evtchn::{Abi, BindError, Events};
use xen_hypercall::op::event_channel::Virq;
use xen_hypercall::{DomId, Errno, Port, SystemTime, Vcpu};

const VCPU: Vcpu = Vcpu(0);

#[test]
fn rebuild_forgets_all_and_closes_nothing() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let old = [events.alloc_unbound(DomId::DOM0).unwrap(), events.bind_ipi(VCPU).unwrap()];
    old.iter().for_each(|port| port.unmask().unwrap());
    old.iter().for_each(|port| g.xen.raise(port.number().0));
    assert_eq!(events.poll_pending(), Some(Port(1)));
    let calls = g.xen.calls();
    g.epoch.advance();
    assert_eq!(events.rebuild(), Ok(Abi::TwoLevel));
    assert_eq!(
        (events.may_have_more(), events.poll_pending()),
        (true, None),
        "one look everywhere is due, all is masked"
    );
    assert!(!events.may_have_more());
    drop(old);
    assert_eq!((g.xen.calls(), events.open()), (calls, 0));
    assert!([1, 2, 4095].iter().all(|port| g.xen.is_masked(*port)));
    let store = events.adopt(Port(1)).unwrap();
    g.xen.raise(1);
    store.unmask().unwrap();
    assert_eq!(events.poll_pending(), Some(Port(1)));
}

#[test]
fn reconcile_closes_channels_and_keeps_the_rest() {
    let g = guest();
    g.xen.ports.borrow_mut()[1] = [2, 0, 9];
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let store = events.adopt(Port(1)).unwrap();
    let channels =
        [events.alloc_unbound(DomId(5)).unwrap(), events.bind_interdomain(DomId(5), Port(OFFERED.1)).unwrap()];
    let [virq, ipi] = [events.bind_virq(Virq::TIMER, VCPU).unwrap(), events.bind_canary().unwrap()];
    g.epoch.advance();
    events.reconcile();
    assert_eq!([1, 2, 3].map(|port| g.xen.state(Port(port)) == CLOSED), [false, true, true]);
    let again = [events.rebind_virq(Virq::TIMER, VCPU).unwrap(), events.rebind_ipi(VCPU).unwrap()];
    assert_eq!(again.each_ref().map(|port| port.number()), [virq.number(), ipi.number()]);
    drop((store, channels, virq, ipi));
    assert_eq!((events.open(), g.xen.open()), (2, 3), "stale guards close nothing");
    drop(again);
    assert_eq!((events.open(), g.xen.open()), (0, 1));
}

#[test]
fn what_is_kept_and_not_wanted_is_closed() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let old = [events.bind_ipi(VCPU).unwrap(), events.bind_ipi(VCPU).unwrap()];
    g.epoch.advance();
    events.reconcile();
    let kept = events.rebind_ipi(VCPU).unwrap();
    events.close_kept();
    assert_eq!((kept.number(), events.open(), g.xen.open()), (Port(1), 1, 1));
    drop(old);
}

#[test]
fn rebinding_binds_what_is_not_there() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let fresh = [events.rebind_virq(Virq::TIMER, VCPU).unwrap(), events.rebind_ipi(VCPU).unwrap()];
    assert_eq!(fresh.each_ref().map(|port| port.number()), [Port(1), Port(2)]);
    let taken = events.rebind_virq(Virq::TIMER, VCPU);
    assert_eq!(taken.unwrap_err(), BindError::Xen(Errno::EEXIST), "its port has an owner");
    g.xen.answer.set(Some((1, EEXIST)));
    assert_eq!(events.rebind_virq(Virq::DEBUG, VCPU).unwrap_err(), BindError::Xen(Errno::EEXIST), "Xen lies");
    g.xen.answer.set(Some((1, EINVAL)));
    assert_eq!(events.rebind_virq(Virq(99), VCPU).unwrap_err(), BindError::Xen(Errno::EINVAL));
}

/// A virtual interrupt bound by somebody who ran before us is found too.
#[test]
fn a_virq_that_was_never_ours_is_taken_over() {
    let g = guest();
    g.xen.ports.borrow_mut()[7] = [4, Virq::DEBUG.0, 0];
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    assert_eq!(events.rebind_virq(Virq::DEBUG, VCPU).unwrap().number(), Port(7));
}

/// Its port is there, for Xen said so: a state that it did not tell is asked for again.
#[test]
fn a_virq_is_found_though_the_state_of_its_port_is_not_told_at_first() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let timer = events.bind_virq(Virq::TIMER, VCPU).unwrap();
    g.epoch.advance();
    events.reconcile();
    g.xen.answer.set(Some((5, EINVAL)));
    assert_eq!(events.rebind_virq(Virq::TIMER, VCPU).unwrap().number(), timer.number());
    assert_eq!(g.xen.answer.get(), None, "it was asked");
}

/// E21: whatever else the canary's number is, or an unknown state, means a new domain.
#[test]
fn e21_the_canary_tells_the_old_domain_from_a_new_one() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let canary = events.bind_canary().unwrap();
    let number = canary.number();
    assert_eq!(events.still_ipi(number), Ok(true));
    for other in [CLOSED, [1, 0, 0], [2, 0, 3], [4, 1, 0], [6, 0, 0], [u32::MAX, 0, 0]] {
        g.xen.ports.borrow_mut()[1] = other;
        assert_eq!(events.still_ipi(number), Ok(false), "{other:?}");
    }
    assert_eq!(events.still_ipi(Port(9999)), Ok(false), "no such port");
    g.xen.answer.set(Some((5, -9999)));
    assert_eq!(events.still_ipi(number).unwrap_err().raw(), -9999);
    g.epoch.advance();
}

/// H13: the wait hands on ports and deadline, and promises nothing.
#[test]
fn waits_for_ports_until_a_time() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    for (deadline, sent) in [(None, 0), (Some(SystemTime(0)), 1), (Some(SystemTime(77)), 77)] {
        events.wait(&[Port(1), Port(5)], deadline).unwrap();
        assert_eq!(*g.xen.polled.borrow(), Some((vec![1, 5], sent)));
    }
    g.xen.answer.set(Some((3, EINVAL)));
    assert_eq!(events.wait(&[], None), Err(Errno::EINVAL));
}
