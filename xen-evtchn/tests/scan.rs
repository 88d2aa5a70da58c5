//! Events find their ports: none lost, none twice, none starved.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a panic fails the test")]
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;

use fake::{guest, guest_with};
use proptest::prelude::*;
use xen_evtchn::{Events, MAX_PORTS};
use xen_hypercall::{Port, Vcpu};

/// E03, E16: an upcall without an event, a selector without one, and a masked one: nothing to do.
#[test]
fn e03_e16_nothing_is_always_legal() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    events.mask_all();
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    let vcpu = g.xen.info.vcpu0();
    vcpu.upcall_pending().store(1, SeqCst);
    assert_eq!(events.poll_pending(), None);
    vcpu.pending_sel().store(u64::MAX, SeqCst);
    assert_eq!(events.poll_pending(), None);
    port.notify().unwrap();
    vcpu.pending_sel().store(u64::MAX, SeqCst);
    assert_eq!(events.poll_pending(), None, "masked");
    assert_eq!((port.is_pending(), events.may_have_more(), events.strays()), (Ok(true), false, 0));
}

/// E01, E02: an event on a port that nobody has is masked and counted; the neighbour is served.
#[test]
fn e01_e02_a_stray_port_disturbs_once() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.unmask().unwrap();
    for stray in [0, 2, 63, 64, 4095] {
        g.xen.raise(stray);
        g.xen.raise(1);
        assert_eq!(events.poll_pending(), Some(Port(1)));
        assert_eq!(events.poll_pending(), None);
        assert!(g.xen.is_masked(stray));
        g.xen.raise(stray);
        assert_eq!(events.poll_pending(), None);
    }
    assert_eq!(events.strays(), 5);
}

/// E02, E04: every port of the ABI at once, and none has an owner.
#[test]
fn e02_e04_a_storm_of_strays_ends() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    (0..MAX_PORTS as u32).for_each(|port| g.xen.raise(port));
    assert_eq!(events.poll_pending(), None);
    assert_eq!((events.strays(), events.may_have_more()), (4096, false));
}

/// E04, E17: a port that fires always comes once a turn, so every other port is served.
#[test]
fn e04_e17_a_busy_port_starves_nobody() {
    let g = guest_with(256);
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let others = [3, 63, 64, 127, 200];
    let ports: Vec<_> = others.iter().chain(&[1]).map(|at| events.adopt(Port(*at)).unwrap()).collect();
    ports.iter().for_each(|port| port.unmask().unwrap());
    others.iter().for_each(|at| g.xen.raise(*at));
    let mut served = vec![];
    for _ in 0..6 {
        g.xen.raise(1);
        served.extend(events.poll_pending());
    }
    assert_eq!(served, [1, 3, 63, 64, 127, 200].map(Port));
    assert_eq!(events.poll_pending(), Some(Port(1)));
}

/// E04: the budget holds, and what is left is not forgotten.
#[test]
fn e04_a_budget_leaves_the_rest_for_later() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let ports: Vec<_> = (0..5).map(|_| events.bind_ipi(Vcpu(0)).unwrap()).collect();
    for port in &ports {
        port.unmask().unwrap();
        port.notify().unwrap();
    }
    assert_eq!(events.poll_some(3).map(|port| port.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(events.may_have_more());
    assert_eq!(g.xen.info.vcpu0().upcall_pending().load(SeqCst), 0);
    assert_eq!(events.poll_some(3).map(|port| port.0).collect::<Vec<_>>(), [4, 5]);
    assert!(!events.may_have_more());
}

/// E08: an event that comes while the port is masked is delivered by the unmask, whenever it came.
#[test]
fn e08_an_unmask_loses_no_event() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.notify().unwrap();
    assert_eq!(events.poll_pending(), None);
    port.unmask().unwrap();
    assert_eq!((g.xen.info.vcpu0().upcall_pending().load(SeqCst), g.xen.is_masked(1)), (1, false));
    assert_eq!(events.poll_pending(), Some(Port(1)));
    let calls = g.xen.calls();
    port.mask().unwrap();
    port.unmask().unwrap();
    assert_eq!(g.xen.calls(), calls, "without an event, no hypercall");
}

/// E08: if Xen refuses, the port stays masked with its event.
#[test]
fn e08_a_refused_unmask_changes_nothing() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.notify().unwrap();
    g.xen.answer.set(Some((9, -22)));
    assert!(port.unmask().is_err());
    assert_eq!((g.xen.is_masked(1), port.take_pending(), port.take_pending()), (true, Ok(true), Ok(false)));
}

proptest! {
    /// Events, polls, masks and unmasks in any order: what was raised on an unmasked port comes out, once.
    #[test]
    fn every_event_comes_out_once(steps in prop::collection::vec((0_u8..4, 1_u32..200), 0..300)) {
        let g = guest_with(200);
        let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
        events.mask_all();
        let ports: Vec<_> = (1..200).map(|at| events.adopt(Port(at)).unwrap()).collect();
        let (mut pending, mut masked) = (BTreeSet::new(), (1..200).collect::<BTreeSet<u32>>());
        for (step, at) in steps {
            let port = &ports[at as usize - 1];
            match step {
                0 => { g.xen.raise(at); pending.insert(at); }
                1 => { port.mask().unwrap(); masked.insert(at); }
                2 => { port.unmask().unwrap(); masked.remove(&at); }
                _ => match events.poll_pending() {
                    Some(Port(out)) => prop_assert!(pending.remove(&out) && !masked.contains(&out)),
                    None => prop_assert_eq!(pending.difference(&masked).count(), 0),
                },
            }
        }
        for port in ports.iter() { port.unmask().unwrap(); }
        let left: BTreeSet<u32> = events.poll_some(MAX_PORTS).map(|port| port.0).collect();
        prop_assert_eq!(left, pending);
        prop_assert_eq!(events.strays(), 0);
    }
}
