//! The peer's index: loaded once a call, checked before use, and the state of health that follows.

use crate::index::Index;
use crate::{Misbehaved, Words};

/// The one thing a peer says in a ring: how far it is.
#[derive(Debug)]
pub(crate) struct Peer {
    seen: Index,
    fault: Option<Misbehaved>,
}

impl Peer {
    /// Follows an index that stands at `seen`.
    pub(crate) const fn new(seen: Index) -> Self {
        Self { seen, fault: None }
    }

    /// Returns the index as last accepted.
    pub(crate) const fn seen(&self) -> Index {
        self.seen
    }

    /// Returns the reason, once the peer misbehaved; nothing is read from then on.
    #[inline]
    pub(crate) fn sound(&self) -> Result<(), Misbehaved> {
        self.fault.map_or(Ok(()), Err)
    }

    /// Remembers the first reason for good.
    #[cold]
    pub(crate) fn poison(&mut self, reason: Misbehaved) -> Misbehaved {
        *self.fault.get_or_insert(reason)
    }

    /// Loads the index at `offset` once and accepts it, if it moved `allowed` steps or fewer; the difference is unmasked.
    ///
    /// The caller asked [`Peer::sound`] before.
    /// The acquire load pairs with the peer's release store (in C: its write barrier) of that index.
    #[inline]
    pub(crate) fn look<W: Words>(&mut self, words: &W, offset: usize, allowed: u32) -> Result<Index, Misbehaved> {
        self.look_within(words, offset, |_| allowed)
    }

    /// The same where the bound moves too: it is asked for after the load, with the index as last accepted.
    #[inline]
    pub(crate) fn look_within<W: Words>(
        &mut self,
        words: &W,
        offset: usize,
        allowed: impl FnOnce(Index) -> u32,
    ) -> Result<Index, Misbehaved> {
        let now = Index::new(words.load(offset));
        let allowed = allowed(self.seen);
        if now.since(self.seen) > allowed {
            return Err(self.poison(Misbehaved::Overrun { seen: self.seen.raw(), now: now.raw(), allowed }));
        }
        self.seen = now;
        Ok(now)
    }
}
