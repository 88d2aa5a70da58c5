//! Ports told to another processor while their word is in the queue of the old one, and queues that are given up: no event is
//! lost, and no queue that is in order is torn.
#![allow(clippy::std_instead_of_core, clippy::unwrap_used, reason = "hosted; a panic fails the test")]

mod fake;

use std::sync::atomic::Ordering::SeqCst;

use fake::Xen;
use fake::fifo::{LINKED, MASKED, Memory, chosen, parts, told, unmasked};
use xen_evtchn::{BoundPort, Events, Scanner};
use xen_hypercall::{DomId, Vcpu};

/// A port that there is not.
const BEYOND: u32 = 5000;

fn told_on(events: &Events<'_, &Xen>, scanner: &Scanner<'_>) -> Vec<u32> {
    std::iter::from_fn(|| events.poll_pending_on(scanner)).map(|port| port.0).collect()
}

/// Makes a port that can be told to another processor, and unmasks it.
fn channel<'e>(events: &'e Events<'e, &'e Xen>) -> BoundPort<'e, &'e Xen> {
    let port = events.alloc_unbound(DomId(5)).unwrap();
    port.unmask().unwrap();
    port
}

/// Has a processor give its queues up when it looks next.
fn spoil(memory: &Memory, vcpu: u32) {
    memory.control(vcpu).heads()[7].store(BEYOND, SeqCst);
    memory.control(vcpu).ready().fetch_or(1 << 7, SeqCst);
}

/// Has vCPU 0 give its queues up, by one that is more urgent than those with events.
fn spoil_urgent(memory: &Memory) {
    memory.control(0).heads()[3].store(BEYOND, SeqCst);
    memory.control(0).ready().fetch_or(1 << 3, SeqCst);
}

/// E09: the old processor gives its queue up: the event goes to the new one, and so do those that follow.
#[test]
fn e09_e10_an_event_in_the_old_queue_is_raised_on_the_new_processor() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    events.join(&one).unwrap();
    let (moved, _stays) = (channel(&events), unmasked(&events));
    [1, 2].iter().for_each(|at| g.xen.raise(*at));
    moved.tell(Vcpu(1)).unwrap();
    spoil(memory, 0);
    assert_eq!((told_on(&events, &one), told(&events), events.disorders()), (vec![], vec![2], 1));
    assert_eq!(told_on(&events, &one), [1]);
    [1, 2].iter().for_each(|at| g.xen.raise(*at));
    assert_eq!((told_on(&events, &one), told(&events), events.disorders()), (vec![1], vec![2], 1), "as good as new");
}

/// E09: the new processor gives its queues up: it leaves the word in the old one's queue, which is in order.
#[test]
fn e09_e10_the_new_processor_does_not_tear_the_old_queue() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    events.join(&one).unwrap();
    let (moved, _stay) = (channel(&events), [(); 2].map(|()| unmasked(&events)));
    [1, 2, 3].iter().for_each(|at| g.xen.raise(*at));
    moved.tell(Vcpu(1)).unwrap();
    spoil(memory, 1);
    assert_eq!((told_on(&events, &one), events.disorders()), (vec![], 1));
    assert_ne!(memory.word(1).load(SeqCst) & LINKED, 0);
    assert_eq!((told(&events), told_on(&events, &one)), (vec![2, 3], vec![1]));
    g.xen.raise(1);
    spoil(memory, 1);
    assert_eq!((told_on(&events, &one), events.disorders()), (vec![1], 2), "in its own queue it is its own");
}

/// E14: it is closed before its word is out of the old queue, which is given up: the number comes again.
#[test]
fn e09_e14_a_port_that_was_told_elsewhere_and_closed_comes_out_of_the_old_queue() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    events.join(&one).unwrap();
    let moved = channel(&events);
    g.xen.raise(1);
    moved.tell(Vcpu(1)).unwrap();
    drop(moved);
    spoil(memory, 1);
    assert_eq!((told_on(&events, &one), events.lingering()), (vec![], 1), "not out of the other's queue");
    spoil(memory, 0);
    assert_eq!((told(&events), events.lingering(), events.strays()), (vec![], 0, 0));
    let again = channel(&events);
    assert_eq!(again.number().0, 1);
    g.xen.raise(1);
    assert_eq!(told(&events), [1]);
}

/// A port that goes round: told on and on while its word is in the first queue, it is found by whom it was told to last.
#[test]
fn e09_a_port_that_is_told_twice_goes_to_the_last_one() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let (one, two) = (memory.scanner(1), memory.scanner(2));
    [&one, &two].iter().for_each(|scanner| events.join(scanner).unwrap());
    let moved = channel(&events);
    g.xen.raise(1);
    moved.tell(Vcpu(1)).unwrap();
    moved.tell(Vcpu(2)).unwrap();
    [1, 2].iter().for_each(|vcpu| spoil(memory, *vcpu));
    assert_eq!((told_on(&events, &one), told_on(&events, &two)), (vec![], vec![]));
    spoil(memory, 0);
    assert_eq!((told(&events), told_on(&events, &one), told_on(&events, &two)), (vec![], vec![], vec![1]));
    moved.tell(Vcpu(0)).unwrap();
    g.xen.raise(1);
    spoil(memory, 0);
    assert_eq!(told(&events), [1], "its word was in no queue when it was told: it is this one's");
}

/// E09: a port is taken out of a queue in disorder of which Xen tells only afterwards: the head that is named then is in the
/// other processor's queue by now, and that is not torn.
#[test]
fn e09_a_head_that_was_taken_does_not_tear_the_new_queue() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    events.join(&one).unwrap();
    let (others, moved, late) = (channel(&events), channel(&events), channel(&events));
    others.tell(Vcpu(1)).unwrap();
    g.xen.raise(2);
    moved.tell(Vcpu(1)).unwrap();
    spoil_urgent(memory);
    // As port 2 goes over to the other processor, port 3 becomes the head; the queues are being taken apart.
    g.xen.amid.borrow_mut().push(3);
    assert_eq!((events.poll_pending().map(|port| port.0), events.disorders()), (Some(3), 1));
    assert_ne!(memory.control(0).ready().load(SeqCst) & 1 << 7, 0, "its queue is named still");
    late.tell(Vcpu(1)).unwrap();
    [1, 3].iter().for_each(|at| g.xen.raise(*at));
    assert_eq!((told(&events), told_on(&events, &one)), (vec![], vec![2, 1, 3]));
    late.tell(Vcpu(0)).unwrap();
    g.xen.raise(3);
    late.tell(Vcpu(1)).unwrap();
    assert_eq!((told(&events), told_on(&events, &one)), (vec![], vec![3]), "the same head, when its event is there");
    assert_eq!(events.disorders(), 1);
}

/// E09: while queues in disorder are taken apart Xen links a word, which was looked at already, to one that is taken afterwards.
#[test]
fn e09_what_is_linked_while_queues_are_taken_apart_is_found() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    events.join(&one).unwrap();
    let (_first, moved, _last) = (unmasked(&events), channel(&events), unmasked(&events));
    [2, 3].iter().for_each(|at| g.xen.raise(*at));
    moved.tell(Vcpu(1)).unwrap();
    spoil_urgent(memory);
    g.xen.amid.borrow_mut().push(1);
    assert_eq!((told(&events), told_on(&events, &one), events.disorders()), (vec![1, 3], vec![2], 1));
}

/// E02, E14: a port without a guard lies in queues in disorder: it is masked and counted, and its event is gone.
#[test]
fn e02_e10_e14_a_stray_comes_out_of_queues_in_disorder() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let _port = unmasked(&events);
    memory.word(9).store(0, SeqCst);
    [1, 9].iter().for_each(|at| g.xen.raise(*at));
    spoil_urgent(memory);
    assert_eq!((told(&events), events.strays(), events.disorders()), (vec![1], 1, 1));
    assert_eq!(memory.word(9).load(SeqCst), MASKED);
}
