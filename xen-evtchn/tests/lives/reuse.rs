//! Events of a port that is closed, and whose number comes again.

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::thread;
use xen_evtchn::model::{Lack, lack};
use xen_hypercall::{EpochCell, NoGate, SharedInfo};

use super::{Bound, PEER, Table, Xen, table};

pub(crate) const EARLIER: &str = "an event of an earlier life";
pub(crate) const LOST: &str = "a lost event";

// How far the owner has got.
const CLOSED: u32 = 1;
const WRITTEN: u32 = 2;

/// Makes a table with two ports, open to be told.
fn two_ports(info: &'static SharedInfo, xen: &'static Xen) -> (Table, [Bound; 2]) {
    let events = table(info, (xen, Box::leak(Box::new(EpochCell::new()))), NoGate);
    let ports = [(); 2].map(|()| events.alloc_unbound(PEER).unwrap());
    ports.iter().for_each(|port| port.unmask().unwrap());
    (events, ports)
}

/// Closes a port, binds its number anew, and has its new event come.
fn live_again(events: Table, (xen, port): (&Xen, Bound), far: &AtomicU32) -> Bound {
    let number = port.number();
    port.close().unwrap();
    far.store(CLOSED, Release);
    let again = events.alloc_unbound(PEER).unwrap();
    assert_eq!(again.number(), number, "the lowest free number");
    again.unmask().unwrap();
    // What the peer writes before its event; whose handler sees it has not missed it.
    far.store(WRITTEN, Release);
    assert_eq!(xen.raise(2), Some(2));
    again
}

/// E18: the events of two ports are claimed together. While the first one's handler runs, the second port is closed, its number
/// bound anew, and a new event sent. If that is seen before the second event is handed out, then it is not: only the new one comes.
pub(crate) fn claimed(info: &'static SharedInfo, what: Lack) {
    lack(what);
    let xen = Xen::leaked(true);
    let (events, [_first, second]) = two_ports(info, xen);
    assert_eq!([1, 2].map(|port| xen.raise(port)), [Some(1); 2]);
    let far = Arc::new(AtomicU32::new(0));
    let (mut second, mut owner) = (Some(second), None);
    let (mut seen, mut told) = (0, false);
    events.dispatch(64, |came| {
        if came.0 == 1 {
            let (port, theirs) = (second.take().unwrap(), Arc::clone(&far));
            owner = Some(thread::spawn(move || live_again(events, (xen, port), &theirs)));
            seen = far.load(Acquire);
        } else {
            assert!(seen < CLOSED, "{EARLIER}");
            told = far.load(Acquire) == WRITTEN;
        }
    });
    let _again = owner.unwrap().join().unwrap();
    events.dispatch(64, |came| told |= came.0 == 2);
    assert!(told, "{LOST}");
    assert_eq!(events.dispatch(64, |_| {}) + usize::from(events.may_have_more()), 0);
    assert_eq!((events.strays(), events.open()), (0, 2));
}

/// E18: a port is closed and its number bound anew while an event comes and the processor looks: an event of the old life
/// comes to nobody after it was closed, but for one that was being taken; one of the new life is not lost.
pub(crate) fn delivered(info: &'static SharedInfo, what: Lack) {
    lack(what);
    let xen = Xen::leaked(true);
    let (events, [_first, second]) = two_ports(info, xen);
    assert_eq!(xen.raise(1), Some(1), "so that the processor looks");
    let owner = thread::spawn(move || {
        second.close().unwrap();
        let again = events.alloc_unbound(PEER).unwrap();
        again.unmask().unwrap();
        again
    });
    let far = Arc::new(AtomicU32::new(0));
    let theirs = Arc::clone(&far);
    let sent = thread::spawn(move || {
        theirs.store(WRITTEN, Release);
        xen.raise(2)
    });
    let (mut came, mut told) = (0, false);
    events.dispatch(64, |port| {
        if port.0 == 2 {
            came += 1;
            told |= far.load(Acquire) == WRITTEN;
        }
    });
    let (_again, life) = (owner.join().unwrap(), sent.join().unwrap());
    let mut later = 0;
    events.dispatch(64, |port| later += u32::from(port.0 == 2));
    assert!(came + later <= 1, "an event that comes twice");
    if life == Some(2) {
        assert!(told || later == 1, "{LOST}");
    }
    assert_eq!(events.open(), 2);
}

/// E18: as [`delivered`], where nobody looks until all is done: what comes then is of the new life.
pub(crate) fn closed(info: &'static SharedInfo, clears: bool) {
    lack(Lack::Nothing);
    let xen = Xen::leaked(clears);
    let (events, [_first, second]) = two_ports(info, xen);
    let sent = thread::spawn(|| xen.raise(2));
    second.close().unwrap();
    let again = events.alloc_unbound(PEER).unwrap();
    again.unmask().unwrap();
    let life = sent.join().unwrap();
    let came = events.dispatch(64, |_| {});
    assert!(came == 0 || life == Some(2), "{EARLIER}");
    assert!(came == 1 || life != Some(2), "{LOST}");
}
