//! Waiting for an event: by the embedder's sleep, by Xen, and as a future. No event is lost, and nobody waits for a port that is gone.
#![allow(clippy::std_instead_of_core, reason = "hosted")]

mod fake;

use std::cell::{Cell, RefCell};
use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use fake::{EINVAL, Xen, guest};
use xen_evtchn::{BoundPort, Events, Sleep, Sleeper};
use xen_hypercall::{Errno, Nanos, Port, Stale, SystemTime, Vcpu};

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn times(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// A processor that sleeps a tick at a time; `each` is what happens in the first, the second, …
struct Ticks<'a> {
    now: Cell<u64>,
    each: RefCell<Vec<Box<dyn FnOnce() + 'a>>>,
}

impl<'a> Ticks<'a> {
    fn new(each: Vec<Box<dyn FnOnce() + 'a>>) -> Self {
        Self { now: Cell::new(0), each: RefCell::new(each) }
    }
}

impl Sleep for Ticks<'_> {
    fn now(&self) -> Nanos {
        Nanos(self.now.get())
    }

    fn sleep(&self, port: Port, deadline: Nanos) {
        assert!(port == Port(1) && self.now.get() < deadline.0);
        self.now.set(self.now.get().saturating_add(1));
        let left = self.each.borrow().len();
        let first = (left > 0).then(|| self.each.borrow_mut().remove(0));
        if let Some(happens) = first {
            happens();
        }
    }
}

fn sleepers() -> Vec<Sleeper> {
    (0..4).map(|_| Sleeper::new()).collect()
}

fn dispatch_and_wake(events: &Events<'_, &Xen>) {
    events.dispatch(9, |port| events.wake(port));
}

#[test]
fn a_sleep_ends_with_the_event_of_a_masked_port() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    let ticks = Ticks::new(vec![Box::new(|| ()), Box::new(|| g.xen.raise(1))]);
    assert_eq!((port.wait(&ticks, Nanos(9)), ticks.now()), (Ok(true), Nanos(2)));
    assert_eq!((port.wait(&ticks, Nanos(9)), ticks.now()), (Ok(false), Nanos(9)), "taken, and then nothing");
    g.xen.raise(1);
    assert_eq!((port.wait(&ticks, Nanos(0)), ticks.now()), (Ok(true), Nanos(9)), "it came before: no sleep");
}

/// E08: the event is taken by the upcall handler, before or while its owner goes to sleep.
#[test]
fn e08_a_sleep_ends_with_an_event_that_the_handler_took() {
    let g = guest();
    let sleepers = sleepers();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_sleepers(&sleepers);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.unmask().unwrap();
    let come = || {
        g.xen.raise(1);
        dispatch_and_wake(&events);
    };
    come();
    let ticks = Ticks::new(vec![Box::new(come)]);
    assert_eq!((port.wait(&ticks, Nanos(9)), ticks.now()), (Ok(true), Nanos(0)));
    assert_eq!((port.wait(&ticks, Nanos(9)), ticks.now()), (Ok(true), Nanos(1)));
}

#[test]
fn e22_a_sleep_ends_with_the_domain() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    let stale = Stale(port.epoch());
    let ticks = Ticks::new(vec![Box::new(|| {
        g.epoch.advance();
    })]);
    assert_eq!((port.wait(&ticks, Nanos(9)), ticks.now()), (Err(stale), Nanos(1)));
}

/// H13: Xen sleeps for one port until a time; it is not asked if the event is there.
#[test]
fn xen_sleeps_for_a_port() {
    let g = guest();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    assert_eq!(port.poll_until(SystemTime(7)), Ok(false));
    assert_eq!(g.xen.polled.take(), Some((vec![1], 7)));
    g.xen.raise(1);
    assert_eq!((port.poll_until(SystemTime(7)), g.xen.polled.take()), (Ok(true), None));
    g.xen.answer.set(Some((3, EINVAL)));
    assert_eq!(port.poll_until(SystemTime(7)), Err(Errno::EINVAL));
    g.epoch.advance();
    assert_eq!((port.poll_until(SystemTime(7)), g.xen.polled.take()), (Ok(false), None), "a stranger's port by now");
}

fn poll(port: &BoundPort<'_, &Xen>, waker: &Waker) -> Poll<Result<(), Stale>> {
    pin!(port.event().unwrap()).as_mut().poll(&mut Context::from_waker(waker))
}

/// E08: wherever the event comes, before, between or after the polls: it is found, and who waits is woken.
#[test]
fn e08_a_future_misses_no_event() {
    let g = guest();
    let sleepers = sleepers();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_sleepers(&sleepers);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    port.unmask().unwrap();
    let (count, waker) = Count::new();
    // Dispatched before anybody waits.
    g.xen.raise(1);
    dispatch_and_wake(&events);
    assert_eq!((poll(&port, &waker), count.times()), (Poll::Ready(Ok(())), 0));
    // Come, and not dispatched yet.
    g.xen.raise(1);
    assert_eq!((poll(&port, &waker), events.poll_pending()), (Poll::Ready(Ok(())), None));
    // While one waits.
    let mut event = pin!(port.event().unwrap());
    let context = &mut Context::from_waker(&waker);
    assert_eq!(event.as_mut().poll(context), Poll::Pending);
    g.xen.raise(1);
    assert_eq!(count.times(), 0);
    dispatch_and_wake(&events);
    assert_eq!((count.times(), event.as_mut().poll(context)), (1, Poll::Ready(Ok(()))));
    g.xen.raise(1);
    dispatch_and_wake(&events);
    assert_eq!(count.times(), 1, "nobody waits any more");
}

#[test]
fn the_waker_that_was_given_last_is_woken() {
    let g = guest();
    let sleepers = sleepers();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_sleepers(&sleepers);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    let [(first, old), (second, new)] = [Count::new(), Count::new()];
    assert_eq!((poll(&port, &old), poll(&port, &new)), (Poll::Pending, Poll::Pending));
    events.wake(port.number());
    assert_eq!((first.times(), second.times()), (0, 1));
    assert_eq!(Arc::strong_count(&first), 2, "the old waker is let go");
}

/// E22: a future of a port of the old domain ends, and says why; one of the new port is not woken by the old event.
#[test]
fn e22_a_future_ends_with_the_domain() {
    let g = guest();
    let sleepers = sleepers();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_sleepers(&sleepers);
    let port = events.bind_ipi(Vcpu(0)).unwrap();
    let (count, waker) = Count::new();
    assert_eq!(poll(&port, &waker), Poll::Pending);
    g.epoch.advance();
    events.rebuild().unwrap();
    events.wake_all();
    assert_eq!((count.times(), poll(&port, &waker)), (1, Poll::Ready(Err(Stale(port.epoch())))));
    let new = events.adopt(Port(1)).unwrap();
    assert_eq!(poll(&new, &waker), Poll::Pending);
}

/// E22: who still waits for a port of the old domain does not take the place of who waits for the new port of that number.
#[test]
fn e22_an_old_future_leaves_the_new_port_alone() {
    let g = guest();
    let sleepers = sleepers();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_sleepers(&sleepers);
    let old = events.bind_ipi(Vcpu(0)).unwrap();
    let [(_, late), (count, waker)] = [Count::new(), Count::new()];
    assert_eq!(poll(&old, &late), Poll::Pending);
    g.epoch.advance();
    events.rebuild().unwrap();
    events.wake_all();
    let new = events.adopt(old.number()).unwrap();
    assert_eq!(poll(&new, &waker), Poll::Pending);
    assert_eq!(poll(&old, &late), Poll::Ready(Err(Stale(old.epoch()))));
    events.wake(new.number());
    assert_eq!((count.times(), poll(&new, &waker)), (1, Poll::Ready(Ok(()))));
}

#[test]
fn a_port_beyond_the_storage_has_no_future() {
    let g = guest();
    let sleepers = sleepers();
    let events = Events::new(&g.xen, &g.epoch, &g.xen.info, &g.slots).with_sleepers(&sleepers);
    let [last, beyond] = [3, 4].map(|port| events.adopt(Port(port)).unwrap());
    assert!(last.event().is_some() && beyond.event().is_none());
    events.wake(Port(4));
    events.wake(Port(u32::MAX));
}
