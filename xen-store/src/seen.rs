//! The watches of somebody who waits for what some nodes say together.

use crate::{Core, Path, Request, WatchId};

/// The watches of what was read, and whether it was read this time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<const WATCHES: usize>([Option<(WatchId, bool)>; WATCHES]);

impl<const WATCHES: usize> Seen<WATCHES> {
    pub(crate) const fn new() -> Self {
        Self([None; WATCHES])
    }

    /// Begins to look anew: nothing was read this time.
    pub(crate) fn begin(&mut self) {
        self.0.iter_mut().flatten().for_each(|(_, used)| *used = false);
    }

    /// Returns the watch of the node that a request is about to read; `None` if it reads none, or no more are to be had, and
    /// the clock has to do.
    pub(crate) fn watch<const REQUESTS: usize>(
        &mut self,
        core: &mut Core<REQUESTS, WATCHES>,
        request: &Request<'_>,
    ) -> Option<WatchId> {
        let (Request::Read(path) | Request::Directory(path) | Request::Permissions(path)) = *request else {
            return None;
        };
        let known = self.0.iter_mut().flatten().find(|(watch, _)| core.watched_path(*watch) == Some(path));
        if let Some((watch, used)) = known {
            *used = true;
            return Some(*watch);
        }
        self.take(core, path)
    }

    fn take<const REQUESTS: usize>(&mut self, core: &mut Core<REQUESTS, WATCHES>, path: Path<'_>) -> Option<WatchId> {
        let place = self.0.iter_mut().find(|place| place.is_none())?;
        let watch = core.watch(path).ok()?;
        *place = Some((watch, true));
        Some(watch)
    }

    /// Takes the watches of what was not read this time, to be ended.
    pub(crate) fn unused(&mut self) -> impl Iterator<Item = WatchId> {
        self.0.iter_mut().filter_map(|place| place.take_if(|(_, used)| !*used)).map(|(watch, _)| watch)
    }

    /// Takes all watches, to be ended.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = WatchId> {
        self.begin();
        self.unused()
    }

    /// Returns the watches.
    pub(crate) fn watches(&self) -> impl Iterator<Item = WatchId> {
        self.0.iter().flatten().map(|(watch, _)| *watch)
    }

    /// Tells whether something is heard of one of the nodes, and forgets it.
    pub(crate) fn is_heard<const REQUESTS: usize>(&self, core: &mut Core<REQUESTS, WATCHES>) -> bool {
        self.watches().any(|watch| core.poll_event_of(watch).is_some())
    }
}
