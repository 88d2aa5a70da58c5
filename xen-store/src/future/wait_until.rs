//! Waiting for what some nodes say together.

use core::cell::RefCell;

use xen_hypercall::Nanos;

use super::Client;
use super::hear::Hears;
use crate::seen::Seen;
use crate::{Core, Link, Path, Reply, Request, Ring, StoreError, Transport, WatchId};

impl<const REQUESTS: usize, const WATCHES: usize> Hears<REQUESTS, WATCHES> for Seen<WATCHES> {
    fn is_heard(&mut self, core: &mut Core<REQUESTS, WATCHES>) -> bool {
        Self::is_heard(self, core)
    }

    fn watches(&self) -> impl Iterator<Item = WatchId> {
        Self::watches(self)
    }
}

/// The nodes as one sees them who waits: each that is read is watched from then on.
#[derive(Debug)]
pub struct Looking<'c, 'a, L: Link, const REQUESTS: usize, const WATCHES: usize, T: Transport = Ring<'a>> {
    client: &'c Client<'a, L, REQUESTS, WATCHES, T>,
    seen: RefCell<Seen<WATCHES>>,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Drop
    for Looking<'_, '_, L, REQUESTS, WATCHES, T>
{
    fn drop(&mut self) {
        self.seen.borrow_mut().take_all().for_each(|watch| self.client.end_watch(watch));
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Looking<'_, '_, L, REQUESTS, WATCHES, T> {
    /// Does as [`Client::perform`], and has what it reads watched.
    ///
    /// # Errors
    /// As [`Client::perform`].
    pub async fn perform<'b>(&self, request: Request<'_>, buffer: &'b mut [u8]) -> Result<Reply<'b>, StoreError> {
        let watch = self.seen.borrow_mut().watch(self.client.store.borrow_mut().core(), &request);
        self.client.ask_reading(request, watch, buffer).await
    }

    /// Reads the value of a node into the front of `buffer`.
    ///
    /// # Errors
    /// As [`Client::perform`].
    pub async fn read<'b>(&self, path: Path<'_>, buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
        self.perform(Request::Read(path), buffer).await.map(|reply| reply.value())
    }
}

impl<'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'a, L, REQUESTS, WATCHES, T> {
    /// Looks until there is something, and again whenever a node that was read has changed: see
    /// [`Store::wait_until`](crate::Store::wait_until).
    ///
    /// If the future is dropped, the watches of what was read end with it.
    ///
    /// # Errors
    /// What `look` fails with, [`StoreError::TimedOut`] at the deadline, [`Nanos::MAX`] being none, and [`StoreError::Full`] if no
    /// [seat](Client::with_seats) is left.
    pub async fn wait_until<V>(
        &self,
        deadline: Nanos,
        mut look: impl AsyncFnMut(&Looking<'_, 'a, L, REQUESTS, WATCHES, T>) -> Result<Option<V>, StoreError>,
    ) -> Result<V, StoreError> {
        let nodes = Looking { client: self, seen: RefCell::new(Seen::new()) };
        loop {
            nodes.seen.borrow_mut().begin();
            if let Some(value) = look(&nodes).await? {
                return Ok(value);
            }
            nodes.seen.borrow_mut().unused().for_each(|watch| self.end_watch(watch));
            // Nobody else looks by these nodes, so that what is heard of is known by a copy.
            let mut seen = *nodes.seen.borrow();
            self.until_heard(deadline, &mut seen).await?;
        }
    }
}
