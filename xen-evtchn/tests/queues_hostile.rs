//! The FIFO ABI against memory that lies, and a host that refuses: what comes afterwards comes through.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a panic fails the test")]
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use std::sync::atomic::Ordering::SeqCst;

use fake::fifo::{BUSY, LINKED, MASKED, PENDING, chosen, events, parts, told, unmasked};
use proptest::prelude::*;
use xen_evtchn::{Abi, AbiError, BindError, MAX_FIFO_PORTS};
use xen_hypercall::op::event_channel::Priority;
use xen_hypercall::{Errno, Port, Vcpu};

/// A port that there is not.
const BEYOND: u32 = 5000;
const EXPAND: usize = 12;

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

/// E10, E14: the last word of a queue that was given up is of a closed port. Xen goes on linking behind it, and must not be let.
#[test]
fn e10_e14_a_closed_port_does_not_stay_at_the_end_of_a_lost_queue() {
    let (g, memory) = parts(1);
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

/// E10, E14: the queues of one processor are given up while a closed port is the first of another one's: those are in order,
/// and are left so.
#[test]
fn e10_e14_a_closed_port_in_a_good_queue_is_left_there() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let one = memory.scanner(1);
    events.join(&one).unwrap();
    let _here = unmasked(&events);
    let there = [1, 1].map(|vcpu| events.bind_ipi(Vcpu(vcpu)).unwrap());
    there.iter().for_each(|port| port.unmask().unwrap());
    [1, 2, 3].iter().for_each(|at| g.xen.raise(*at));
    let [closed, live] = there;
    closed.close().unwrap();
    memory.word(1).fetch_or(BEYOND, SeqCst);
    assert_eq!((told(&events), events.disorders()), (vec![1], 1));
    assert_eq!((events.poll_pending_on(&one), events.poll_pending_on(&one)), (Some(Port(3)), None));
    g.xen.raise(3);
    assert_eq!((events.poll_pending_on(&one), live.is_pending()), (Some(Port(3)), Ok(false)));
    assert_eq!((events.disorders(), events.lingering()), (1, 0));
}

/// E12: ready bits without a queue mean nothing: nobody comes back for them.
#[test]
fn e12_ready_bits_above_the_queues_promise_nothing() {
    let (g, memory) = parts(1);
    let events = chosen(&g, memory);
    let _port = unmasked(&events);
    memory.control(0).ready().store(u32::MAX << 16, SeqCst);
    assert_eq!((told(&events), events.may_have_more()), (vec![], false));
    memory.control(0).ready().store(u32::MAX << 16, SeqCst);
    g.xen.raise(1);
    assert_eq!((told(&events), events.may_have_more(), events.disorders()), (vec![1], false, 0));
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

    // The second one is refused: ports below have words, one above is closed again.
    let (g, memory) = parts(2);
    g.xen.fifo.most.set(Some(1024));
    let events = chosen(&g, memory);
    let below = unmasked(&events);
    g.xen.ports.borrow_mut().resize(2048, fake::CLOSED);
    g.xen.give.set(Some(1024));
    assert_eq!(events.bind_ipi(Vcpu(0)).unwrap_err(), BindError::NoSlot(Port(1024)));
    assert_eq!((g.xen.open(), events.open(), below.number()), (1, 1, Port(1)));
    let beyond = Port(u32::try_from(MAX_FIFO_PORTS).unwrap());
    assert_eq!(events.adopt(beyond).unwrap_err(), BindError::NotAPort(beyond));
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

proptest! {
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
