//! How ports come into the table, and what happens when they do not.

mod fake;

use fake::{CLOSED, OFFERED, guest, guest_with};
use xen_evtchn::{BindError, Events};
use xen_hypercall::op::event_channel::{Binding, Virq};
use xen_hypercall::{DomId, Errno, Port, Vcpu};

/// `EVTCHNOP_close`.
const CLOSE: usize = 3;
const REMOTE: DomId = DomId(5);

#[test]
fn each_kind_of_port_is_what_it_says() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let offered = events.alloc_unbound(REMOTE).unwrap();
    let bound = events.bind_interdomain(REMOTE, Port(OFFERED.1)).unwrap();
    let virq = events.bind_virq(Virq::DEBUG, Vcpu(0)).unwrap();
    let ipi = events.bind_ipi(Vcpu(0)).unwrap();
    let found = [&offered, &bound, &virq, &ipi].map(|port| port.binding().unwrap());
    let expected = [Binding::Unbound(REMOTE), Binding::Interdomain(REMOTE, Port(77)), Binding::Virq(Virq::DEBUG)];
    assert_eq!(found[..3], expected);
    assert_eq!(found[3], Binding::Ipi);
    assert_eq!((events.open(), g.xen.open()), (4, 4));
}

#[test]
fn a_new_port_is_masked() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.alloc_unbound(REMOTE).unwrap();
    assert!(g.xen.is_masked(port.number().0));
    port.unmask().unwrap();
    assert!(!g.xen.is_masked(port.number().0));
}

/// E15, E20, H01, H02: what Xen says is told as it is, and nothing is left behind.
#[test]
fn e15_e20_a_refusal_is_typed_and_leaves_nothing() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let vanished = events.bind_interdomain(REMOTE, Port(78));
    assert_eq!(vanished.as_ref().unwrap_err().errno(), Some(Errno::EINVAL));
    assert_eq!(vanished.unwrap_err(), BindError::Xen(Errno::EINVAL));
    for raw in [-28, -38, -9999, isize::MIN, 1] {
        g.xen.answer.set(Some((6, raw)));
        let Err(BindError::Xen(errno)) = events.alloc_unbound(REMOTE) else { panic!("{raw} is no success") };
        assert_eq!(errno.raw(), raw);
    }
    assert_eq!((events.open(), g.xen.open()), (0, 0));
    assert!(events.bind_interdomain(REMOTE, Port(OFFERED.1)).is_ok(), "the good neighbour");
}

/// E19: port 0, and a port that has an owner, are not taken and not closed.
#[test]
fn e19_a_port_of_another_owner_is_left_alone() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let store = events.adopt(Port(3)).unwrap();
    for (given, refusal) in [(0, BindError::NotAPort(Port(0))), (3, BindError::Taken(Port(3)))] {
        g.xen.give.set(Some(given));
        assert_eq!(events.alloc_unbound(REMOTE).unwrap_err(), refusal);
        assert_ne!(g.xen.state(Port(given)), CLOSED);
    }
    assert_eq!(events.adopt(Port(3)).unwrap_err(), BindError::Taken(Port(3)));
    assert_eq!(events.adopt(Port(3)).unwrap_err().errno(), None);
    assert_eq!(events.adopt(Port(4096)).unwrap_err(), BindError::NotAPort(Port(4096)));
    assert_eq!((store.number(), events.open()), (Port(3), 1));
}

/// E01: a number beyond the table is ours all the same, so it is closed again.
#[test]
fn e01_a_port_beyond_the_storage_is_closed() {
    let g = guest_with(2);
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let first = events.alloc_unbound(REMOTE).unwrap();
    assert_eq!(events.alloc_unbound(REMOTE).unwrap_err(), BindError::NoSlot(Port(2)));
    assert_eq!((first.number(), g.xen.open()), (Port(1), 1));
    assert_eq!(events.adopt(Port(2)).unwrap_err(), BindError::NoSlot(Port(2)));
    // Not even that is granted: it is counted, until the domain is another one.
    g.xen.answer.set(Some((CLOSE, -12)));
    assert_eq!(events.alloc_unbound(REMOTE).unwrap_err(), BindError::Xen(Errno::ENOMEM));
    assert_eq!((g.xen.open(), events.open(), events.leaked()), (2, 2, 1));
    events.rebuild().unwrap();
    assert_eq!((events.open(), events.leaked()), (0, 0));
}
