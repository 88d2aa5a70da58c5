//! Waiting for what some nodes say together.

use xen_hypercall::Nanos;

use super::Store;
use crate::{Link, Nodes, Path, Reply, Request, StoreError, Transport, WatchId};

/// The nodes as one sees them who waits: each that is read is watched from then on.
#[derive(Debug)]
pub struct Watching<'s, 'a, L, const REQUESTS: usize, const WATCHES: usize, T> {
    store: &'s mut Store<'a, L, REQUESTS, WATCHES, T>,
    seen: &'s mut Seen<WATCHES>,
}

/// The watches of what was read, and whether it was read this time.
#[derive(Debug)]
struct Seen<const WATCHES: usize>([Option<(WatchId, bool)>; WATCHES]);

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Nodes
    for Watching<'_, '_, L, REQUESTS, WATCHES, T>
{
    fn perform(&mut self, request: Request<'_>) -> Result<Reply<'_>, StoreError> {
        let watch = match request {
            Request::Read(path) | Request::Directory(path) | Request::Permissions(path) => self.watch(path),
            _ => None,
        };
        let ticket = self.store.core.submit(request, None)?;
        let waited = self.store.settle(&ticket);
        // What the server reported before it answered is older than the answer.
        let _older = watch.and_then(|watch| self.store.core.poll_event_of(watch));
        self.store.collect(ticket, waited)
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Watching<'_, '_, L, REQUESTS, WATCHES, T> {
    /// Returns the watch of a node that is about to be read; `None` if no more are to be had, and the clock has to do.
    fn watch(&mut self, path: Path<'_>) -> Option<WatchId> {
        let core = &mut self.store.core;
        let known = self.seen.0.iter_mut().flatten().find(|(watch, _)| core.watched_path(*watch) == Some(path));
        if let Some((watch, used)) = known {
            *used = true;
            return Some(*watch);
        }
        let place = self.seen.0.iter_mut().find(|place| place.is_none())?;
        let watch = core.watch(path).ok()?;
        *place = Some((watch, true));
        Some(watch)
    }
}

impl<'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Store<'a, L, REQUESTS, WATCHES, T> {
    /// Looks until there is something, and again whenever a node that was read has changed.
    ///
    /// `look` reads what it likes and returns what it waits for, or `None`. Every node that it reads is watched before it is
    /// read, so that no change is missed; if no watch is to be had, or the server loses its event, the next look comes after
    /// a second. When it is over so are the watches; those of others keep their events.
    ///
    /// # Errors
    /// What `look` fails with, and [`StoreError::TimedOut`] at the deadline.
    ///
    /// # Example
    /// ```no_run
    /// # use xen_store::{Link, Nodes, Path, Store, StoreError, XenbusState};
    /// # use xen_hypercall::Nanos;
    /// # fn connected<L: Link>(store: &mut Store<'_, L>, deadline: Nanos) -> Result<(), StoreError> {
    /// store.wait_until(deadline, |nodes| {
    ///     let backend = nodes.read_path(Path::literal("device/vbd/768/backend"))?;
    ///     let Ok(state) = backend.join("state") else { return Ok(None) };
    ///     Ok((nodes.read_number(state.as_path())? == 4).then_some(()))
    /// })
    /// # }
    /// ```
    pub fn wait_until<V>(
        &mut self,
        deadline: Nanos,
        mut look: impl FnMut(&mut Watching<'_, 'a, L, REQUESTS, WATCHES, T>) -> Result<Option<V>, StoreError>,
    ) -> Result<V, StoreError> {
        let mut seen = Seen([None; WATCHES]);
        let done = loop {
            seen.0.iter_mut().flatten().for_each(|(_, used)| *used = false);
            match look(&mut Watching { store: self, seen: &mut seen }) {
                Ok(Some(value)) => break Ok(value),
                Ok(None) => {}
                Err(error) => break Err(error),
            }
            self.end_watches(&mut seen, |used| !used);
            if let Err(error) = self.hear_of(&seen, deadline) {
                break Err(error);
            }
        };
        self.end_watches(&mut seen, |_| true);
        done
    }

    fn end_watches(&mut self, seen: &mut Seen<WATCHES>, ends: impl Fn(bool) -> bool) {
        for place in &mut seen.0 {
            if let Some((watch, _)) = place.take_if(|(_, used)| ends(*used)) {
                // Fenced or over: then it ends with the connection, or is forgotten.
                let _gone = self.core.unwatch(watch);
            }
        }
    }

    /// Waits for an event of one of the watches, or until it is time to look again.
    fn hear_of(&mut self, seen: &Seen<WATCHES>, deadline: Nanos) -> Result<(), StoreError> {
        self.until_heard(deadline, |store| {
            let mut watches = seen.0.iter().flatten();
            watches.any(|(watch, _)| store.core.poll_event_of(*watch).is_some())
        })
    }
}
