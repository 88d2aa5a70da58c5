//! Time, which is told and never asked for.

use xen_hypercall::Nanos;

use super::Core;
use crate::Ticket;

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Has a request end with [`StoreError::TimedOut`](crate::StoreError::TimedOut) at a time, if it has no answer by then.
    ///
    /// As with [`give_up`](Self::give_up), what is not sent by then never will be, and otherwise the slot stays in use until
    /// the server has answered.
    pub fn expire_at(&mut self, ticket: &Ticket, deadline: Nanos) {
        if let Some(slot) = super::submit::find(&mut self.slots, ticket) {
            slot.set_deadline(deadline);
            self.expires = true;
        }
    }

    /// Takes note of the time, by any clock that goes on without a pause: what is due then is done.
    ///
    /// Best told when bytes were moved, before a wait.
    pub fn handle_time(&mut self, now: Nanos) {
        self.now = now;
        if self.expires {
            self.slots.iter_mut().for_each(|slot| slot.expire(now));
            self.expires = self.slots.iter().any(|slot| slot.deadline().is_some());
        }
        if self.reread < Nanos::MAX {
            self.watches.iter_mut().for_each(|watch| watch.handle_time(now, self.reread));
        }
        if self.watchdog.is_due(now) && !self.has_work() {
            self.watchdog.moved();
        }
        self.watchdog.handle_time(now);
    }

    /// Returns when [`handle_time`](Self::handle_time) has something to do next; time may be told before and after.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Nanos> {
        let slots = self.slots.iter().filter_map(|slot| slot.deadline());
        let kick = if self.has_work() { self.watchdog.next() } else { None };
        let rereads = self.watches.iter().filter_map(|watch| watch.next(self.now, self.reread));
        slots.chain(rereads).chain(kick).filter(|next| *next < Nanos::MAX).min()
    }

    /// Tells whether the server is to be notified although no byte has moved: it has work and stands still, so that an event
    /// may be lost, ours or its own.
    ///
    /// Eight times at most, after twice the time each, until something moves again.
    #[must_use = "the server is not notified by this"]
    pub const fn poll_kick(&mut self) -> bool {
        self.watchdog.take()
    }

    /// Sets how long nothing may move, though the server has work, before it is notified once more; a second unless set.
    ///
    /// [`Nanos::MAX`] is never.
    pub const fn set_watchdog(&mut self, period: Nanos) {
        self.watchdog.set(period);
    }

    /// Sets after how long without an event each watch has one of our making, so that its owner reads again; never unless
    /// set.
    ///
    /// Servers lose events: those of C drop what is longer than a message, and what a domain does not take for 20 s
    /// (XSA-324, XSA-326).
    pub const fn set_reread(&mut self, period: Nanos) {
        self.reread = period;
    }

    /// Sets how many requests the server is given before it has answered, those of watches too: at least one, and as many as
    /// there are places unless set.
    ///
    /// # Xen
    /// The daemons refuse nothing for that, so that no window is needed: the C xenstored takes no further request out of the
    /// ring of a domain that has 20 outstanding (`quota-outstanding`), the one in OCaml of one that has 1024
    /// (`quota-maxoutstanding`), until answers have found room in the ring.
    pub const fn set_window(&mut self, requests: usize) {
        self.window = if requests == 0 { 1 } else { requests };
    }

    /// Tells whether the server owes something, or has something to take.
    fn has_work(&self) -> bool {
        self.poison.is_none() && self.exchanges().any(|exchange| !exchange.is_over())
    }
}
