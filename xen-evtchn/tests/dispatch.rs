//! Whole words of events, claimed at once: each is handed out once, to whom it is for, whatever happens in between.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a panic fails the test")]
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::SeqCst;

use fake::{Guest, Xen, guest, guest_with};
use proptest::prelude::*;
use xen_evtchn::{BoundPort, Events, MAX_PORTS};
use xen_hypercall::{Port, Vcpu};

fn events(g: &Guest) -> Events<'_, &Xen> {
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    events.mask_all();
    events
}

fn unmasked<'e>(events: &'e Events<'e, &'e Xen>) -> BoundPort<'e, &'e Xen> {
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.unmask().unwrap();
    port
}

/// Dispatches with a handler that keeps what it was told.
fn told(events: &Events<'_, &Xen>, budget: usize) -> Vec<u32> {
    let mut told = vec![];
    assert_eq!(events.dispatch(budget, |port| told.push(port.0)), told.len());
    told
}

#[test]
fn every_port_of_the_abi_at_once_comes_in_turn() {
    let g = guest_with(MAX_PORTS);
    let events = events(&g);
    let ports: Vec<_> = (1..MAX_PORTS as u32).map(|at| events.adopt(Port(at)).unwrap()).collect();
    ports.iter().for_each(|port| port.unmask().unwrap());
    for _ in 0..2 {
        (1..MAX_PORTS as u32).for_each(|at| g.xen.raise(at));
        assert_eq!(told(&events, MAX_PORTS), (1..4096).collect::<Vec<u32>>());
        assert_eq!((told(&events, MAX_PORTS), events.may_have_more()), (vec![], false));
    }
    assert!(g.xen.info.pending().iter().all(|word| word.load(SeqCst) == 0));
}

/// E04: the budget holds within a word; what is left is pending still, for `SCHEDOP_poll` to see, and comes first.
#[test]
fn e04_a_budget_claims_no_more_than_it_hands_out() {
    let g = guest();
    let events = events(&g);
    let ports: Vec<_> = (0..5).map(|_| unmasked(&events)).collect();
    ports.iter().for_each(|port| port.notify().unwrap());
    assert_eq!(told(&events, 0), [0; 0]);
    assert_eq!(told(&events, 3), [1, 2, 3]);
    assert_eq!((ports[3].is_pending(), ports[4].is_pending(), events.may_have_more()), (Ok(true), Ok(true), true));
    ports[0].notify().unwrap();
    assert_eq!(told(&events, 3), [4, 5, 1]);
    assert!(!events.may_have_more());
}

/// E04, E16: a port that fires in its own handler, for ever, comes once an upcall.
#[test]
fn e04_e16_a_storm_is_one_event_a_pass() {
    let g = guest();
    let events = events(&g);
    let (storm, other) = (unmasked(&events), unmasked(&events));
    storm.notify().unwrap();
    other.notify().unwrap();
    for _ in 0..3 {
        let mut count = 0;
        events.dispatch(1000, |port| {
            count += 1;
            g.xen.raise(port.0);
        });
        assert_eq!((count, g.xen.info.vcpu0().upcall_pending().load(SeqCst)), (2, 1), "and there is a new upcall");
    }
}

/// E17: whatever the budget, a port that fires always does not keep another one from its turn.
#[test]
fn e17_low_ports_do_not_starve_high_ones() {
    let g = guest_with(256);
    let events = events(&g);
    let ports: Vec<_> = [1, 2, 200].iter().map(|at| events.adopt(Port(*at)).unwrap()).collect();
    ports.iter().for_each(|port| port.unmask().unwrap());
    g.xen.raise(200);
    let mut served = vec![];
    for _ in 0..3 {
        [1, 2].iter().for_each(|at| g.xen.raise(*at));
        served.extend(told(&events, 1));
    }
    assert_eq!(served, [1, 2, 200]);
}

/// E17: nor does a word of which all ports fire always, where the budget is spent on whole words.
#[test]
fn e17_a_full_word_does_not_starve_others() {
    let g = guest_with(256);
    let events = events(&g);
    let ports: Vec<_> = (64..128).chain([200]).map(|at| events.adopt(Port(at)).unwrap()).collect();
    ports.iter().for_each(|port| port.unmask().unwrap());
    let storm: Vec<_> = (64..128).collect();
    let raise = || storm.iter().for_each(|at| g.xen.raise(*at));
    assert_eq!(told(&events, 64), [0; 0]);
    g.xen.raise(200);
    raise();
    assert_eq!(told(&events, 64), storm);
    raise();
    assert_eq!(told(&events, 64), [&[200], &storm[..63]].concat());
    raise();
    assert_eq!(told(&events, 64), storm);
    // One at a time, it goes on where it stopped; a word has its turn until its last port had its own, then others have.
    g.xen.raise(200);
    raise();
    let one_by_one: Vec<_> = (0..66).flat_map(|_| told(&events, 1)).collect();
    assert_eq!(one_by_one, [&[127, 200], &storm[..63]].concat());
}

/// A handler that takes events itself finds those that were not taken together with its own; each comes once.
#[test]
fn a_handler_may_take_events_itself() {
    let g = guest_with(256);
    let events = events(&g);
    let ports: Vec<_> = [1, 2, 70, 71, 140, 141].iter().map(|at| events.adopt(Port(*at)).unwrap()).collect();
    ports.iter().for_each(|port| port.unmask().unwrap());
    for budget in [5, 1000] {
        ports.iter().for_each(|port| g.xen.raise(port.number().0));
        let mut got = vec![];
        events.dispatch(budget, |port| {
            got.push(port.0);
            g.xen.raise(port.0);
            got.extend((port.0 < 70).then(|| events.poll_pending()).flatten().map(|port| port.0));
        });
        got.extend(told(&events, 1000));
        let mut once = got.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once, [1, 2, 70, 71, 140, 141], "{got:?}");
        assert_eq!((told(&events, 1000), events.may_have_more()), (vec![], false));
    }
}

/// E02: strays are masked and counted in a whole word, too; neighbours come.
#[test]
fn e02_strays_are_no_business_of_the_handler() {
    let g = guest();
    let events = events(&g);
    let port = unmasked(&events);
    for stray in [0, 2, 63, 64, 4095] {
        g.xen.info.mask()[stray as usize / 64].fetch_and(!(1 << (stray % 64)), SeqCst);
        g.xen.raise(stray);
    }
    port.notify().unwrap();
    assert_eq!((told(&events, 100), events.strays()), (vec![1], 5));
    assert!([0, 2, 63, 64, 4095].iter().all(|stray| g.xen.is_masked(*stray)));
}

/// A handler masks a port whose event is claimed: the event waits in the bitmap, where everyone finds it.
#[test]
fn e08_a_claimed_event_of_a_port_that_is_masked_waits_for_the_unmask() {
    let g = guest();
    let events = events(&g);
    let (first, second) = (unmasked(&events), unmasked(&events));
    first.notify().unwrap();
    second.notify().unwrap();
    let mut count = 0;
    events.dispatch(10, |_| {
        count += 1;
        second.mask().unwrap();
    });
    assert_eq!((count, second.is_pending(), events.may_have_more()), (1, Ok(true), false));
    second.unmask().unwrap();
    assert_eq!(told(&events, 10), [2]);
}

#[test]
fn a_claimed_event_of_a_port_that_is_masked_and_unmasked_comes_once() {
    let g = guest();
    let events = events(&g);
    let (first, second) = (unmasked(&events), unmasked(&events));
    first.notify().unwrap();
    second.notify().unwrap();
    let mut told = vec![];
    events.dispatch(10, |port| {
        told.push(port.0);
        second.mask().unwrap();
        second.unmask().unwrap();
    });
    assert_eq!((told, events.poll_pending()), (vec![1, 2], None));
}

/// E14, E22: a handler closes a port whose event is claimed. Nobody hears of it; neither does who has the number then.
#[test]
fn e14_e22_a_claimed_event_of_a_closed_port_reaches_nobody() {
    for again in [false, true] {
        let g = guest();
        let events = events(&g);
        let (first, second) = (unmasked(&events), unmasked(&events));
        first.notify().unwrap();
        second.notify().unwrap();
        let (second, new) = (RefCell::new(Some(second)), RefCell::new(None));
        let mut told = vec![];
        events.dispatch(10, |port| {
            told.push(port.0);
            drop(second.take());
            if again {
                *new.borrow_mut() = Some(unmasked(&events));
            }
        });
        assert_eq!((told, events.strays()), (vec![1], 0));
        if let Some(new) = new.take() {
            assert_eq!((new.number(), new.is_pending(), events.poll_pending()), (Port(2), Ok(false), None));
            new.notify().unwrap();
            assert_eq!(events.poll_pending(), Some(Port(2)), "its own events come");
        }
    }
}

/// A port that a handler binds is seen in the same pass, and one that is closed is not, although the word was looked at.
#[test]
fn what_is_bound_later_is_seen_later() {
    let g = guest();
    let events = events(&g);
    let first = unmasked(&events);
    first.notify().unwrap();
    assert_eq!(told(&events, 10), [1]);
    let late = unmasked(&events);
    late.notify().unwrap();
    assert_eq!(told(&events, 10), [2]);
    drop(late);
    g.xen.raise(2);
    assert_eq!((told(&events, 10), events.strays()), (vec![], 0), "masked");
}

/// E22: a handler in which the domain is resumed: what was claimed before is of the old one.
#[test]
fn e22_what_was_claimed_before_a_resume_is_forgotten() {
    let g = guest();
    let events = events(&g);
    let ports = [unmasked(&events), unmasked(&events)];
    ports.iter().for_each(|port| port.notify().unwrap());
    let stranger = RefCell::new(None);
    let mut told = vec![];
    events.dispatch(10, |port| {
        told.push(port.0);
        g.epoch.advance();
        events.rebuild().unwrap();
        let port = events.adopt(Port(2)).unwrap();
        port.unmask().unwrap();
        *stranger.borrow_mut() = Some(port);
    });
    assert_eq!((told, events.strays()), (vec![1], 0));
}

proptest! {
    /// Events, dispatches with any budget, masks and unmasks, within handlers too, in any order: what was raised on an
    /// unmasked port comes out, once.
    #[test]
    fn every_event_comes_out_once(steps in prop::collection::vec((0_u8..4, 1_u32..200, 0_usize..9), 0..200)) {
        let g = guest_with(200);
        let events = events(&g);
        let ports: Vec<_> = (1..200).map(|at| events.adopt(Port(at)).unwrap()).collect();
        let (mut pending, mut masked) = (BTreeSet::new(), (1..200).collect::<BTreeSet<u32>>());
        for (step, at, budget) in steps {
            let port = &ports[at as usize - 1];
            match step {
                0 => { g.xen.raise(at); pending.insert(at); }
                1 => { port.mask().unwrap(); masked.insert(at); }
                2 => { port.unmask().unwrap(); masked.remove(&at); }
                _ => {
                    let mut wrong = false;
                    let budget = if budget == 8 { 1000 } else { budget };
                    let done = events.dispatch(budget, |Port(out)| {
                        wrong |= !pending.remove(&out) || masked.contains(&out);
                        // The next one, which may be claimed, is masked or not from now on.
                        let next = out % 199 + 1;
                        if at % 2 == 0 { ports[next as usize - 1].mask().unwrap(); masked.insert(next); }
                        else { ports[next as usize - 1].unmask().unwrap(); masked.remove(&next); }
                    });
                    prop_assert!(!wrong && done <= budget);
                    if !events.may_have_more() { prop_assert_eq!(pending.difference(&masked).count(), 0); }
                }
            }
        }
        for port in &ports { port.unmask().unwrap(); }
        let mut left = BTreeSet::new();
        while events.may_have_more() { events.dispatch(7, |port| { left.insert(port.0); }); }
        prop_assert_eq!(left, pending);
        prop_assert_eq!(events.strays(), 0);
    }
}
