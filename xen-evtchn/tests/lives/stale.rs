//! Handles of a domain that is gone.

use std::cell::Cell;

use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{Acquire, Release};
use loom::sync::{Mutex, MutexGuard};
use loom::thread;
use xen_evtchn::model::{Bitmaps, Lack, lack};
use xen_evtchn::{Patience, Taken};
use xen_hypercall::{EpochCell, IrqGate, Nanos, SharedInfo};

use super::{PEER, Xen, table};

pub(crate) const STRANGER: &str = "a stranger's port is touched";

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    /// Sections are not kept from being parked in.
    Gate,
    /// The epoch does not advance.
    Epoch,
}

loom::thread_local! {
    /// This processor is the one that resumes the domain: it is not parked.
    static RESUMES: Cell<bool> = Cell::new(false);
}

/// A processor is parked outside of its sections: whoever has the lock lets nobody into one.
pub(crate) struct Park(&'static Parked, Without);

#[derive(Debug, Default)]
struct Parked {
    lock: Mutex<()>,
    /// Loom does not see the epoch: whoever looks at it, or advances it, touches this.
    moment: AtomicU32,
}

impl IrqGate for Park {
    type Saved = Option<MutexGuard<'static, ()>>;

    fn off(&self) -> Self::Saved {
        let may_run = self.1 == Without::Gate || RESUMES.with(Cell::get);
        let saved = (!may_run).then(|| self.0.lock.lock().unwrap());
        self.0.moment.load(Acquire);
        saved
    }

    fn restore(&self, saved: Self::Saved) {
        drop(saved);
    }
}

/// E22: an owner acknowledges late, and drops his port, while the domain is resumed as a new one, where the number is a
/// stranger's: that one stays masked, and open.
pub(crate) fn late(info: &'static SharedInfo, without: Without) {
    lack(Lack::Nothing);
    let (xen, epoch) = (Xen::leaked(true), &*Box::leak(Box::new(EpochCell::new())));
    let parked: &'static Parked = Box::leak(Box::default());
    let events = table(info, (xen, epoch), Park(parked, without));
    let mut old = events.alloc_unbound(PEER).unwrap().late(Patience::default());
    let owner = thread::spawn(move || {
        let late = old.attend();
        let ended = late.map(|late| late.end(Taken(1), Nanos::ZERO));
        drop(old);
        ended
    });
    let resume = parked.lock.lock().unwrap();
    RESUMES.with(|this| this.set(true));
    xen.forget();
    parked.moment.fetch_add(1, Release);
    if without != Without::Epoch {
        epoch.advance();
    }
    events.rebuild().unwrap();
    let before = xen.closed(1);
    let new = events.alloc_unbound(PEER).unwrap_or_else(|_| panic!("{STRANGER}"));
    RESUMES.with(|this| this.set(false));
    drop(resume);
    let _ = owner.join().unwrap();
    let masked = Bitmaps::this().mask[0].load(Acquire) & 2 != 0;
    let untouched = masked && xen.closed(1) == before && events.leaked() == 0;
    assert!(untouched, "{STRANGER}");
    assert_eq!((new.number().0, events.open()), (1, 1));
}
