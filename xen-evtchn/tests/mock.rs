//! The table of ports on the mock host: with a backend, and across each kind of resume.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

use xen_evtchn::{BindError, Events, Slot};
use xen_hypercall::op::event_channel::{Binding, Virq};
use xen_hypercall::op::{hvm, memory, sched};
use xen_hypercall::{DomId, EpochCell, Errno, Number, Port, SharedInfo, Vcpu};
use xen_mock::{Destination, Hook, Host, Mark, Save};

/// What outlives a table of ports.
struct Parts {
    host: Host,
    xen: Hook,
    epoch: EpochCell,
    info: SharedInfo,
    slots: [Slot; 64],
}

impl Parts {
    fn new() -> Self {
        Self::on(Host::builder().build())
    }

    fn on(host: Host) -> Self {
        let (xen, info) = (host.guest().hook(), SharedInfo::new(host.guest().page()));
        memory::map_shared_info(&xen, info.page()).unwrap();
        hvm::set_param(&xen, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).unwrap();
        Self { host, xen, epoch: EpochCell::new(), info, slots: [const { Slot::new() }; 64] }
    }

    fn events(&self) -> Events<'_, &Hook> {
        let events = Events::new(&self.xen, &self.epoch, &self.info, &self.slots);
        events.mask_all();
        events
    }

    fn store_port(&self) -> Port {
        let port = hvm::param(&self.xen, hvm::Param::STORE_EVTCHN).unwrap();
        Port(u32::try_from(port).unwrap())
    }

    /// Suspends as a guest does that acknowledges at once, and returns what the call returned.
    fn suspend(&self, save: Save) -> isize {
        self.host.toolstack().save(save);
        self.host.store().write("control/shutdown", "");
        sched::shutdown(&self.xen, sched::Reason::SUSPEND)
    }
}

#[test]
fn a_backend_and_we_call_each_other() {
    let p = Parts::new();
    let events = p.events();
    let port = events.alloc_unbound(DomId::DOM0).unwrap();
    let end = p.host.dom0().bind(port.number()).unwrap();
    assert_eq!(port.binding(), Ok(Binding::Interdomain(DomId::DOM0, end)));
    port.notify().unwrap();
    assert_eq!(p.host.dom0().take_events(end), 1);
    p.host.dom0().notify(end);
    assert_eq!(events.poll_pending(), None, "masked");
    port.unmask().unwrap();
    assert!(p.host.guest().upcall_pending(Vcpu(0)));
    assert_eq!((events.poll_pending(), events.poll_pending()), (Some(port.number()), None));
    drop(port);
    assert_eq!((p.host.ledger().holdings().ports, p.host.check()), (vec![], Ok(())));
}

/// E06, E07: a peer that closes leaves the port without one; sending is no error, and asking tells.
#[test]
fn e06_e07_a_peer_that_closed_is_found_by_asking() {
    let p = Parts::new();
    let events = p.events();
    let offered = p.host.dom0().offer();
    let port = events.bind_interdomain(DomId::DOM0, offered).unwrap();
    assert_eq!(port.take_pending(), Ok(true), "a new channel looks once");
    p.host.dom0().close(offered);
    assert_eq!((port.notify(), port.binding()), (Ok(()), Ok(Binding::Unbound(DomId::DOM0))));
    let refused = events.bind_interdomain(DomId::DOM0, offered);
    assert_eq!(refused.unwrap_err(), BindError::Xen(Errno::EINVAL), "E20: vanished");
    assert_eq!(events.bind_interdomain(DomId(77), offered).unwrap_err(), BindError::Xen(Errno::ESRCH));
    port.close().unwrap();
    assert_eq!(p.host.check(), Ok(()));
}

/// H13: the sleep ends by an event on a masked port, or by the time.
#[test]
fn waits_for_an_event_or_the_time() {
    let p = Parts::new();
    let events = p.events();
    let port = events.alloc_unbound(DomId::DOM0).unwrap();
    let end = p.host.dom0().bind(port.number()).unwrap();
    let soon = p.host.now().after(xen_hypercall::Nanos::from_millis(5));
    p.host.at(soon, move |host| host.dom0().notify(end));
    events.wait(&[port.number()], None).unwrap();
    assert!(p.host.now() >= soon);
    assert_eq!(port.take_pending(), Ok(true));
    let deadline = p.host.guest().system_time().after(xen_hypercall::Nanos::from_millis(9));
    events.wait(&[port.number()], Some(deadline)).unwrap();
    assert!(p.host.guest().system_time() >= deadline);
    assert_eq!((port.take_pending(), events.wait(&[Port(4000)], None)), (Ok(false), Err(Errno::EINVAL)));
}

/// E22: in a new domain the old numbers are the toolstack's ports. Old guards leave them alone.
#[test]
fn e22_a_restore_makes_all_guards_inert() {
    let p = Parts::new();
    let events = p.events();
    let store = events.adopt(p.store_port()).unwrap();
    let (canary, own) = (events.bind_canary().unwrap(), events.alloc_unbound(DomId::DOM0).unwrap());
    let to = Destination { ports_before: 2, ..Destination::default() };
    assert_eq!(p.suspend(Save::Restore(to)), 0);
    assert_eq!(events.still_ipi(canary.number()), Ok(false));
    memory::map_shared_info(&p.xen, p.info.page()).unwrap();
    p.epoch.advance();
    events.rebuild().unwrap();
    let mark = p.host.trace().mark();
    assert!(store.notify().is_err() && canary.unmask().is_err());
    own.close().unwrap();
    drop((store, canary));
    assert_eq!(p.host.trace().calls_since(mark).len(), 0);
    let store = events.adopt(p.store_port()).unwrap();
    store.notify().unwrap();
    drop(store);
    assert_eq!((events.open(), p.host.check()), (0, Ok(())));
}

/// A slow resume: the canary lives, what exists is taken over, and nothing is doubled or lost.
#[test]
fn a_slow_resume_takes_over_what_exists() {
    let p = Parts::new();
    let events = p.events();
    let (canary, timer) = (events.bind_canary().unwrap(), events.bind_virq(Virq::TIMER, Vcpu(0)).unwrap());
    let channel = events.alloc_unbound(DomId::DOM0).unwrap();
    assert_eq!(p.suspend(Save::SlowResume), 0);
    assert_eq!(events.still_ipi(canary.number()), Ok(true));
    p.epoch.advance();
    events.reconcile();
    let again = (events.rebind_ipi(Vcpu(0)).unwrap(), events.rebind_virq(Virq::TIMER, Vcpu(0)).unwrap());
    assert_eq!((again.0.number(), again.1.number()), (canary.number(), timer.number()));
    drop((canary, timer, channel));
    assert_eq!((p.host.ledger().holdings().ports.len(), events.open()), (2, 2));
    drop(again);
    assert_eq!((p.host.ledger().holdings().ports, p.host.check()), (vec![], Ok(())));
}

/// A checkpoint: the same epoch, and every guard as good as before.
#[test]
fn a_checkpoint_changes_nothing() {
    let p = Parts::new();
    let events = p.events();
    let (canary, port) = (events.bind_canary().unwrap(), events.alloc_unbound(DomId::DOM0).unwrap());
    let end = p.host.dom0().bind(port.number()).unwrap();
    assert_eq!(p.suspend(Save::Checkpoint), 1);
    assert_eq!(events.still_ipi(canary.number()), Ok(true));
    port.notify().unwrap();
    assert_eq!(p.host.dom0().take_events(end), 1);
}

#[test]
fn a_table_of_xen_that_is_full_refuses() {
    let p = Parts::on(Host::builder().max_port(4).build());
    let events = p.events();
    let ports: Vec<_> = core::iter::from_fn(|| events.bind_ipi(Vcpu(0)).ok()).collect();
    assert_eq!(events.bind_ipi(Vcpu(0)).unwrap_err(), BindError::Xen(Errno::ENOSPC));
    drop(ports);
    assert!(events.bind_ipi(Vcpu(0)).is_ok());
}

/// Every hypercall of a life fails once in turn: no panic, nothing left open that is not counted.
#[test]
fn each_hypercall_may_fail() {
    // Under Miri every third, for each has a host of its own.
    for nth in (1..).step_by(if cfg!(miri) { 3 } else { 1 }) {
        let p = Parts::new();
        let events = p.events();
        let before = Mark::default();
        p.host.faults().on_call(Number::EVENT_CHANNEL_OP).nth(nth).returns(-9999);
        let channel = events.alloc_unbound(DomId::DOM0);
        let (canary, timer) = (events.bind_canary(), events.rebind_virq(Virq::TIMER, Vcpu(0)));
        let _: Result<(), _> = canary.as_ref().map_or(Ok(()), |port| port.notify().and_then(|()| port.unmask()));
        p.epoch.advance();
        events.reconcile();
        drop((channel, canary, timer));
        drop(events.rebind_virq(Virq::TIMER, Vcpu(0)));
        events.close_kept();
        assert_eq!(p.host.ledger().holdings().ports.len(), events.leaked());
        assert_eq!((events.open(), p.host.check()), (events.leaked(), Ok(())));
        let calls = p.host.trace().calls_since(before);
        if calls.iter().all(|call| call.result != Some(-9999)) {
            assert!(nth > 8, "all of them had their turn");
            break;
        }
    }
}
