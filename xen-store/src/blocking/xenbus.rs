//! Devices: connecting and closing many at once.

use xen_hypercall::Nanos;

use super::Store;
use crate::xenbus::Round;
use crate::xenbus::waves::{self, Next};
use crate::{Connection, Link, Transport};

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Store<'_, L, REQUESTS, WATCHES, T> {
    /// Connects devices to their other ends, all at once, from the beginning: at the start, and again in each new domain.
    ///
    /// What can be asked is asked for all devices in one wave: where the other ends are; what they can do; then the rings
    /// are published, without a transaction, each device's state after its nodes; then the other ends' answers. So many
    /// waves there are for any number of devices; what else comes is the other ends' time. Each connected device keeps a
    /// watch of its other end's state: [`Connection::watch`].
    ///
    /// What came of each is told by [`Connection::outcome`]; one that fails does not hold up others. At the deadline those
    /// that wait still fail. Returns the number of waves.
    #[doc(alias("xenbus_switch_state", "talk_to_otherend"))]
    pub fn connect_all(&mut self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        if waves::refuses(self.core, connections) {
            return 0;
        }
        waves::restart(connections).for_each(|watch| self.end_watch(watch));
        self.go(connections, deadline)
    }

    /// Closes devices in order, all at once: each says so, waits until its other end goes too or is not there, and is closed.
    ///
    /// At the deadline the rest is given up: see [`Connection::outcome`]. Their watches are over. Returns the number of waves.
    #[doc(alias("xenbus_switch_state", "xenbus_frontend_closed"))]
    pub fn close_all(&mut self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        if waves::refuses(self.core, connections) {
            return 0;
        }
        connections.iter_mut().for_each(Connection::leave);
        let count = self.go(connections, deadline);
        waves::take_watches(connections).for_each(|watch| self.end_watch(watch));
        count
    }

    fn go(&mut self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        let mut count: usize = 0;
        loop {
            match waves::next(self.core, connections) {
                Next::Over => return count,
                Next::Wave => {
                    self.pipeline_until(&mut Round::of(connections), deadline);
                    waves::advance(connections);
                    count = count.saturating_add(1);
                }
                Next::Hear => {
                    let waited = self.until_heard(deadline, |store| waves::wake(store.core, connections));
                    waves::heard(connections, waited);
                }
            }
        }
    }
}
