//! The two streams of a slot ring: what we produce and what we consume. Front and back have one of each.

use crate::index::Index;
use crate::peer::Peer;
use crate::{Misbehaved, Notify, Words};

/// What we produce: staged in slots first, published by the index later.
///
/// `PROD` and `EVENT` are the offsets of the words in the page. Both indices are private; the page is told and never asked.
#[derive(Debug)]
pub(crate) struct Produced<const PROD: usize, const EVENT: usize> {
    staged: Index,
    published: Index,
}

impl<const PROD: usize, const EVENT: usize> Produced<PROD, EVENT> {
    pub(crate) const fn new(start: Index) -> Self {
        Self { staged: start, published: start }
    }

    pub(crate) const fn staged(&self) -> Index {
        self.staged
    }

    pub(crate) const fn published(&self) -> Index {
        self.published
    }

    /// Counts one more item in and returns its index.
    pub(crate) const fn stage(&mut self) -> Index {
        let number = self.staged;
        self.staged = number.plus(1);
        number
    }

    /// Makes everything staged visible and decides, by one load, whether the peer wants an event.
    pub(crate) fn publish<W: Words>(&mut self, page: &W) -> Notify {
        let (old, new) = (self.published, self.staged);
        if new.since(old) == 0 {
            return Notify::No;
        }
        self.published = new;
        // Release: slots before index; pairs with the acquire of the peer's look at this index.
        page.store(PROD, new.raw());
        // Index before event; pairs with the fence of the peer's `Consumed::next` (in C: `xen_mb` of the final check).
        page.fence();
        Notify::due(old, new, Index::new(page.load(EVENT)))
    }
}

/// What we consume: the peer's index, our own, and the event we ask for.
#[derive(Debug)]
pub(crate) struct Consumed<const PROD: usize, const EVENT: usize> {
    pub(crate) peer: Peer,
    cons: Index,
}

impl<const PROD: usize, const EVENT: usize> Consumed<PROD, EVENT> {
    pub(crate) const fn new(start: Index) -> Self {
        Self { peer: Peer::new(start), cons: start }
    }

    pub(crate) const fn cons(&self) -> Index {
        self.cons
    }

    /// Finds the index of the next item, or asks for an event and returns `None`: then it is safe to wait.
    ///
    /// `allowed` bounds how far the peer may be past the index that it showed before, and is asked after each load. At most
    /// two loads a call, and none while there is something left of what an earlier call saw.
    #[inline]
    pub(crate) fn next<W: Words>(
        &mut self,
        page: &W,
        allowed: impl Fn(Index) -> u32,
    ) -> Result<Option<Index>, Misbehaved> {
        self.peer.sound()?;
        if self.is_level() && self.look(page, &allowed)? && self.arm(page, &allowed)? {
            return Ok(None);
        }
        Ok(Some(self.cons))
    }

    /// Counts the item as consumed that [`Consumed::next`] found.
    #[inline]
    pub(crate) const fn step(&mut self) {
        self.cons = self.cons.plus(1);
    }

    /// Asks for an event at the next item, then looks once more for one that came before the peer could know.
    fn arm<W: Words>(&mut self, page: &W, allowed: impl Fn(Index) -> u32) -> Result<bool, Misbehaved> {
        page.store(EVENT, self.cons.plus(1).raw());
        // Event before index; pairs with the fence of the peer's `Produced::publish` (in C: `xen_mb` of the push).
        page.fence();
        self.look(page, allowed)
    }

    fn look<W: Words>(&mut self, page: &W, allowed: impl Fn(Index) -> u32) -> Result<bool, Misbehaved> {
        self.peer.look_within(page, PROD, allowed)?;
        Ok(self.is_level())
    }

    const fn is_level(&self) -> bool {
        self.peer.seen().since(self.cons) == 0
    }
}
