//! The facade for tasks: many of them wait at once, by no runtime in particular.

mod alarm;
mod ask;
mod drive;
mod event;
mod hear;
mod seats;
mod sleepers;
mod transaction;
mod wait_until;
mod xenbus;

pub use alarm::{Alarm, WithAlarm};
pub use drive::TaskLink;
pub use seats::Seat;
pub use transaction::Inside;
pub use wait_until::Looking;

use core::cell::{Cell, RefCell};
use core::task::Waker;

use xen_hypercall::Nanos;

use crate::{Link, Ring, Store, StoreError, Transaction, Transport, WatchId};
use seats::{Reason, Seats};
use sleepers::Sleepers;

/// A connection to the xenstore server that many tasks of one executor share.
///
/// It puts a [`Store`] among them: that one goes on by itself, as long as one task runs [`drive`](Self::drive). What another
/// task asks goes out together with what others ask, with one event for all. A future that is dropped before its end gives
/// up what it asked for, and nothing else: so that any timer of the executor's will do to limit it, besides
/// [`Store::set_patience`], which holds here too.
///
/// Besides the core, it takes 224 bytes a request, 40 bytes a watch, and 280 bytes of the caller's on a 64-bit machine, and
/// those of its link.
///
/// It is for one thread; tasks on other processors send theirs a message.
#[derive(Debug)]
pub struct Client<'a, L, const REQUESTS: usize = 4, const WATCHES: usize = 16, T = Ring<'a>> {
    store: RefCell<Store<'a, L, REQUESTS, WATCHES, T>>,
    sleepers: RefCell<Sleepers<REQUESTS, WATCHES>>,
    /// Who waits for a slot, in turn, or for the time to look again.
    seats: Seats<'a, REQUESTS>,
    /// Transactions that are open, or about to be, or whose task is gone.
    open: Cell<usize>,
    /// Transactions whose task is gone, and of which the server is to hear.
    orphans: RefCell<[Option<Transaction>; REQUESTS]>,
    /// Watches whose task is gone, and that had to stay as long as the session was fenced.
    unwanted: RefCell<[Option<WatchId>; WATCHES]>,
    /// When the first of those who wait for the clock is to look again.
    again: Cell<Nanos>,
}

// What the documentation says of its size.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Client<'static, (), 0, 0>>() <= 280);
    assert!(size_of::<Client<'static, (), 4, 16>>() <= 280 + 4 * 224 + 16 * 40);
};

impl<'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'a, L, REQUESTS, WATCHES, T> {
    /// Shares a store among tasks. Of its slots one is kept for [`with`](Self::with), if there are several.
    #[must_use]
    pub const fn new(mut store: Store<'a, L, REQUESTS, WATCHES, T>) -> Self {
        store.core().keep_one();
        Self {
            store: RefCell::new(store),
            sleepers: RefCell::new(Sleepers::new()),
            seats: Seats::new(),
            open: Cell::new(0),
            orphans: RefCell::new([const { None }; REQUESTS]),
            unwanted: RefCell::new([const { None }; WATCHES]),
            again: Cell::new(Nanos::MAX),
        }
    }

    /// Adds seats for tasks that wait for a slot, or for the clock; without them there are four for each slot.
    ///
    /// A task takes two where all slots are in use, one where it waits for nodes or devices, none otherwise.
    #[must_use]
    pub const fn with_seats(mut self, seats: &'a mut [Seat]) -> Self {
        self.seats.add(seats);
        self
    }

    /// Does something with the store while no task does: for a suspend, where [`Store::fence`] and what follows wait for the
    /// server by themselves. Tasks are woken afterwards for what has come of it: answers, events, and requests
    /// that a new epoch has ended.
    ///
    /// # Panics
    /// If `work` uses the client itself.
    pub fn with<R>(&self, work: impl FnOnce(&mut Store<'a, L, REQUESTS, WATCHES, T>) -> R) -> R {
        let done = {
            let mut store = self.store.borrow_mut();
            store.core().keep_none();
            let done = work(&mut store);
            store.core().keep_one();
            done
        };
        self.wake_for_news();
        self.urge();
        done
    }

    /// Gives the store back.
    pub fn into_inner(self) -> Store<'a, L, REQUESTS, WATCHES, T> {
        let mut store = self.store.into_inner();
        store.core().keep_none();
        store
    }

    /// Has the driver look at what was asked.
    fn urge(&self) {
        let driver = self.sleepers.borrow_mut().take_driver();
        driver.into_iter().for_each(Waker::wake);
    }

    /// Has every task look again.
    fn wake_all(&self) {
        for place in 0.. {
            let Some(waker) = self.sleepers.borrow_mut().take_any(place) else { break };
            waker.into_iter().for_each(Waker::wake);
        }
        self.seats.wake_all(Reason::Room);
        self.seats.wake_all(Reason::Time);
        self.urge();
    }

    /// Counts one transaction less.
    fn close(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }

    /// Refuses what cannot go on.
    fn check(&self) -> Result<(), StoreError> {
        self.store.borrow_mut().core().check()
    }
}
