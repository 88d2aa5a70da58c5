//! Devices: connecting and closing many at once.

use xen_hypercall::Nanos;

use super::Client;
use super::hear::Hears;
use crate::xenbus::Round;
use crate::xenbus::waves::{self, Next};
use crate::{Connection, Core, Link, Transport, WatchId};

/// Devices that wait for their other ends.
struct Others<'w, 'd>(&'w mut [Connection<'d>]);

impl<const REQUESTS: usize, const WATCHES: usize> Hears<REQUESTS, WATCHES> for Others<'_, '_> {
    fn is_heard(&mut self, core: &mut Core<REQUESTS, WATCHES>) -> bool {
        waves::wake(core, self.0)
    }

    fn watches(&self) -> impl Iterator<Item = WatchId> {
        self.0.iter().filter(|connection| connection.is_waiting()).filter_map(Connection::watch)
    }
}

/// Devices on their way; if their future is dropped on it, their watches end.
struct Way<'w, 'd, 'c, 'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> {
    client: &'c Client<'a, L, REQUESTS, WATCHES, T>,
    connections: &'w mut [Connection<'d>],
    /// Whether the watches are to stay.
    there: bool,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Drop
    for Way<'_, '_, '_, '_, L, T, REQUESTS, WATCHES>
{
    fn drop(&mut self) {
        if !self.there {
            waves::take_watches(self.connections).for_each(|watch| self.client.end_watch(watch));
        }
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Way<'_, '_, '_, '_, L, T, REQUESTS, WATCHES> {
    async fn go(&mut self, deadline: Nanos) -> usize {
        let mut count: usize = 0;
        loop {
            let next = waves::next(self.client.store.borrow_mut().core(), self.connections);
            match next {
                Next::Over => return count,
                Next::Wave => {
                    self.client.pipeline(&mut Round::of(self.connections)).await;
                    waves::advance(self.connections);
                    count = count.saturating_add(1);
                }
                Next::Hear => {
                    let waited = self.client.until_heard(deadline, &mut Others(self.connections)).await;
                    waves::heard(self.connections, waited);
                }
            }
        }
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'_, L, REQUESTS, WATCHES, T> {
    /// Connects devices to their other ends, all at once, from the beginning: see
    /// [`Store::connect_all`](crate::Store::connect_all).
    ///
    /// The deadline is for the other ends; each answer of the server is waited for as long as the patience lasts. It takes a
    /// [seat](Client::with_seats) while it waits, without which all that are not there fail with `Full`. If the future
    /// is dropped, the devices' watches end, and they are to be connected from the beginning.
    ///
    /// # Panics
    /// If a device uses the client itself.
    pub async fn connect_all(&self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        if waves::refuses(self.store.borrow_mut().core(), connections) {
            return 0;
        }
        waves::restart(connections).for_each(|watch| self.end_watch(watch));
        let mut way = Way { client: self, connections, there: false };
        let count = way.go(deadline).await;
        way.there = true;
        count
    }

    /// Closes devices in order, all at once: see [`Store::close_all`](crate::Store::close_all).
    ///
    /// The deadline is for the other ends. The devices' watches are over, also if the future is dropped.
    ///
    /// # Panics
    /// If a device uses the client itself.
    pub async fn close_all(&self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        if waves::refuses(self.store.borrow_mut().core(), connections) {
            return 0;
        }
        connections.iter_mut().for_each(Connection::leave);
        Way { client: self, connections, there: false }.go(deadline).await
    }
}
