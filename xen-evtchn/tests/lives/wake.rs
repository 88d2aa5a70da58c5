//! Who awaits the event of a port, and the handler that wakes him.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;
use xen_evtchn::model::{Lack, lack};
use xen_hypercall::{EpochCell, NoGate, Port, SharedInfo};

use super::{Bound, PEER, Table, Xen, table};

pub(crate) const LOST: &str = "a lost wake-up";

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    /// The look at the event after the waker is in place: there is one before it.
    Look,
    /// The handler's mark for who comes later.
    Mark,
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        // Looked at when all threads have ended.
        self.0.store(true, SeqCst);
    }
}

fn poll(port: &Bound, waker: &Waker) -> bool {
    let event = pin!(port.event().unwrap());
    match event.poll(&mut Context::from_waker(waker)) {
        Poll::Ready(done) => {
            done.unwrap();
            true
        }
        Poll::Pending => false,
    }
}

/// Looks, and then puts the waker in place.
fn poll_early(events: Table, port: &Bound, waker: &Waker) -> bool {
    let sleeper = events.model_sleeper(port.number()).unwrap();
    if port.take_pending().unwrap() || sleeper.take_mark() {
        return true;
    }
    sleeper.put(Some(waker.clone()));
    false
}

fn wake_unmarked(events: Table, port: Port) {
    events.model_sleeper(port).unwrap().put(None).into_iter().for_each(Waker::wake);
}

/// E08: an event is dispatched to a handler that wakes its owner, who begins to wait meanwhile: he sees the event, or he is woken
/// and sees it then, once.
pub(crate) fn awaited(info: &'static SharedInfo, without: Without) {
    lack(Lack::Nothing);
    let xen = Xen::leaked(true);
    let events = table(info, (xen, Box::leak(Box::new(EpochCell::new()))), NoGate);
    let port = events.alloc_unbound(PEER).unwrap();
    port.unmask().unwrap();
    let handler = thread::spawn(move || {
        xen.raise(1);
        let wake = |port| if without == Without::Mark { wake_unmarked(events, port) } else { events.wake(port) };
        events.dispatch(64, wake);
    });
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let came = if without == Without::Look { poll_early(events, &port, &waker) } else { poll(&port, &waker) };
    handler.join().unwrap();
    assert!(came || woken.0.load(SeqCst), "{LOST}");
    assert_eq!(poll(&port, Waker::noop()), !came, "{LOST}, or one too many");
}
