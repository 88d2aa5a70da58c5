//! Devices: connecting and closing many at once.

use xen_hypercall::Nanos;

use super::Store;
use crate::xenbus::Round;
use crate::{Connection, Core, Link, Transport, XenbusError};

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
    pub fn connect_all(&mut self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        if self.refuses(connections) {
            return 0;
        }
        for connection in connections.iter_mut() {
            if let Some(watch) = connection.restart() {
                let _gone = self.core.unwatch(watch);
            }
        }
        self.go(connections, deadline)
    }

    /// Closes devices in order, all at once: each says so, waits until its other end goes too or is not there, and is closed.
    ///
    /// At the deadline the rest is given up: see [`Connection::outcome`]. Their watches are over. Returns the number of waves.
    pub fn close_all(&mut self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        if self.refuses(connections) {
            return 0;
        }
        connections.iter_mut().for_each(Connection::leave);
        let waves = self.go(connections, deadline);
        for watch in connections.iter_mut().filter_map(Connection::take_watch) {
            let _gone = self.core.unwatch(watch);
        }
        waves
    }

    /// Leaves devices and their watches as they are, if nothing can be asked.
    fn refuses(&self, connections: &mut [Connection<'_>]) -> bool {
        let refused = self.core.admit();
        if let Err(error) = refused {
            connections.iter_mut().for_each(|connection| connection.refuse(XenbusError::Store(error)));
        }
        refused.is_err()
    }

    fn go(&mut self, connections: &mut [Connection<'_>], deadline: Nanos) -> usize {
        let mut waves: usize = 0;
        while connections.iter().any(|connection| connection.outcome().is_none()) {
            // What was heard of meanwhile goes on together with the others.
            wake(self.core, connections);
            if connections.iter().any(Connection::is_active) {
                self.watch_others(connections);
                self.pipeline_until(&mut Round::of(connections), deadline);
                connections.iter_mut().filter(|connection| connection.is_active()).for_each(Connection::advance);
                waves = waves.saturating_add(1);
            } else if let Err(error) = self.hear(connections, deadline) {
                connections.iter_mut().for_each(|connection| match error {
                    crate::StoreError::TimedOut => connection.fail_late(),
                    error => connection.fail(XenbusError::Store(error)),
                });
            }
        }
        waves
    }

    /// Has the server watch the states that are to be read, before they are.
    fn watch_others(&mut self, connections: &mut [Connection<'_>]) {
        for connection in connections {
            let Some(path) = connection.unwatched() else { continue };
            match self.core.watch(path.as_path()) {
                Ok(watch) => connection.watched(watch),
                Err(error) => connection.fail(XenbusError::Store(error)),
            }
        }
    }

    /// Waits until something is heard of an other end, or it is time to look again.
    fn hear(&mut self, connections: &mut [Connection<'_>], deadline: Nanos) -> Result<(), crate::StoreError> {
        let waiting = &mut *connections;
        self.until_heard(deadline, |store| {
            wake(store.core, waiting);
            waiting.iter().any(Connection::is_active)
        })?;
        if !connections.iter().any(Connection::is_active) {
            connections.iter_mut().for_each(Connection::wake);
        }
        Ok(())
    }
}

/// Has those look again that were heard of.
fn wake<const REQUESTS: usize, const WATCHES: usize>(
    core: &mut Core<REQUESTS, WATCHES>,
    connections: &mut [Connection<'_>],
) {
    for connection in connections.iter_mut().filter(|connection| connection.is_waiting()) {
        if connection.watch().is_some_and(|watch| core.poll_event_of(watch).is_some()) {
            connection.wake();
        }
    }
}
