//! The FIFO ABI against a Xen that links words as the header says, and against one that lies.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a panic fails the test")]
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;

use fake::fifo::{BUSY, LINKED, MASKED, Memory, PENDING};
use fake::{Guest, Xen, guest_with};
use proptest::prelude::*;
use xen_evtchn::{Abi, AbiError, BindError, BoundPort, Events, MAX_FIFO_PORTS};
use xen_hypercall::op::event_channel::Priority;
use xen_hypercall::{Errno, Port, Vcpu};

const EXPAND: usize = 12;
const UNMASK: usize = 9;

fn parts(pages: u64) -> (Guest, &'static Memory) {
    let g = guest_with(usize::try_from(pages).unwrap() * 1024);
    let memory = Box::leak(Box::new(Memory::new(pages)));
    g.xen.fifo.map(memory);
    (g, memory)
}

fn events<'g>(g: &'g Guest, memory: &Memory) -> Events<'g, &'g Xen> {
    Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_fifo(memory.fifo())
}

fn chosen<'g>(g: &'g Guest, memory: &Memory) -> Events<'g, &'g Xen> {
    let events = events(g, memory);
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

/// E09: links that go round: each word is taken once, the rest is searched for, and the guest goes on.
#[test]
fn e09_a_circle_of_links_ends() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let _ports: Vec<_> = (0..4).map(|_| unmasked(&events)).collect();
    [1, 2, 3].iter().for_each(|at| g.xen.raise(*at));
    memory.word(3).fetch_or(1, SeqCst);
    // In a circle that the queue does not lead to.
    memory.word(4).store(PENDING | LINKED | 4, SeqCst);
    assert_eq!((told(&events), events.disorders()), (vec![1, 2, 3, 4], 1));
    [4, 1].iter().for_each(|at| g.xen.raise(*at));
    assert_eq!((told(&events), events.disorders()), (vec![4, 1], 1), "as good as new");
}

/// E10: a link, or a head, beyond the array: nothing is read there, and no event is lost.
#[test]
fn e10_a_link_beyond_the_array_ends_the_queue() {
    for beyond in [1024, 0x1_FFFF] {
        let (g, memory) = parts(1);
        let events = chosen(&g, memory);
        let _ports: Vec<_> = (0..3).map(|_| unmasked(&events)).collect();
        [1, 2, 3].iter().for_each(|at| g.xen.raise(*at));
        memory.word(1).fetch_and(!0x1_FFFF, SeqCst);
        memory.word(1).fetch_or(beyond, SeqCst);
        assert_eq!((told(&events), events.disorders()), (vec![1, 2, 3], 1));
        memory.control(0).heads()[7].store(beyond, SeqCst);
        memory.control(0).ready().store(1 << 7, SeqCst);
        assert_eq!((told(&events), events.disorders()), (vec![], 2));
        g.xen.raise(2);
        assert_eq!((told(&events), events.disorders()), (vec![2], 2), "the good neighbour");
    }
}

/// E11: a ready bit and no head, or an old one: an empty queue, and no disorder.
#[test]
fn e11_a_head_of_zero_is_an_empty_queue() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let _port = unmasked(&events);
    memory.control(0).ready().store(1 << 7 | 1 << 3, SeqCst);
    assert_eq!((told(&events), events.may_have_more()), (vec![], false));
    g.xen.raise(1);
    assert_eq!(told(&events), [1]);
    memory.control(0).ready().store(1 << 7, SeqCst);
    assert_eq!((told(&events), events.disorders()), (vec![], 0), "its head is port 1 still");
}

/// E12: ready bits without a queue mean nothing.
#[test]
fn e12_ready_bits_above_the_queues_are_masked() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let _port = unmasked(&events);
    memory.control(0).ready().store(u32::MAX << 16, SeqCst);
    assert_eq!(told(&events), [0; 0]);
    g.xen.raise(1);
    memory.control(0).ready().fetch_or(u32::MAX << 16, SeqCst);
    assert_eq!((told(&events), events.disorders()), (vec![1], 0));
}

/// E13: Xen never lets go of a word: the unmask does not spin, it asks Xen.
#[test]
fn e13_a_busy_word_is_unmasked_by_xen() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    memory.word(1).fetch_or(BUSY, SeqCst);
    let calls = g.xen.calls();
    port.unmask().unwrap();
    assert_eq!((g.xen.calls() - calls, g.xen.is_masked(1)), (1, false));
    assert_eq!(memory.word(1).load(SeqCst), BUSY);
}

/// E14: closed while its word is in the queue: nobody is told, and the number comes again only when it is out.
#[test]
fn e14_a_closed_port_lingers_in_its_queue() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let (first, second) = (unmasked(&events), unmasked(&events));
    [1, 2].iter().for_each(|at| g.xen.raise(*at));
    drop(first);
    assert_eq!((events.lingering(), events.bind_ipi(Vcpu(0)).unwrap().number()), (1, Port(3)));
    assert_eq!((told(&events), events.lingering(), events.strays()), (vec![2], 0, 0));
    assert_eq!(events.bind_ipi(Vcpu(0)).unwrap().number(), Port(1));
    assert_eq!(second.is_pending(), Ok(false));
}

/// E14: a Xen that gives the number out all the same: the new owner is not told of what came for the old one.
#[test]
fn e14_a_number_that_is_given_out_too_early_brings_no_old_event() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let first = unmasked(&events);
    g.xen.raise(1);
    drop(first);
    g.xen.give.set(Some(1));
    let again = unmasked(&events);
    assert_eq!((again.number(), told(&events)), (Port(1), vec![]));
    g.xen.raise(1);
    assert_eq!(told(&events), [1]);
}

/// E15: Xen has no FIFO, or refuses half-way: the guest goes on with what there is.
#[test]
fn e15_a_host_without_fifo_leaves_the_other_abi() {
    let (g, memory) = parts(1);
    for refused in [-38, -12, -22, -9999] {
        let events = events(&g, memory);
        g.xen.answer.set(Some((11, refused)));
        assert_eq!((events.choose(), events.abi()), (Ok(Abi::TwoLevel), Abi::TwoLevel));
        let port = unmasked(&events);
        g.xen.raise(1);
        assert_eq!((told(&events), port.set_priority(Priority::HIGHEST).is_err()), (vec![1], true));
        drop(port);
    }
}

#[test]
fn e15_words_that_xen_does_not_take_are_not_used() {
    let (g, memory) = parts(2);
    let events = events(&g, memory);
    g.xen.answer.set(Some((EXPAND, -12)));
    assert_eq!(events.choose(), Err(AbiError::NoWords(Errno::ENOMEM)));
    g.xen.fifo.forget();

    // The second page: ports below have words, one above is closed again.
    let g = guest_with(2048);
    let memory = Box::leak(Box::new(Memory::new(1)));
    g.xen.fifo.map(memory);
    let events = chosen(&g, memory);
    let below = unmasked(&events);
    g.xen.ports.borrow_mut().resize(2048, fake::CLOSED);
    g.xen.give.set(Some(1024));
    assert_eq!(events.bind_ipi(Vcpu(0)).unwrap_err(), BindError::NoSlot(Port(1024)));
    assert_eq!((g.xen.open(), events.open(), below.number()), (1, 1, Port(1)));
    let beyond = Port(u32::try_from(MAX_FIFO_PORTS).unwrap());
    assert_eq!(events.adopt(beyond).unwrap_err(), BindError::NotAPort(beyond));
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

/// E15: of a processor that Xen takes no control block of, it is said that it gets none.
#[test]
fn e15_a_processor_without_queues_says_so() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    g.xen.answer.set(Some((11, -12)));
    assert_eq!(events.join(&one), Err(AbiError::NoQueues(Vcpu(1), Errno::ENOMEM)));
    events.join(&one).unwrap();
    let bare = xen_evtchn::Scanner::new(Vcpu(2), g.xen.info.vcpu(Vcpu(2)).unwrap());
    assert_eq!(events.join(&bare), Err(AbiError::NoControl(Vcpu(2))));
}

/// E02: a port without a guard that comes in a queue is masked and counted; its event is gone.
#[test]
fn e02_a_stray_in_a_queue_disturbs_once() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let _port = unmasked(&events);
    memory.word(9).store(0, SeqCst);
    [9, 1].iter().for_each(|at| g.xen.raise(*at));
    assert_eq!((told(&events), events.strays()), (vec![1], 1));
    assert_eq!(memory.word(9).load(SeqCst), MASKED);
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

    /// E09–E13: whatever stands in words, heads and ready bits: the poll ends, names no port that is not ours, and afterwards
    /// the guest is as good as new.
    #[test]
    fn e09_e10_e11_e12_any_words_at_all(
        words in prop::collection::vec(any::<u32>(), 1..64),
        heads in prop::collection::vec(0_u32..80, 16),
        ready in any::<u32>(),
    ) {
        let (g, memory) = parts(1);
        let events = chosen(&g, memory);
        let ports: Vec<_> = (0..20).map(|_| unmasked(&events)).collect();
        for (at, word) in words.iter().enumerate() { memory.word(at as u32).store(*word, SeqCst); }
        for (head, value) in memory.control(0).heads().iter().zip(&heads) { head.store(*value, SeqCst); }
        memory.control(0).ready().store(ready, SeqCst);
        let got = told(&events);
        prop_assert!(got.iter().all(|port| (1..=20).contains(port)) && got.len() <= 20);
        // What is left in no queue that was named, Xen has not sent: here it is taken away.
        for at in 0..64 { memory.word(at).store(MASKED, SeqCst); }
        for port in &ports { port.unmask().unwrap(); }
        for port in 1..=20 { g.xen.raise(port); }
        prop_assert_eq!(told(&events), (1..=20).collect::<Vec<u32>>());
    }
}
