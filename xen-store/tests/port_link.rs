//! The link by the store's own port, in a guest that waits for other things besides.
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use xen_evtchn::{Abi, Events, Fifo, Sleeper, Slot};
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::hvm::{self, callback_vector};
use xen_hypercall::op::memory;
use xen_hypercall::{Clock, EpochCell, Errno, Gfn, Nanos, NoGate, Number, SharedInfo, Vcpu};
use xen_mock::{Hook, Host, MockCpu};
use xen_store::future::{Alarm, TaskLink, WithAlarm};
use xen_store::{Core, HostLink, LinkError, Nodes, Path, PortLink, Store, ring_gfn};

type LinkOf<'e> = PortLink<'e, &'e Hook, NoGate, MockCpu>;

/// Runs a test on a link that is not connected, by each ABI of event channels.
fn each(test: impl Fn(&Host, &Events<'_, &Hook>, &LinkOf<'_>)) {
    for abi in [Abi::TwoLevel, Abi::Fifo] {
        let host = Host::builder().build();
        let (hook, guest) = (host.guest().hook(), host.guest());
        let (epoch, info, slots) = (EpochCell::new(), SharedInfo::new(guest.page()), [const { Slot::new() }; 32]);
        memory::map_shared_info(&hook, info.page()).unwrap();
        hvm::set_param(&hook, hvm::Param::CALLBACK_IRQ, callback_vector(0x20)).unwrap();
        let (words, controls) = ([guest.page()], guest.page());
        let sleepers = [const { Sleeper::new() }; 32];
        let mut events = Events::new(&hook, &epoch, &info, &slots).with_sleepers(&sleepers);
        if abi == Abi::Fifo {
            events = events.with_fifo(Fifo::new(&words, ControlBlock::new(&controls, 0).unwrap()));
        }
        assert_eq!(events.choose(), Ok(abi));
        let clock = Clock::new(guest.cpu(), &info);
        test(&host, &events, &PortLink::new(&events, &clock));
        host.check().unwrap();
    }
}

/// Counts the events that the guest is told of.
fn dispatched(events: &Events<'_, &Hook>, link: &LinkOf<'_>) -> usize {
    events.dispatch(8, |came| assert_eq!(Some(came), link.port()))
}

#[test]
fn the_server_makes_upcalls_once_it_is_to() {
    each(|host, events, link| {
        assert_eq!((link.unmask(), link.port()), (Ok(()), None), "there is nothing to unmask yet");
        link.connect().unwrap();
        let page = host.guest().map(ring_gfn(&host.guest().hook()).unwrap());
        let mut core = Core::<2, 2>::new();
        let mut store = Store::attach(&page, &mut core, link).unwrap();
        let node = Path::literal("data/node");
        store.write(node, b"old").unwrap();
        store.watch(node).unwrap();
        while store.poll_event().unwrap().is_some() {}
        dispatched(events, link);
        let changes = |to: &str| {
            host.store().write("data/node", to);
            events.wait(&[link.port().unwrap()], None).unwrap();
            host.guest().upcall_pending(Vcpu(0))
        };
        assert!(!changes("a"), "a fresh port is masked");
        assert_eq!(dispatched(events, link), 0);
        link.unmask().unwrap();
        assert_eq!(dispatched(events, link), 1, "what had come is delivered");
        assert!(changes("b"));
        assert_eq!([dispatched(events, link), dispatched(events, link)], [1, 0]);
        // The facade waits by the same port, whose events come one way or the other.
        store.write(node, b"new").unwrap();
        assert_eq!(store.read(node, &mut [0; 8]), Ok(&b"new"[..]));
        dispatched(events, link);
    });
}

#[test]
fn the_ring_is_where_the_parameter_says() {
    let host = Host::builder().build();
    let hook = host.guest().hook();
    let named = hvm::param(&hook, hvm::Param::STORE_PFN).unwrap();
    assert_eq!(ring_gfn(&hook), Ok(Gfn(named)));
    host.faults().on_call(Number::HVM_OP).cmd(1).returns(-22);
    assert_eq!(ring_gfn(&hook), Err(LinkError::Xen(Errno::EINVAL)));
}

#[test]
fn a_port_that_xen_does_not_unmask_is_said_to_be_masked() {
    each(|host, events, link| {
        link.connect().unwrap();
        let mut core = Core::<2, 2>::new();
        let page = host.guest().map(ring_gfn(&host.guest().hook()).unwrap());
        let mut store = Store::attach(&page, &mut core, link).unwrap();
        store.watch(Path::literal("data/node")).unwrap();
        host.store().write("data/node", "x");
        events.wait(&[link.port().unwrap()], None).unwrap();
        // EVTCHNOP_unmask, which is wanted since an event has come.
        host.faults().on_call(Number::EVENT_CHANNEL_OP).cmd(9).returns(-22);
        assert!(link.unmask().is_err());
        assert_eq!(dispatched(events, link), 0);
        link.unmask().unwrap();
        assert_eq!(dispatched(events, link), 1);
    });
}

/// Notes the deadline that it was asked for.
#[derive(Default)]
struct Noting(Cell<Option<Nanos>>);

impl Alarm for Noting {
    fn poll_until(&self, _cx: &mut Context<'_>, deadline: Nanos) -> Poll<()> {
        self.0.set(Some(deadline));
        Poll::Pending
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A task waits by the port, whose events are dispatched, and by the alarm; without a connection by the alarm alone.
#[test]
fn a_task_waits_for_the_event_or_the_alarm() {
    each(|host, events, port| {
        let (alarm, woken) = (Noting::default(), Arc::new(Woken::default()));
        let (link, waker) = (WithAlarm::new(port, &alarm), Waker::from(Arc::clone(&woken)));
        let poll = |deadline| link.poll_wait(&mut Context::from_waker(&waker), deadline);
        assert_eq!((poll(Some(Nanos(7))), alarm.0.take()), (Poll::Pending, Some(Nanos(7))));
        link.connect().unwrap();
        let page = host.guest().map(link.ring_gfn().unwrap());
        let mut core = Core::<2, 2>::new();
        let mut store = Store::attach(&page, &mut core, &link).unwrap();
        store.watch(Path::literal("data/node")).unwrap();
        while store.poll_event().unwrap().is_some() {}
        port.unmask().unwrap();
        let dispatch = || events.dispatch(8, |came| events.wake(came));
        dispatch();
        while poll(None).is_ready() {}
        assert_eq!((poll(None), alarm.0.take()), (Poll::Pending, None), "for ever");
        let before = woken.0.load(SeqCst);
        host.store().write("data/node", "new");
        events.wait(&[port.port().unwrap()], None).unwrap();
        assert_eq!((dispatch(), woken.0.load(SeqCst) - before), (1, 1));
        assert_eq!([poll(None), poll(None)], [Poll::Ready(()), Poll::Pending]);
    });
}
