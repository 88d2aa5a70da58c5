//! Queues of the FIFO ABI in disorder: what comes afterwards comes through.
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use std::sync::atomic::Ordering::SeqCst;

use fake::fifo::{LINKED, Memory};
use fake::{Guest, Xen, guest_with};
use xen_evtchn::{Abi, BoundPort, Events};
use xen_hypercall::Vcpu;

/// A port that there is not.
const BEYOND: u32 = 5000;

fn parts() -> (Guest, &'static Memory) {
    let g = guest_with(1024);
    let memory = Box::leak(Box::new(Memory::new(1)));
    g.xen.fifo.map(memory);
    (g, memory)
}

fn chosen<'g>(g: &'g Guest, memory: &Memory) -> Events<'g, &'g Xen> {
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_fifo(memory.fifo());
    assert_eq!(events.choose(), Ok(Abi::Fifo));
    events
}

fn unmasked<'e>(events: &'e Events<'e, &'e Xen>) -> BoundPort<'e, &'e Xen> {
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.unmask().unwrap();
    port
}

fn told(events: &Events<'_, &Xen>) -> Vec<u32> {
    std::iter::from_fn(|| events.poll_pending()).map(|port| port.0).collect()
}

/// E10, E14: the last word of a queue that was given up is of a closed port. Xen goes on linking behind it, and must not be let.
#[test]
fn e10_e14_a_closed_port_does_not_stay_at_the_end_of_a_lost_queue() {
    let (g, memory) = parts();
    let events = chosen(&g, memory);
    let ports: Vec<_> = (0..3).map(|_| unmasked(&events)).collect();
    let [first, last, other] = <[_; 3]>::try_from(ports).unwrap();
    [1, 2].iter().for_each(|at| g.xen.raise(*at));
    memory.word(1).fetch_or(BEYOND, SeqCst);
    last.close().unwrap();
    assert_eq!((told(&events), events.disorders(), events.lingering()), (vec![1], 1, 0));
    assert_eq!(memory.word(2).load(SeqCst) & LINKED, 0, "so that its number can be given out");
    [3, 1].iter().for_each(|at| g.xen.raise(*at));
    assert_eq!((told(&events), events.disorders()), (vec![3, 1], 1), "what comes then comes through");
    assert!(first.is_pending() == Ok(false) && other.is_pending() == Ok(false));
}

/// E12: ready bits without a queue are taken and forgotten: nobody comes back for them.
#[test]
fn e12_ready_bits_above_the_queues_promise_nothing() {
    let (g, memory) = parts();
    let events = chosen(&g, memory);
    let _port = unmasked(&events);
    memory.control(0).ready().store(u32::MAX << 16, SeqCst);
    assert_eq!((told(&events), events.may_have_more()), (vec![], false));
    memory.control(0).ready().store(u32::MAX << 16, SeqCst);
    g.xen.raise(1);
    assert_eq!((told(&events), events.may_have_more(), events.disorders()), (vec![1], false, 0));
}
