//! The FIFO ABI against a Xen that links words as the header says.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a panic fails the test")]
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;

use fake::fifo::{chosen, events, parts, told, unmasked};
use fake::{Guest, Xen};
use proptest::prelude::*;
use xen_evtchn::{Abi, AbiError, Events};
use xen_hypercall::op::event_channel::Priority;
use xen_hypercall::{Port, Vcpu};

const UNMASK: usize = 9;

#[test]
fn events_come_in_the_order_of_their_coming() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let ports: Vec<_> = (0..4).map(|_| unmasked(&events)).collect();
    for order in [[3, 1, 4, 2], [1, 2, 3, 4], [4, 3, 2, 1]] {
        order.iter().for_each(|at| g.xen.raise(*at));
        g.xen.raise(order[0]);
        assert!(events.may_have_more());
        assert_eq!((told(&events), events.may_have_more()), (order.to_vec(), false));
    }
    order_by_dispatch(&g, &events);
    assert!(ports.iter().all(|port| port.is_pending() == Ok(false)));
    assert_eq!((events.disorders(), events.strays(), events.lingering()), (0, 0, 0));
}

/// E04: the budget holds, and what is left is where it was.
fn order_by_dispatch(g: &Guest, events: &Events<'_, &Xen>) {
    [2, 4, 1, 3].iter().for_each(|at| g.xen.raise(*at));
    let mut got = vec![];
    assert_eq!(events.dispatch(3, |port| got.push(port.0)), 3);
    g.xen.raise(2);
    assert_eq!((events.dispatch(9, |port| got.push(port.0)), got), (2, vec![2, 4, 1, 3, 2]));
}

#[test]
fn urgent_ports_come_first() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let ports: Vec<_> = (0..4).map(|_| unmasked(&events)).collect();
    for (port, priority) in ports.iter().zip([15, 7, 0, 7]) {
        port.set_priority(Priority::new(priority).unwrap()).unwrap();
    }
    [1, 2, 3, 4].iter().for_each(|at| g.xen.raise(*at));
    assert_eq!(events.poll_pending(), Some(Port(3)));
    g.xen.raise(3);
    assert_eq!(told(&events), [3, 2, 4, 1]);
}

/// E09: what comes next in a queue is not what seemed to, if the handler did something: it took an event itself, masked or
/// closed the next port, or brought a more urgent one.
#[test]
fn e09_a_queue_changes_under_its_handler() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let mut ports: Vec<_> = (0..5).map(|_| unmasked(&events)).collect();
    ports[4].set_priority(Priority::HIGHEST).unwrap();
    let run = |act: &mut dyn FnMut()| {
        (1..5).for_each(|at| g.xen.raise(at));
        let mut got = vec![];
        events.dispatch(9, |port| {
            got.push(port.0);
            if port.0 == 2 {
                act();
            }
        });
        got
    };
    assert_eq!(run(&mut || g.xen.raise(5)), [1, 2, 5, 3, 4]);
    assert_eq!(run(&mut || assert_eq!(events.poll_pending(), Some(Port(3)))), [1, 2, 4]);
    assert_eq!(run(&mut || ports[2].mask().unwrap()), [1, 2, 4]);
    ports[2].unmask().unwrap();
    assert_eq!(told(&events), [3]);
    let third = ports.remove(2);
    let mut third = Some(third);
    assert_eq!(run(&mut || drop(third.take())), [1, 2, 4]);
    assert_eq!((events.disorders(), told(&events)), (0, vec![]));
}

/// A queue goes from page to page, and back.
#[test]
fn a_queue_goes_through_all_pages() {
    let (g, memory) = parts(2);
    let events = chosen(&g, memory);
    let order = [1, 1025, 2, 3, 1026, 1027, 4, 1028];
    let ports: Vec<_> = order.iter().map(|at| events.adopt(Port(*at)).unwrap()).collect();
    ports.iter().for_each(|port| port.unmask().unwrap());
    for _ in 0..2 {
        order.iter().for_each(|at| g.xen.raise(*at));
        let mut got = vec![];
        assert_eq!(events.dispatch(99, |port| got.push(port.0)), order.len());
        assert_eq!(got, order);
    }
}

/// E09: what comes after the last of a page is not that one, though it is in the queue again.
#[test]
fn e09_a_queue_leaves_a_page_whose_last_word_comes_again() {
    let (g, memory) = parts(2);
    let events = chosen(&g, memory);
    let ports = [1, 2, 1025, 1026].map(|at| events.adopt(Port(at)).unwrap());
    ports.iter().for_each(|port| port.unmask().unwrap());
    [1, 2, 1025, 1026].iter().for_each(|at| g.xen.raise(*at));
    let mut got = vec![];
    events.dispatch(99, |port| {
        got.push(port.0);
        if got == [1, 2] {
            g.xen.raise(2);
        }
    });
    assert_eq!((got, events.may_have_more()), (vec![1, 2, 1025, 1026, 2], false));
}

#[test]
fn an_event_on_a_masked_port_waits_for_the_unmask() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let (port, other) = (events.bind_ipi(Vcpu(0)).unwrap(), unmasked(&events));
    g.xen.raise(1);
    assert_eq!((told(&events), port.is_pending()), (vec![], Ok(true)));
    port.unmask().unwrap();
    assert_eq!(told(&events), [1]);
    let calls = g.xen.calls();
    port.mask().unwrap();
    port.unmask().unwrap();
    assert_eq!(g.xen.calls(), calls, "without an event, no hypercall");
    // Masked while it is in the queue: it comes out of it, and keeps its event.
    g.xen.raise(1);
    g.xen.raise(2);
    port.mask().unwrap();
    assert_eq!((told(&events), port.is_pending()), (vec![2], Ok(true)));
    g.xen.answer.set(Some((UNMASK, -22)));
    assert!(port.unmask().is_err() && g.xen.is_masked(1), "refused, it is as it was");
    port.unmask().unwrap();
    assert_eq!((told(&events), other.is_pending()), (vec![1], Ok(false)));
}

#[test]
fn the_abi_is_not_chosen_under_ports_in_use() {
    let (g, memory) = parts(1);
    let events = events(&g, memory);
    let port = unmasked(&events);
    assert_eq!((events.choose(), events.abi()), (Err(AbiError::InUse), Abi::TwoLevel));
    drop(port);
    assert_eq!(events.choose(), Ok(Abi::Fifo));
}

/// I12, I15, E22: a new domain: pages are given anew, old events are gone, guards are inert. A host without FIFO is good, too.
#[test]
fn a_rebuild_chooses_anew() {
    let (g, memory) = parts(2);
    let events = chosen(&g, memory);
    for (refused, abi) in [(None, Abi::Fifo), (Some((11, -38)), Abi::TwoLevel), (None, Abi::Fifo)] {
        let old = unmasked(&events);
        g.xen.raise(1);
        g.xen.raise(2);
        g.epoch.advance();
        g.xen.fifo.forget();
        g.xen.ports.borrow_mut().fill(fake::CLOSED);
        g.xen.info.pending()[0].store(0, SeqCst);
        g.xen.answer.set(refused);
        let calls = g.xen.calls();
        assert_eq!((events.rebuild(), events.abi()), (Ok(abi), abi));
        assert_eq!(g.xen.calls() - calls, if abi == Abi::Fifo { 3 } else { 1 });
        assert!(g.xen.is_masked(1) && g.xen.is_masked(2));
        assert_eq!((told(&events), old.is_pending().is_err()), (vec![], true));
        let new = unmasked(&events);
        drop(old);
        g.xen.raise(1);
        assert_eq!((told(&events), new.is_pending()), (vec![1], Ok(false)));
    }
}

/// R-INPLACE: Xen keeps control blocks and event words; so does the table, and what is in the queues.
#[test]
fn reconcile_goes_on_with_the_queues() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let old = [unmasked(&events), unmasked(&events)];
    [2, 1].iter().for_each(|at| g.xen.raise(*at));
    g.epoch.advance();
    events.reconcile();
    let again = [events.rebind_ipi(Vcpu(0)).unwrap(), events.rebind_ipi(Vcpu(0)).unwrap()];
    again.iter().for_each(|port| port.unmask().unwrap());
    assert_eq!((events.abi(), told(&events)), (Abi::Fifo, vec![2, 1]));
    drop(old);
    assert_eq!(events.open(), 2);
}

#[test]
fn a_reset_closes_all_and_goes_back() {
    let (g, memory) = parts(1);
    let mut events = chosen(&g, memory);
    std::mem::forget(unmasked(&events));
    events.reset().unwrap();
    assert_eq!((events.abi(), events.open(), g.xen.open()), (Abi::TwoLevel, 0, 0));
    assert_eq!(events.choose(), Ok(Abi::Fifo));
}

/// Each processor has queues of its own; what was linked to the wrong one goes over to the right one.
#[test]
fn each_processor_takes_its_own_queues() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    events.join(&one).unwrap();
    let (here, there) = (unmasked(&events), events.bind_ipi(Vcpu(1)).unwrap());
    there.unmask().unwrap();
    [1, 2].iter().for_each(|at| g.xen.raise(*at));
    assert_eq!(*g.xen.called.borrow(), [0, 1]);
    assert_eq!((events.poll_pending_on(&one), events.poll_pending_on(&one)), (Some(Port(2)), None));
    assert_eq!(told(&events), [1]);
    // It comes, and another processor is told before anybody has looked.
    g.xen.raise(1);
    here.tell(Vcpu(1)).unwrap();
    assert_eq!(events.poll_pending_on(&one), None);
    assert_eq!(told(&events), [0; 0]);
    assert_eq!((events.poll_pending_on(&one), events.strays()), (Some(Port(1)), 0));
}

proptest! {
    /// Events, polls, masks, unmasks, closes and binds in any order: what was raised on an unmasked port comes out, once.
    #[test]
    fn every_event_comes_out_once(steps in prop::collection::vec((0_u8..6, 1_u32..40, 0_u8..16), 0..300)) {
        let (g, memory) = parts(1);
        let events = chosen(&g, memory);
        let mut ports: Vec<_> = (1..40).map(|_| Some(events.bind_ipi(Vcpu(0)).unwrap())).collect();
        let (mut pending, mut masked) = (BTreeSet::new(), (1..40).collect::<BTreeSet<u32>>());
        for (step, at, priority) in steps {
            let place = at as usize - 1;
            match (step, &ports[place]) {
                (0, Some(_)) => { g.xen.raise(at); pending.insert(at); }
                (1, Some(port)) => { port.mask().unwrap(); masked.insert(at); }
                (2, Some(port)) => { port.unmask().unwrap(); masked.remove(&at); }
                (3, Some(port)) => port.set_priority(Priority::new(priority).unwrap()).unwrap(),
                (4, Some(_)) => { ports[place] = None; pending.remove(&at); masked.insert(at); }
                (4, None) => {
                    let port = events.bind_ipi(Vcpu(0)).unwrap();
                    let place = port.number().0 as usize - 1;
                    if place < ports.len() { ports[place] = Some(port); }
                }
                _ => match events.poll_pending() {
                    Some(Port(out)) => prop_assert!(pending.remove(&out) && !masked.contains(&out)),
                    None => prop_assert_eq!(pending.difference(&masked).count(), 0),
                },
            }
        }
        for port in ports.iter().flatten() { port.unmask().unwrap(); }
        let left: BTreeSet<u32> = told(&events).into_iter().collect();
        prop_assert_eq!(left, pending);
        prop_assert_eq!((events.disorders(), events.strays(), events.lingering()), (0, 0, 0));
    }
}
