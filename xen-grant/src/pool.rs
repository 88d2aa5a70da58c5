//! Entries that one queue has for itself.

use core::fmt;

use xen_hypercall::{DomId, Gfn, GrantRef, IrqGate, NoGate, SharedPage};

use crate::entries::{Core, Ended, Given, Grant};
use crate::entry::{Entry, Flags, Permit};
use crate::offer::{Access, Read, Write};
use crate::slot::{Claim, State, slot};
use crate::{Grantable, Offer, OfferError, Owner, Refusal, Slot, StillMapped, Version};

/// No turn: those have 32 bits.
const NEVER: u64 = u64::MAX;

/// Up to `N` entries for offers to one peer, without a word that others write: the way for a queue of many requests.
///
/// The entry that ended last is offered next, while its words are in the cache; the peer can do nothing by the old number that
/// it could not do by the new one, for it is the same peer. Entries come from the table, the longest unused first, when the
/// pool is empty, and those of the pool that are unused for the longest time go there when it is full, so that numbers that
/// another peer knows come back late.
///
/// Offers do not borrow the pool: they end here, or by themselves, and outlive it.
pub struct Pool<'t, G: IrqGate = NoGate, const N: usize = 32> {
    core: &'t Core<'t, G>,
    claim: Claim,
    /// Of the table that the entries are of.
    life: u32,
    /// The turn of table and quarantine in which the peer was found trustworthy.
    seen: u64,
    /// The frames of the table as it was in that turn, if it was of version 1; else none.
    quick: &'t [SharedPage],
    entries: [GrantRef; N],
    len: usize,
}

impl<'t, G: IrqGate, const N: usize> Pool<'t, G, N> {
    pub(crate) fn new(core: &'t Core<'t, G>, claim: Claim) -> Result<Self, Refusal> {
        const { assert!(N > 1, "a pool has room for entries, and moves half of them") }
        if !claim.peer().is_real() {
            return Err(Refusal::NotAPeer(claim.peer()));
        }
        Ok(Self { core, claim, life: core.shape.life(), seen: NEVER, quick: &[], entries: [GrantRef(0); N], len: 0 })
    }

    /// Lets the peer read a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    ///
    /// # Xen
    /// No hypercall: the steps of `grant_table.h`, "Introducing a valid entry".
    #[inline(always)]
    pub fn offer_read<P: Grantable>(&mut self, page: P) -> Result<Offer<'t, Read, G, P>, OfferError<P>> {
        self.offer(page)
    }

    /// Lets the peer read and write a page.
    ///
    /// # Errors
    /// As [`Pool::offer_read`].
    ///
    /// # Xen
    /// As [`Pool::offer_read`].
    #[inline(always)]
    pub fn offer_write<P: Grantable>(&mut self, page: P) -> Result<Offer<'t, Write, G, P>, OfferError<P>> {
        self.offer(page)
    }

    /// Ends the peer's access, returns the page, and keeps the entry.
    ///
    /// The offer may be one of the table's, or of another pool; where it is one to another peer, the table gets the entry.
    ///
    /// # Errors
    /// [`StillMapped`] with the offer, if the peer has the page mapped; as [`Offer::end`].
    ///
    /// # Xen
    /// As [`Offer::end`].
    #[inline(always)]
    pub fn end<A: Access, P: Grantable>(&mut self, offer: Offer<'t, A, G, P>) -> Result<P, StillMapped<'t, A, G, P>> {
        let own = self.core;
        offer.end_by(|core, grant| {
            if !core::ptr::eq(core, own) {
                return core.finish(grant, A::FLAGS);
            }
            own.gate.run(|| match self.end_quickly(grant, A::FLAGS) {
                Some(()) => Ended::Now,
                None => self.end_slowly(grant, A::FLAGS),
            })
        })
    }

    /// Gets entries from the table until there are so many, at most `N`, and returns how many there are.
    pub fn reserve(&mut self, count: usize) -> usize {
        self.core.gate.run(|| {
            self.renew();
            while self.len < count.min(N) {
                let Ok(reference) = self.get() else { break };
                self.push(reference);
            }
        });
        self.len
    }

    /// Returns how many entries are here, ready to be offered.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.life == self.core.shape.life() { self.len } else { 0 }
    }

    /// Tells whether the next offer has to ask the table for entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the peer.
    #[must_use]
    pub const fn peer(&self) -> DomId {
        self.claim.peer()
    }

    /// Returns in whose name the pool offers.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        self.claim.owner()
    }

    #[inline(always)]
    fn offer<A: Access, P: Grantable>(&mut self, page: P) -> Result<Offer<'t, A, G, P>, OfferError<P>> {
        let (core, asked) = (self.core, (page.gfn(), A::FLAGS));
        let granted = core.gate.run(|| self.permit(asked));
        Offer::of(core, page, granted)
    }

    /// Lets the peer reach a frame by the entry that was kept last.
    #[inline(always)]
    fn permit(&mut self, (frame, flags): (Gfn, Flags)) -> Result<(Grant, Given), Refusal> {
        let turn = self.core.aside.turns();
        if self.seen != u64::from(turn) {
            self.catch_up(turn)?;
        }
        let reference = match self.last() {
            Some(reference) => reference,
            None => self.refill()?,
        };
        let permit = Permit { peer: self.claim.peer(), flags };
        if self.permit_quickly(reference, frame, permit).is_none() {
            self.core.permit(reference, frame, permit)?;
        }
        self.len = self.len.wrapping_sub(1);
        Ok((Grant { reference, life: self.life }, Given { epoch: self.core.epoch.now(), claim: self.claim }))
    }

    /// Lets a peer reach a frame, if entry and frame are of version 1.
    #[inline(always)]
    fn permit_quickly(&self, reference: GrantRef, frame: Gfn, permit: Permit) -> Option<()> {
        let number = u32::try_from(frame.0).ok()?;
        Entry::v1(self.quick, reference)?.permit(number, permit);
        Some(())
    }

    /// Ends a grant of this table, owner and peer that nobody uses, as most are, by the shortest way.
    #[inline(always)]
    fn end_quickly(&mut self, grant: Grant, flags: Flags) -> Option<()> {
        let slot = slot(self.core.slots, grant.reference)?;
        let known = self.seen == u64::from(self.core.aside.turns()) && grant.life == self.life;
        if !known || !slot.is_held(self.claim) {
            return None;
        }
        let place = self.entries.get_mut(self.len)?;
        let permit = Permit { peer: self.claim.peer(), flags };
        if !Entry::v1(self.quick, grant.reference)?.revoke_unmapped(permit.word()) {
            return None;
        }
        *place = grant.reference;
        self.len = self.len.wrapping_add(1);
        Some(())
    }

    /// Ends a grant of this table.
    #[cold]
    #[inline(never)]
    fn end_slowly(&mut self, grant: Grant, flags: Flags) -> Ended {
        let ended = self.core.end(grant, flags);
        if ended == Ended::Now {
            match slot(self.core.slots, grant.reference).map(Slot::state) {
                Some(State { peer, .. }) if peer == self.claim.peer() => self.keep(grant.reference),
                _ => self.core.give(grant.reference),
            }
        }
        ended
    }

    /// Looks at what has changed since the last offer: the table, or the peer's part of quarantine.
    #[cold]
    #[inline(never)]
    fn catch_up(&mut self, turn: u32) -> Result<(), Refusal> {
        self.renew();
        self.core.aside.trusts(self.core.slots, self.claim.peer())?;
        self.quick = if self.core.shape.version() == Some(Version::V1) { self.core.frames } else { &[] };
        self.seen = u64::from(turn);
        Ok(())
    }

    /// Forgets entries of a table that is no more: they are in the new one.
    fn renew(&mut self) {
        let life = self.core.shape.life();
        if self.life != life {
            (self.life, self.len) = (life, 0);
        }
    }

    /// Gets one entry from the table.
    fn get(&self) -> Result<GrantRef, Refusal> {
        let reference = self.core.take()?;
        self.core.set(reference, self.claim.held());
        Ok(reference)
    }

    /// Gets half as many entries as there is room for; the first of them is offered first.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> Result<GrantRef, Refusal> {
        let first = self.get()?;
        for _ in 1..N / 2 {
            let Ok(reference) = self.get() else { break };
            self.push(reference);
        }
        self.push(first);
        Ok(first)
    }

    /// Keeps an entry of the table that is.
    fn keep(&mut self, reference: GrantRef) {
        self.renew();
        if self.len == N {
            self.spill();
        }
        self.core.set(reference, self.claim.held());
        self.push(reference);
    }

    /// Gives the older half of the entries to the table.
    fn spill(&mut self) {
        let (old, _) = self.entries.split_at(N / 2);
        old.iter().for_each(|reference| self.core.give(*reference));
        self.entries.copy_within(N / 2.., 0);
        self.len = N.saturating_sub(N / 2);
    }

    fn push(&mut self, reference: GrantRef) {
        match self.entries.get_mut(self.len) {
            Some(place) => {
                *place = reference;
                self.len = self.len.wrapping_add(1);
            }
            None => self.core.give(reference),
        }
    }

    fn pop(&mut self) -> Option<GrantRef> {
        let last = self.last()?;
        self.len = self.len.saturating_sub(1);
        Some(last)
    }

    /// Returns the entry that was kept last.
    #[inline(always)]
    fn last(&self) -> Option<GrantRef> {
        self.entries.get(self.len.wrapping_sub(1)).copied()
    }
}

impl<G: IrqGate, const N: usize> Drop for Pool<'_, G, N> {
    fn drop(&mut self) {
        let core = self.core;
        core.gate.run(|| {
            self.renew();
            while let Some(reference) = self.pop() {
                core.give(reference);
            }
        });
    }
}

impl<G: IrqGate, const N: usize> fmt::Debug for Pool<'_, G, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("claim", &self.claim.held()).field("len", &self.len()).finish_non_exhaustive()
    }
}
