//! Events of one word that were taken out of it, and what may happen to their ports before they are handed out.

use xen_hypercall::{Port, Vcpu};

use crate::bits::{Bit, claim, ones};
use crate::slot::Life;
use crate::sync::{self, AtomicU64};
use crate::word::Word;

/// What a claim has to do with.
#[derive(Debug)]
pub(crate) struct Shared<'a, W = AtomicU64> {
    /// A word of events.
    pub(crate) pending: &'a W,
    /// The word that masks them.
    pub(crate) mask: &'a W,
    /// Counts what happens to slots; advances after each change, and before a port is bound.
    pub(crate) changes: &'a W,
}

impl<W> Clone for Shared<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Shared<'_, W> {}

/// What is to be done with a claimed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is handed out.
    HandOut,
    /// It was given back, or forgotten.
    Withhold,
    /// It was given back, and is another processor's, who is to be told.
    Elsewhere,
}

/// Events of one word, taken out of it and not handed out yet.
#[derive(Debug)]
pub(crate) struct Claim<'a, W = AtomicU64> {
    /// The first port of the word.
    base: u32,
    bits: u64,
    shared: Shared<'a, W>,
    /// The count of changes at which the ports were found to be ours, and that after the claim.
    since: u64,
    until: u64,
}

impl<W> Clone for Claim<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Claim<'_, W> {}

impl<'a, W: Word<Value = u64>> Claim<'a, W> {
    /// Takes events out of a word that was found to be `seen`.
    #[inline]
    #[must_use]
    pub(crate) fn take(shared: Shared<'a, W>, base: u32, (seen, wanted): (u64, u64), since: u64) -> Self {
        let bits = claim(shared.pending, seen, wanted);
        Self { base, bits, shared, since, until: shared.changes.load() }
    }

    /// Names the ports, the lowest first.
    #[inline]
    pub(crate) fn ports(&self) -> impl Iterator<Item = Port> {
        let base = self.base;
        ones(self.bits).map(move |low| Port(base.wrapping_add(low)))
    }

    /// Tells whether an event can be handed out as it is: nothing has happened to any port since, and this one is not masked.
    #[inline]
    #[must_use]
    pub(crate) fn is_undisturbed(&self, port: Port) -> bool {
        let masked = self.shared.mask.load() & 1_u64.wrapping_shl(port.0) != 0;
        self.shared.changes.load() == self.since && !masked
    }

    /// Decides on an event of a port to which something may have happened, which is a slot's value now.
    ///
    /// A masked port gets it back. Of a port that was closed it is forgotten, and so it is if the number is in use again:
    /// what comes for the new owner is in the bitmap, not here. Where the port is bound anew at the very moment of the claim,
    /// or of its being given back, nobody knows whose the event is: then the new owner is told, at worst once too often (E03).
    #[must_use]
    pub(crate) fn judge(&self, port: Port, slot: u64, vcpu: Vcpu) -> Verdict {
        let life = Life::unpack(slot);
        let bit = Bit { pending: self.shared.pending, mask: self.shared.mask, bit: 1_u64.wrapping_shl(port.0) };
        if sync::looks_at_lives() && (!life.kind.is_live() || life.is_born_after(self.until)) {
            return Verdict::Withhold;
        }
        if life.vcpu == vcpu {
            return if !bit.is_masked() || bit.put_back() { Verdict::HandOut } else { Verdict::Withhold };
        }
        bit.pending.set(bit.bit);
        Verdict::Elsewhere
    }
}
