//! Waiting for changes, and for the time to look again.

use core::future::poll_fn;
use core::task::{Context, Poll};

use xen_hypercall::Nanos;

use super::Client;
use super::seats::{Place, Reason};
use super::sleepers::Wants;
use crate::watch::REREAD;
use crate::{Core, Link, StoreError, Transport, WatchId};

/// What is waited for, and the watches whose events tell of it.
pub(super) trait Hears<const REQUESTS: usize, const WATCHES: usize> {
    fn is_heard(&mut self, core: &mut Core<REQUESTS, WATCHES>) -> bool;
    fn watches(&self) -> impl Iterator<Item = WatchId>;
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'_, L, REQUESTS, WATCHES, T> {
    /// Waits until something is heard, or it is time to look again, since servers lose events.
    pub(super) async fn until_heard(
        &self,
        deadline: Nanos,
        hears: &mut impl Hears<REQUESTS, WATCHES>,
    ) -> Result<(), StoreError> {
        let again = self.now().after(REREAD).min(deadline);
        let mut place = Place::new(&self.seats, Reason::Time);
        poll_fn(|cx| {
            let is_heard = hears.is_heard(self.store.borrow_mut().core());
            if is_heard {
                return Poll::Ready(Ok(()));
            }
            if let Err(error) = self.check() {
                return Poll::Ready(Err(error));
            }
            if self.now() >= again {
                return Poll::Ready(if again < deadline { Ok(()) } else { Err(StoreError::TimedOut) });
            }
            hears.watches().for_each(|watch| self.sleep(cx, Wants::Event(watch.place())));
            match self.wait_for_time(cx, &mut place, again) {
                Ok(()) => Poll::Pending,
                Err(full) => Poll::Ready(Err(full)),
            }
        })
        .await
    }

    /// Has the task woken when it is time.
    pub(super) fn wait_for_time(
        &self,
        cx: &Context<'_>,
        place: &mut Place<'_, '_, REQUESTS>,
        at: Nanos,
    ) -> Result<(), StoreError> {
        place.wait(cx, at)?;
        if at < self.again.get() {
            self.again.set(at);
            self.urge();
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Nanos {
        self.store.borrow().link().now()
    }

    /// Returns when the driver is to turn next, at the latest.
    pub(super) fn next_turn(&self) -> Option<Nanos> {
        let next = self.store.borrow_mut().core().poll_deadline();
        Some(next.unwrap_or(Nanos::MAX).min(self.again.get())).filter(|next| *next < Nanos::MAX)
    }

    /// Wakes those who wait for the clock, if it is time for one of them.
    pub(super) fn wake_for_time(&self) {
        let now = self.now();
        self.seats.tell_time(now);
        if self.again.get() > now {
            return;
        }
        self.again.set(Nanos::MAX);
        self.seats.wake_all(Reason::Time);
    }

    /// Ends a watch whose task needs it no more, or is gone; where the session is fenced, as soon as it is not.
    pub(super) fn end_watch(&self, watch: WatchId) {
        if self.unwatch(watch) == Err(StoreError::Fenced) {
            let mut unwanted = self.unwanted.borrow_mut();
            // There is a place for each that there can be.
            unwanted.iter_mut().find(|place| place.is_none()).into_iter().for_each(|place| *place = Some(watch));
        }
    }
}
