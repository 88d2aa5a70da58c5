//! Watches.

use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use super::Client;
use super::sleepers::Wants;
use crate::{Link, Path, StoreError, Transport, WatchEvent, WatchId, WatchStatus};

/// A watch of which the server has not said yet whether it has it; given up with the future that waits for that.
struct Registering<'c, 'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> {
    client: &'c Client<'a, L, REQUESTS, WATCHES, T>,
    watch: Option<WatchId>,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Drop
    for Registering<'_, '_, L, T, REQUESTS, WATCHES>
{
    fn drop(&mut self) {
        self.watch.take().into_iter().for_each(|watch| self.client.end_watch(watch));
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'_, L, REQUESTS, WATCHES, T> {
    /// Watches a path and all below it, and waits until the server does.
    ///
    /// # Errors
    /// As [`Store::watch`](crate::Store::watch).
    pub async fn watch(&self, path: Path<'_>) -> Result<WatchId, StoreError> {
        let watch = self.store.borrow_mut().core().watch(path)?;
        let mut registering = Registering { client: self, watch: Some(watch) };
        self.urge();
        poll_fn(|cx| self.poll_standing(cx, watch)).await?;
        registering.watch = None;
        Ok(watch)
    }

    fn poll_standing(&self, cx: &Context<'_>, watch: WatchId) -> Poll<Result<(), StoreError>> {
        if self.store.borrow_mut().core().watch_status(watch) == Ok(WatchStatus::Registering) {
            self.sleep(cx, Wants::Standing(watch.place()));
            return Poll::Pending;
        }
        Poll::Ready(self.store.borrow_mut().core().watch_standing(watch))
    }

    /// Watches no longer; no event comes after this.
    ///
    /// # Errors
    /// As [`Core::unwatch`](crate::Core::unwatch).
    pub fn unwatch(&self, watch: WatchId) -> Result<(), StoreError> {
        self.store.borrow_mut().core().unwatch(watch)?;
        // Who waits for its event is to hear that none comes.
        let waiter = self.sleepers.borrow_mut().take(Wants::Event(watch.place()));
        waiter.into_iter().for_each(Waker::wake);
        self.urge();
        Ok(())
    }

    /// Waits for what changes below a watched path.
    ///
    /// An event is a hint and may be lost by the server: read again from time to time all the same. One task waits for a watch
    /// at a time: two would keep each other awake.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if the watch is not there, [`StoreError::Poisoned`] if the session is over.
    pub async fn event(&self, watch: WatchId) -> Result<WatchEvent, StoreError> {
        poll_fn(|cx| self.poll_event(cx, watch)).await
    }

    /// Waits until there is something for [`event`](Self::event), and leaves it there: for somebody else who takes it, such as
    /// a suspend's coordinator.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub async fn heard(&self, watch: WatchId) -> Result<(), StoreError> {
        poll_fn(|cx| {
            let unheard = self.poll_unheard(cx, watch);
            let heard = || self.store.borrow_mut().core().has_event_at(watch.place());
            if unheard.is_pending() && heard() { Poll::Ready(Ok(())) } else { unheard }
        })
        .await
    }

    fn poll_event(&self, cx: &Context<'_>, watch: WatchId) -> Poll<Result<WatchEvent, StoreError>> {
        let event = self.store.borrow_mut().core().poll_event_of(watch);
        if let Some(event) = event {
            return Poll::Ready(Ok(event));
        }
        self.poll_unheard(cx, watch)
    }

    /// Waits for an event that is not there yet, as long as one may come.
    fn poll_unheard<R>(&self, cx: &Context<'_>, watch: WatchId) -> Poll<Result<R, StoreError>> {
        let standing = self.store.borrow_mut().core().watch_status(watch).map(drop);
        if let Err(error) = standing.and_then(|()| self.check()) {
            return Poll::Ready(Err(error));
        }
        self.sleep(cx, Wants::Event(watch.place()));
        Poll::Pending
    }

    pub(super) fn sleep(&self, cx: &Context<'_>, wants: Wants) {
        let other = self.sleepers.borrow_mut().put(wants, cx);
        other.into_iter().for_each(Waker::wake);
    }
}
