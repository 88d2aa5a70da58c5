//! The two streams of a slot ring: what we produce and what we consume. Front and back have one of each.

use crate::index::{Index, Number};
use crate::peer::Peer;
use crate::{Misbehaved, More, Notify, Words};

/// What we produce: staged in slots first, published by the index later.
///
/// `PROD` and `EVENT` are the offsets of the words in the page. Both counts are private; the page is told and never asked.
#[derive(Debug)]
pub(crate) struct Produced<const PROD: usize, const EVENT: usize> {
    staged: Number,
    published: Number,
}

impl<const PROD: usize, const EVENT: usize> Produced<PROD, EVENT> {
    pub(crate) const fn new(start: Index) -> Self {
        let start = Number::starting_at(start);
        Self { staged: start, published: start }
    }

    #[inline]
    pub(crate) const fn staged(&self) -> Number {
        self.staged
    }

    #[inline]
    pub(crate) const fn published(&self) -> Number {
        self.published
    }

    /// Counts the item with a number as staged, which is the next.
    #[inline]
    pub(crate) const fn stage(&mut self, number: Number) {
        self.staged = number.plus(1);
    }

    /// Makes everything staged visible and decides, by one load, whether the peer wants an event.
    #[inline]
    pub(crate) fn publish<W: Words>(&mut self, page: &W) -> Notify {
        let (old, new) = (self.published.index(), self.staged.index());
        if new.since(old) == 0 {
            return Notify::No;
        }
        self.published = self.staged;
        // Release: slots before index; pairs with the acquire of the peer's look at this index.
        page.store(PROD, new.raw());
        // Index before event; pairs with the fence of the peer's `Consumed::arm` (in C: `xen_mb` of the final check).
        page.fence();
        Notify::due(old, new, Index::new(page.load(EVENT)))
    }
}

/// What we consume: the peer's index, our own, and the event we ask for.
#[derive(Debug)]
pub(crate) struct Consumed<const PROD: usize, const EVENT: usize> {
    peer: Peer,
    cons: Index,
}

impl<const PROD: usize, const EVENT: usize> Consumed<PROD, EVENT> {
    pub(crate) const fn new(start: Index) -> Self {
        Self { peer: Peer::new(start), cons: start }
    }

    #[inline]
    pub(crate) const fn cons(&self) -> Index {
        self.cons
    }

    /// Returns the reason, once the peer misbehaved.
    #[inline]
    pub(crate) fn sound(&self) -> Result<(), Misbehaved> {
        self.peer.sound()
    }

    /// Remembers the first reason for good; what was seen and not consumed is as if it were not there.
    #[cold]
    pub(crate) fn poison(&mut self, reason: Misbehaved) -> Misbehaved {
        self.peer.forget(self.cons);
        self.peer.poison(reason)
    }

    /// Counts the items that are there; looks at the peer's index if none is left of what an earlier call saw.
    ///
    /// `allowed` bounds how far the peer may be past the index that it showed before, and is asked after the load.
    #[inline]
    pub(crate) fn ready<W: Words>(&mut self, page: &W, allowed: impl FnOnce(Index) -> u32) -> Result<u32, Misbehaved> {
        if self.left() == 0 {
            self.peer.sound()?;
            self.peer.look_within(page, PROD, allowed)?;
        }
        Ok(self.left())
    }

    /// Asks for an event at the next item, then looks once more for one that came before the peer could know.
    ///
    /// Where items are left of what an earlier call saw, it asks for nothing. A poisoned one has none.
    #[inline]
    pub(crate) fn arm<W: Words>(&mut self, page: &W, allowed: impl FnOnce(Index) -> u32) -> Result<More, Misbehaved> {
        if self.left() == 0 {
            self.peer.sound()?;
            page.store(EVENT, self.cons.plus(1).raw());
            // Event before index; pairs with the fence of the peer's `Produced::publish` (in C: `xen_mb` of the push).
            page.fence();
            self.peer.look_within(page, PROD, allowed)?;
        }
        Ok(if self.left() == 0 { More::No } else { More::Maybe })
    }

    /// Counts the item at an index as consumed, which is the next.
    #[inline]
    pub(crate) const fn pass(&mut self, at: Index) {
        self.cons = at.plus(1);
    }

    const fn left(&self) -> u32 {
        self.peer.seen().since(self.cons)
    }
}
