//! The guard of a port: it closes what is ours, once, and never in a later epoch.
#![allow(clippy::arithmetic_side_effects, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod fake;

use std::cell::Cell;
use std::task::{Poll, Waker};

use fake::{CLOSED, guest};
use xen_evtchn::{Events, PortError, Sleeper};
use xen_hypercall::{DomId, Errno, IrqGate, Port, Stale, Vcpu};

const CLOSE: usize = 3;

#[test]
fn dropping_closes_and_masks() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.alloc_unbound(DomId::DOM0).unwrap();
    port.unmask().unwrap();
    drop(port);
    assert_eq!((g.xen.open(), events.open()), (0, 0));
    assert!(g.xen.is_masked(1));
}

#[test]
fn a_refused_close_gives_the_guard_back() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.alloc_unbound(DomId::DOM0).unwrap();
    g.xen.answer.set(Some((CLOSE, -16)));
    let refused = port.close().unwrap_err();
    assert_eq!((refused.errno, refused.port.number()), (Errno::EBUSY, Port(1)));
    assert_eq!(refused.to_string(), "port 1 stays open: Xen said EBUSY");
    assert!(refused.port.close().is_ok());
    assert_eq!((g.xen.open(), events.open(), events.leaked()), (0, 0, 0));
}

#[test]
fn a_drop_that_fails_is_counted_and_the_number_may_come_again() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.alloc_unbound(DomId::DOM0).unwrap();
    g.xen.answer.set(Some((CLOSE, -16)));
    drop(port);
    assert_eq!((events.open(), events.leaked()), (1, 1));
    g.xen.give.set(Some(1));
    let again = events.alloc_unbound(DomId::DOM0).unwrap();
    assert_eq!((again.number(), events.leaked()), (Port(1), 0));
}

#[test]
fn an_adopted_port_is_never_closed() {
    let g = guest();
    g.xen.ports.borrow_mut()[2] = [2, 0, 9];
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    drop(events.adopt(Port(2)).unwrap());
    events.adopt(Port(2)).unwrap().close().unwrap();
    let store = events.adopt(Port(2)).unwrap();
    store.notify().unwrap();
    drop(store);
    assert_ne!(g.xen.state(Port(2)), CLOSED);
    assert_eq!(events.open(), 0);
}

/// E07, E22: in a new domain the number is a stranger's. The guard does nothing at all to it.
#[test]
fn e07_e22_a_stale_guard_is_inert() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let [port, other] = [events.bind_ipi(Vcpu(0)).unwrap(), events.bind_ipi(Vcpu(0)).unwrap()];
    let stale = Stale(port.epoch());
    g.epoch.advance();
    events.rebuild().unwrap();
    let stranger = events.adopt(Port(1)).unwrap();
    stranger.unmask().unwrap();
    g.xen.raise(1);
    let calls = g.xen.calls();
    assert_eq!(port.notify(), Err(PortError::Stale(stale)));
    assert_eq!(port.unmask(), Err(PortError::Stale(stale)));
    assert_eq!(port.binding(), Err(PortError::Stale(stale)));
    assert_eq!((port.mask(), port.is_pending(), port.take_pending()), (Err(stale), Err(stale), Err(stale)));
    drop(port);
    other.close().unwrap();
    assert_eq!(g.xen.calls(), calls, "no hypercall");
    assert_eq!((stranger.is_pending(), events.open()), (Ok(true), 1));
    assert!(!g.xen.is_masked(1));
}

#[derive(Default)]
struct Gate(Cell<usize>, Cell<usize>);

impl IrqGate for Gate {
    type Saved = ();

    fn off(&self) {
        assert_eq!(self.0.replace(1), 0, "one section at a time");
        self.1.set(self.1.get() + 1);
    }

    fn restore(&self, (): ()) {
        assert_eq!(self.0.replace(0), 1);
    }
}

#[test]
fn every_change_is_one_section_of_the_gate() {
    let g = guest();
    let gate = Gate::default();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_gate(&gate);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.notify().unwrap();
    port.unmask().unwrap();
    assert_eq!(events.poll_pending(), Some(Port(1)));
    port.close().unwrap();
    events.reconcile();
    events.rebuild().unwrap();
    assert_eq!((gate.0.get(), gate.1.get()), (0, 7));
}

/// E22: between the look at the epoch and the waker's place no suspend may give the number to another port.
#[test]
fn e22_a_poll_for_an_event_is_one_section_of_the_gate() {
    let g = guest();
    let (gate, sleepers) = (Gate::default(), [const { Sleeper::new() }; 4]);
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_gate(&gate).with_sleepers(&sleepers);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    let sections = |expected| {
        let before = gate.1.get();
        let (poll, gone) = port.poll_event_with(Waker::noop().clone());
        assert_eq!((poll, gate.1.get() - before), (expected, 1));
        gone.iter().flatten().count()
    };
    assert_eq!([sections(Poll::Pending), sections(Poll::Pending)], [0, 1], "the old waker is handed out");
    g.xen.raise(1);
    assert_eq!(sections(Poll::Ready(Ok(()))), 2, "and then both");
    g.epoch.advance();
    assert_eq!(sections(Poll::Ready(Err(Stale(port.epoch())))), 1, "nobody's place is taken");
}
