//! Watches.

use super::Store;
use crate::{Depth, Link, Path, StoreError, Transport, WatchEvent, WatchId, WatchStatus};

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Store<'_, L, REQUESTS, WATCHES, T> {
    /// Watches a path and all below it, and waits until the server does.
    ///
    /// The server reports once at the beginning.
    ///
    /// # Errors
    /// As [`Core::watch`](crate::Core::watch), and what the server said. On an error there is no watch.
    #[doc(alias("XS_WATCH", "register_xenbus_watch", "xenbus_watch_path_token"))]
    pub fn watch(&mut self, path: Path<'_>) -> Result<WatchId, StoreError> {
        let watch = self.core.watch(path)?;
        self.until_registered(watch)
    }

    /// Watches a path and what is at most so many levels below it, and waits until the server does.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    pub fn watch_depth(&mut self, path: Path<'_>, depth: Depth) -> Result<WatchId, StoreError> {
        let watch = self.core.watch_depth(path, depth)?;
        self.until_registered(watch)
    }

    fn until_registered(&mut self, watch: WatchId) -> Result<WatchId, StoreError> {
        let deadline = self.deadline();
        let waited = self.until(deadline, |store| store.core.watch_status(watch) != Ok(WatchStatus::Registering));
        let standing = waited.and_then(|()| self.core.watch_standing(watch));
        if let Err(error) = standing {
            let _gone = self.core.unwatch(watch);
            return Err(error);
        }
        Ok(watch)
    }

    /// Watches no longer; no event comes after this, and the server is told with the next bytes.
    ///
    /// # Errors
    /// As [`Core::unwatch`](crate::Core::unwatch).
    #[doc(alias("XS_UNWATCH", "unregister_xenbus_watch", "xenbus_unwatch_path_token"))]
    pub fn unwatch(&mut self, watch: WatchId) -> Result<(), StoreError> {
        self.core.unwatch(watch)?;
        self.pump()
    }

    /// Has the server forget what whoever had the connection before left there: see [`Core::reset`](crate::Core::reset).
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a transaction or a watch of ours is there; what the server said.
    #[doc(alias("XS_RESET_WATCHES", "xs_reset_watches"))]
    pub fn reset(&mut self) -> Result<(), StoreError> {
        let ticket = self.core.reset()?;
        self.wait_for(ticket).map(drop)
    }

    /// Returns the next event, without waiting.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if the session is over.
    pub fn poll_event(&mut self) -> Result<Option<WatchEvent>, StoreError> {
        self.pump()?;
        Ok(self.core.poll_event())
    }

    /// Returns what changed below one watch, without waiting; events of others stay for their owners.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if the session is over.
    pub fn poll_event_of(&mut self, watch: WatchId) -> Result<Option<WatchEvent>, StoreError> {
        self.pump()?;
        Ok(self.core.poll_event_of(watch))
    }

    /// Waits for the next event; `None` at the deadline.
    ///
    /// An event may be lost on the server's side, so do not wait for ever: read again from time to time.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if the session is over.
    #[doc(alias = "xenbus_wait_for_watch")]
    pub fn wait_event(&mut self, deadline: xen_hypercall::Nanos) -> Result<Option<WatchEvent>, StoreError> {
        let mut event = None;
        let waited = self.until(deadline, |store| {
            event = store.core.poll_event();
            event.is_some()
        });
        match waited {
            Ok(()) | Err(StoreError::TimedOut) => Ok(event),
            Err(error) => Err(error),
        }
    }
}
