//! Watches.

use super::Core;
use crate::exchange::place;
use crate::watch::Watch;
use crate::{Depth, Path, PathBuf, StoreError, WatchEvent, WatchId, WatchStatus, depth};

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Watches a path and all below it, under a token of its own, until [`unwatch`](Self::unwatch).
    ///
    /// The server reports once at the beginning.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::Poisoned`], [`StoreError::Full`], [`StoreError::TooLong`] for a path of
    /// more than 256 bytes, or [`StoreError::NotOffered`] for a [`Special`](crate::Special) name with a domain, of which
    /// older servers say nothing. Whether the server took it is told by [`watch_status`](Self::watch_status).
    pub fn watch(&mut self, path: Path<'_>) -> Result<WatchId, StoreError> {
        self.watch_by(path, None)
    }

    /// Watches a path and what is at most so many levels below it, as [`watch`](Self::watch) does.
    ///
    /// Where the server offers [`Features::WATCH_DEPTH`](crate::Features::WATCH_DEPTH) it sends no other event; those of a
    /// server that does not are dropped here.
    ///
    /// # Errors
    /// As [`watch`](Self::watch).
    pub fn watch_depth(&mut self, path: Path<'_>, depth: Depth) -> Result<WatchId, StoreError> {
        self.watch_by(path, Some(depth))
    }

    fn watch_by(&mut self, path: Path<'_>, depth: Option<Depth>) -> Result<WatchId, StoreError> {
        self.admit()?;
        self.offered(depth::needs(path))?;
        let path = PathBuf::new(path).map_err(|_| StoreError::TooLong)?;
        let (order, offered) = (self.next_order(), self.features);
        let mut entries = self.watches.iter_mut().enumerate();
        let (index, watch) = entries.find(|(_, watch)| watch.is_free()).ok_or(StoreError::Full)?;
        watch.take(path, depth);
        watch.register(order, offered);
        self.watchdog.moved();
        Ok(WatchId(watch.token(index)))
    }

    /// Watches no longer; no event comes after this, late ones are dropped.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if the watch is not there, [`StoreError::Fenced`] while it must stay. If the session is
    /// poisoned the watch is forgotten without a message.
    pub fn unwatch(&mut self, id: WatchId) -> Result<(), StoreError> {
        if self.admit() == Err(StoreError::Fenced) {
            return Err(StoreError::Fenced);
        }
        let order = self.next_order();
        find(&mut self.watches, id)?.drop_it(order);
        Ok(())
    }

    /// Returns the path that is watched; `None` if the watch is not there.
    pub fn watched_path(&mut self, id: WatchId) -> Option<Path<'_>> {
        find(&mut self.watches, id).ok().and_then(|watch| watch.path())
    }

    /// Tells how a watch stands with the server.
    ///
    /// # Errors
    /// [`StoreError::Stale`] if the watch is not there.
    pub fn watch_status(&mut self, id: WatchId) -> Result<WatchStatus, StoreError> {
        find(&mut self.watches, id).map(|watch| watch.status())
    }

    /// Tells whether the server took a watch.
    ///
    /// # Errors
    /// Why not; [`StoreError::TimedOut`] if it has not said yet, [`StoreError::EpochChanged`] if it must be told again.
    pub fn watch_standing(&mut self, id: WatchId) -> Result<(), StoreError> {
        match self.watch_status(id)? {
            WatchStatus::Registered => Ok(()),
            WatchStatus::Registering => Err(StoreError::TimedOut),
            WatchStatus::Unregistered => Err(StoreError::EpochChanged),
            WatchStatus::Refused(error) => Err(error),
        }
    }

    /// Tells whether there is an event for the watch at a place.
    pub(crate) fn has_event_at(&self, place: usize) -> bool {
        self.watches.get(place).is_some_and(Watch::has_event)
    }

    /// Tells whether it is known how the server stands to the watch at a place.
    pub(crate) fn stands_at(&self, place: usize) -> bool {
        self.watches.get(place).is_some_and(|watch| watch.status() != WatchStatus::Registering)
    }

    /// Returns the next event, each watch in its turn.
    pub fn poll_event(&mut self) -> Option<WatchEvent> {
        for _ in 0..WATCHES {
            let index = self.next_event;
            let next = index.wrapping_add(1);
            self.next_event = if next < WATCHES { next } else { 0 };
            let watch = self.watches.get_mut(index)?;
            if let Some(place) = watch.take_event() {
                return Some(WatchEvent { watch: WatchId(watch.token(index)), place });
            }
        }
        None
    }

    /// Returns what changed below one watch, leaving the events of others to their owners.
    pub fn poll_event_of(&mut self, id: WatchId) -> Option<WatchEvent> {
        let place = find(&mut self.watches, id).ok()?.take_event()?;
        Some(WatchEvent { watch: id, place })
    }
}

fn find(watches: &mut [Watch], id: WatchId) -> Result<&mut Watch, StoreError> {
    let index = place(id.0);
    let watch = watches.get_mut(index).filter(|watch| watch.is_kept() && watch.token(index) == id.0);
    watch.ok_or(StoreError::Stale)
}
