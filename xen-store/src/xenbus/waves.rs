//! Many devices on their way, all at once: what comes next for them, whoever waits.

use crate::{Connection, Core, StoreError, WatchId, XenbusError};

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Everything is over.
    Over,
    /// A wave of requests: [`Round`](super::Round).
    Wave,
    /// Something is to be heard of the other ends first.
    Hear,
}

/// Leaves devices and their watches as they are, if nothing can be asked.
pub(crate) fn refuses<const R: usize, const W: usize>(core: &Core<R, W>, connections: &mut [Connection<'_>]) -> bool {
    let refused = core.admit();
    if let Err(error) = refused {
        connections.iter_mut().for_each(|connection| connection.refuse(XenbusError::Store(error)));
    }
    refused.is_err()
}

/// Has all begin anew, and takes the watches that they had, to be ended.
pub(crate) fn restart(connections: &mut [Connection<'_>]) -> impl Iterator<Item = WatchId> {
    connections.iter_mut().filter_map(Connection::restart)
}

/// Takes the watches, to be ended.
pub(crate) fn take_watches(connections: &mut [Connection<'_>]) -> impl Iterator<Item = WatchId> {
    connections.iter_mut().filter_map(Connection::take_watch)
}

/// Tells what comes next; before a wave, what was heard of meanwhile goes on together with the others, and the server is to
/// watch the states that are to be read.
pub(crate) fn next<const R: usize, const W: usize>(core: &mut Core<R, W>, connections: &mut [Connection<'_>]) -> Next {
    if connections.iter().all(|connection| connection.outcome().is_some()) {
        return Next::Over;
    }
    if !wake(core, connections) {
        return Next::Hear;
    }
    for connection in connections {
        let Some(path) = connection.unwatched() else { continue };
        match core.watch(path.as_path()) {
            Ok(watch) => connection.watched(watch),
            Err(error) => connection.fail(XenbusError::Store(error)),
        }
    }
    Next::Wave
}

/// Goes on after a wave.
pub(crate) fn advance(connections: &mut [Connection<'_>]) {
    connections.iter_mut().filter(|connection| connection.is_active()).for_each(Connection::advance);
}

/// Has those look again that were heard of, and tells whether anything is to be asked.
pub(crate) fn wake<const R: usize, const W: usize>(core: &mut Core<R, W>, connections: &mut [Connection<'_>]) -> bool {
    for connection in connections.iter_mut().filter(|connection| connection.is_waiting()) {
        if connection.watch().is_some_and(|watch| core.poll_event_of(watch).is_some()) {
            connection.wake();
        }
    }
    connections.iter().any(Connection::is_active)
}

/// Takes note of how the wait for the other ends went: all look again if nothing was heard, since servers lose events.
pub(crate) fn heard(connections: &mut [Connection<'_>], waited: Result<(), StoreError>) {
    match waited {
        Ok(()) if connections.iter().any(Connection::is_active) => {}
        Ok(()) => connections.iter_mut().for_each(Connection::wake),
        Err(StoreError::TimedOut) => connections.iter_mut().for_each(Connection::fail_late),
        Err(error) => connections.iter_mut().for_each(|connection| connection.fail(XenbusError::Store(error))),
    }
}
