//! Waiting for what some nodes say together.

use xen_hypercall::Nanos;

use super::Store;
use crate::seen::Seen;
use crate::{Link, Nodes, Reply, Request, StoreError, Transport, WatchId};

/// The nodes as one sees them who waits: each that is read is watched from then on.
#[derive(Debug)]
pub struct Watching<'s, 'a, L, const REQUESTS: usize, const WATCHES: usize, T> {
    store: &'s mut Store<'a, L, REQUESTS, WATCHES, T>,
    seen: &'s mut Seen<WATCHES>,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Nodes
    for Watching<'_, '_, L, REQUESTS, WATCHES, T>
{
    fn perform(&mut self, request: Request<'_>) -> Result<Reply<'_>, StoreError> {
        let watch = self.seen.watch(self.store.core, &request);
        let ticket = self.store.core.submit(request, None)?;
        watch.into_iter().for_each(|watch| self.store.core.supersede(&ticket, watch));
        let waited = self.store.settle(&ticket);
        self.store.collect(ticket, waited)
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
    #[doc(alias("xenbus_wait_for_value", "xenbus_wait_for_state_change"))]
    pub fn wait_until<V>(
        &mut self,
        deadline: Nanos,
        mut look: impl FnMut(&mut Watching<'_, 'a, L, REQUESTS, WATCHES, T>) -> Result<Option<V>, StoreError>,
    ) -> Result<V, StoreError> {
        let mut seen = Seen::new();
        let done = loop {
            seen.begin();
            match look(&mut Watching { store: self, seen: &mut seen }) {
                Ok(Some(value)) => break Ok(value),
                Ok(None) => {}
                Err(error) => break Err(error),
            }
            seen.unused().for_each(|watch| self.end_watch(watch));
            if let Err(error) = self.until_heard(deadline, |store| seen.is_heard(store.core)) {
                break Err(error);
            }
        };
        seen.take_all().for_each(|watch| self.end_watch(watch));
        done
    }

    /// Ends a watch of ours; where it is fenced or over, it ends with the connection, or is forgotten.
    pub(super) fn end_watch(&mut self, watch: WatchId) {
        let _gone = self.core.unwatch(watch);
    }
}
