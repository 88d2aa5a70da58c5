//! Late acknowledgement: masked while events are served, longer for those without a cause, and never a stranger's port.
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use fake::fifo::{chosen, parts};
use fake::{Guest, Xen, guest};
use xen_evtchn::{Events, LatePort, Patience, PortError, Taken};
use xen_hypercall::{Nanos, Port, Stale, Vcpu};

const PATIENCE: Patience = Patience { unit: Nanos(10), most: Nanos(1000) };

fn both(test: impl Fn(&Guest, &Events<'_, &Xen>)) {
    let g = guest();
    test(&g, &Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots));
    let (g, memory) = parts(1);
    test(&g, &chosen(&g, memory));
}

fn late<'e>(events: &'e Events<'e, &'e Xen>) -> LatePort<'e, &'e Xen> {
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.unmask().unwrap();
    port.late(PATIENCE)
}

/// E04: while an event is served, others of its port do not disturb; one of them is delivered at the end (E08).
#[test]
fn e04_a_port_is_masked_while_it_is_served() {
    both(|g, events| {
        let mut port = late(events);
        g.xen.raise(1);
        assert_eq!(events.poll_pending(), Some(Port(1)));
        let served = port.attend().unwrap();
        assert!(g.xen.is_masked(1));
        (0..3).for_each(|_| g.xen.raise(1));
        assert_eq!(events.poll_pending(), None);
        assert_eq!(served.end(Taken(1), Nanos(0)), Ok(None));
        assert_eq!((g.xen.is_masked(1), events.poll_pending(), events.poll_pending()), (false, Some(Port(1)), None));
    });
}

/// E08: what comes before the port is masked is forgotten with it: the drain that follows sees it.
#[test]
fn e08_an_event_before_the_drain_is_part_of_it() {
    both(|g, events| {
        let mut port = late(events);
        g.xen.raise(1);
        assert_eq!(events.poll_pending(), Some(Port(1)));
        g.xen.raise(1);
        let served = port.attend().unwrap();
        assert_eq!(served.end(Taken(2), Nanos(0)), Ok(None));
        assert_eq!((events.poll_pending(), port.in_vain()), (None, 0));
    });
}

/// E03, E04: events without a cause, in a row: the first is free, then the port stays masked, twice as long each time.
#[test]
fn e03_e04_a_storm_without_cause_is_put_off() {
    both(|g, events| {
        let mut port = late(events);
        let mut now = Nanos(100);
        for penalty in [0, 0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000] {
            g.xen.raise(1);
            assert_eq!(events.poll_pending(), Some(Port(1)));
            // The first one takes something.
            let taken = Taken(1);
            let due = port.attend().unwrap().end(taken, now).unwrap();
            assert_eq!(due, (penalty > 0).then(|| now.after(Nanos(penalty))));
            assert_eq!((due, due.is_some()), (port.due(), g.xen.is_masked(1)));
            if let Some(due) = due {
                g.xen.raise(1);
                assert_eq!((events.poll_pending(), port.poll_due(Nanos(due.0 - 1))), (None, Ok(false)));
                assert_eq!((port.poll_due(due), port.due(), port.poll_due(due)), (Ok(true), None, Ok(false)));
                now = due;
                assert_eq!(events.poll_pending(), Some(Port(1)), "what came meanwhile");
            }
        }
        assert_eq!(port.attend().unwrap().end(Taken(2), now), Ok(None));
        assert_eq!((port.in_vain(), port.due()), (0, None), "one with a cause makes it good");
    });
}

/// E05: what was taken by somebody who polled before the handler ran is a cause, too.
#[test]
fn e05_work_that_was_taken_elsewhere_is_no_fault_of_the_peer() {
    both(|g, events| {
        let mut port = late(events);
        for round in 1..20 {
            g.xen.raise(1);
            assert_eq!(events.poll_pending(), Some(Port(1)));
            // The handler finds nothing: a poll has taken it all, and the ring says so.
            assert_eq!(port.attend().unwrap().end(Taken(round), Nanos(0)), Ok(None));
        }
        assert_eq!(port.in_vain(), 0);
        assert_eq!(port.attend().unwrap().end(Taken(19), Nanos(0)), Ok(None));
        assert_eq!(
            port.attend().unwrap().end(Taken(19), Nanos(0)),
            Ok(Some(Nanos(10))),
            "the neighbour without a cause"
        );
    });
}

#[test]
fn a_dropped_guard_unmasks_and_judges_nobody() {
    both(|g, events| {
        let mut port = late(events);
        for _ in 0..5 {
            drop(port.attend().unwrap());
            assert!(!g.xen.is_masked(1));
        }
        assert_eq!((port.in_vain(), port.due()), (0, None));
        assert_eq!(port.into_port().number(), Port(1));
    });
}

/// E22: the domain is resumed while an event is served: the late acknowledgement does not touch the stranger's port.
#[test]
fn e22_a_late_acknowledgement_of_an_old_port_does_nothing() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let (mut first, mut second, mut third) = (late(&events), late(&events), late(&events));
    let stale = Stale(first.port().epoch());
    for _ in 0..2 {
        let _ = third.attend().unwrap().end(Taken(0), Nanos(0));
    }
    let (one, two) = (first.attend().unwrap(), second.attend().unwrap());
    g.epoch.advance();
    events.rebuild().unwrap();
    let strangers = [1, 2, 3].map(|port| events.adopt(Port(port)).unwrap());
    strangers.iter().for_each(|port| g.xen.raise(port.number().0));
    let calls = g.xen.calls();
    assert_eq!(one.end(Taken(1), Nanos(0)), Err(PortError::Stale(stale)));
    drop(two);
    assert_eq!(third.poll_due(Nanos(5000)), Err(PortError::Stale(stale)));
    assert_eq!(first.attend().map(drop), Err(stale));
    assert!([1, 2, 3].iter().all(|port| g.xen.is_masked(*port)));
    assert!(strangers.iter().all(|port| port.is_pending() == Ok(true)));
    assert_eq!(g.xen.calls(), calls);
}
