//! Entries that one queue has for itself.

mod stack;

use core::fmt;

use xen_hypercall::{DomId, Gfn, GrantRef, IrqGate, NoGate};

use self::stack::{Kept, Stack};
use crate::entries::{Core, Ended, Given, Grant, When};
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
///
/// Does not compile: it is for one thread at a time.
/// ```compile_fail,E0499
/// # use xen_grant::Pool;
/// # use xen_hypercall::SharedPage;
/// # fn wrong(pool: &mut Pool<'_>, one: SharedPage, other: SharedPage) {
/// std::thread::scope(|threads| {
///     threads.spawn(|| drop(pool.offer_read(one)));
///     threads.spawn(|| drop(pool.offer_read(other)));
/// });
/// # }
/// ```
pub struct Pool<'t, G: IrqGate = NoGate, const N: usize = 32> {
    core: &'t Core<'t, G>,
    claim: Claim,
    /// Of the table that the entries are of, and the offers.
    when: When,
    /// The turn of table and quarantine in which the peer was found trustworthy.
    seen: u64,
    kept: Stack<'t, N>,
}

impl<'t, G: IrqGate, const N: usize> Pool<'t, G, N> {
    pub(crate) fn new(core: &'t Core<'t, G>, claim: Claim) -> Result<Self, Refusal> {
        const { assert!(N > 1, "a pool has room for entries, and moves half of them") }
        if !claim.peer().is_real() {
            return Err(Refusal::NotAPeer(claim.peer()));
        }
        Ok(Self { core, claim, when: core.now(), seen: NEVER, kept: Stack::new() })
    }

    /// Lets the peer read a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    ///
    /// # Xen
    /// No hypercall: the steps of `grant_table.h`, "Introducing a valid entry".
    #[doc(alias = "gnttab_grant_foreign_access_ref")]
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
    #[doc(alias = "gnttab_grant_foreign_access_ref")]
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
    #[doc(alias = "gnttab_try_end_foreign_access")]
    #[inline(always)]
    pub fn end<A: Access, P: Grantable>(&mut self, offer: Offer<'t, A, G, P>) -> Result<P, StillMapped<'t, A, G, P>> {
        let own = self.core;
        offer.end_by(|core, grant, given| {
            if !core::ptr::eq(core, own) {
                return core.finish(grant, A::FLAGS);
            }
            own.gate.run(|| match self.end_quickly((grant, given), A::FLAGS) {
                Some(()) => Ended::Now,
                None => self.end_slowly(grant, A::FLAGS),
            })
        })
    }

    /// Gets entries from the table until there are so many, at most `N`, and returns how many there are.
    #[doc(alias = "gnttab_alloc_grant_references")]
    pub fn reserve(&mut self, count: usize) -> usize {
        self.core.gate.run(|| {
            self.renew();
            while self.kept.len() < count.min(N) {
                let Ok(reference) = self.get() else { break };
                self.keep(reference);
            }
        });
        self.kept.len()
    }

    /// Returns how many entries are here, ready to be offered.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.when.life == self.core.shape.life() { self.kept.len() } else { 0 }
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
    fn permit(&mut self, (frame, flags): (Gfn, Flags)) -> Result<(GrantRef, Given<'t>), Refusal> {
        let turn = self.core.aside.turns();
        if self.seen != u64::from(turn) {
            self.catch_up(turn)?;
        }
        let (reference, words) = match self.kept.pop() {
            Some(kept) => kept,
            None => self.refill()?,
        };
        let permit = Permit { peer: self.claim.peer(), flags };
        match (words, u32::try_from(frame.0)) {
            (Some(entry), Ok(number)) => entry.permit(number, permit),
            _ => self.permit_slowly((reference, words), frame, permit)?,
        }
        Ok((reference, Given { when: self.when, claim: self.claim, entry: words }))
    }

    /// Ends a grant of this table, owner and peer that nobody uses, as most are, by the shortest way.
    #[inline(always)]
    fn end_quickly(&mut self, (grant, given): (Grant, Given<'t>), flags: Flags) -> Option<()> {
        let known = self.seen == u64::from(self.core.aside.turns()) && grant.life == self.when.life;
        if !known || given.claim != self.claim {
            return None;
        }
        let (words, room) = (given.entry?, self.kept.room()?);
        let permit = Permit { peer: self.claim.peer(), flags };
        if !words.revoke_unmapped(permit.word()) {
            return None;
        }
        room.put((grant.reference, Some(words)));
        Some(())
    }

    /// Lets a peer reach a frame by an entry of version 2; or refuses, and keeps the entry.
    #[cold]
    #[inline(never)]
    fn permit_slowly(&mut self, kept: Kept<'t>, frame: Gfn, permit: Permit) -> Result<(), Refusal> {
        let (reference, _) = kept;
        self.core.permit(reference, frame, permit).inspect_err(|_| {
            self.kept.room().into_iter().for_each(|room| room.put(kept));
        })
    }

    /// Ends a grant of this table.
    #[cold]
    #[inline(never)]
    fn end_slowly(&mut self, grant: Grant, flags: Flags) -> Ended {
        let ended = self.core.end(grant, flags);
        if ended == Ended::Now {
            match slot(self.core.slots, grant.reference).map(Slot::state) {
                Some(State { peer, .. }) if peer == self.claim.peer() => self.take_back(grant.reference),
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
        // A table that is lost has its entries still.
        self.core.shape.version().ok_or(Refusal::NoRefs)?;
        self.seen = u64::from(turn);
        Ok(())
    }

    /// Forgets entries of a table that is no more: they are in the new one.
    fn renew(&mut self) {
        let before = core::mem::replace(&mut self.when, self.core.now());
        if self.when.life != before.life {
            self.kept.clear();
        }
    }

    /// Gets one entry from the table.
    fn get(&self) -> Result<GrantRef, Refusal> {
        let reference = self.core.take()?;
        self.core.set(reference, self.claim.held());
        Ok(reference)
    }

    /// Gets as many entries as half of the room is for, and returns the first.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> Result<Kept<'t>, Refusal> {
        let first = self.get()?;
        for _ in 1..N / 2 {
            let Ok(reference) = self.get() else { break };
            self.keep(reference);
        }
        Ok(self.found(first))
    }

    /// Takes back an entry of the table that is; where there is no room, the table gets the older half.
    fn take_back(&mut self, reference: GrantRef) {
        self.renew();
        if self.kept.room().is_none() {
            let core = self.core;
            self.kept.drop_lower_half(|old| core.give(old));
        }
        self.core.set(reference, self.claim.held());
        self.keep(reference);
    }

    /// Keeps an entry of the table that is, where there is room.
    fn keep(&mut self, reference: GrantRef) {
        let kept = self.found(reference);
        match self.kept.room() {
            Some(room) => room.put(kept),
            None => self.core.give(reference),
        }
    }

    /// Finds where an entry is.
    fn found(&self, reference: GrantRef) -> Kept<'t> {
        let first = self.core.shape.version() == Some(Version::V1);
        (reference, if first { Entry::v1(self.core.frames, reference) } else { None })
    }
}

impl<G: IrqGate, const N: usize> Drop for Pool<'_, G, N> {
    fn drop(&mut self) {
        let core = self.core;
        core.gate.run(|| {
            self.renew();
            while let Some((reference, _)) = self.kept.pop() {
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
