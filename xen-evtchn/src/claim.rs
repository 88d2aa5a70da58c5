//! Events of one word that were taken out of it, and what may happen to their ports before they are handed out.

use core::num::NonZeroU64;

use xen_hypercall::{Port, Vcpu};

use crate::bits::Bit;
use crate::slot::Life;
use crate::sync;
use crate::word::Word;

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// The number of the word.
    pub(crate) word: u32,
    /// The processor that claims.
    pub(crate) vcpu: Vcpu,
    /// The events, a bit a port.
    pub(crate) bits: NonZeroU64,
    /// The count of changes at which the ports were found to be ours, and that after the claim.
    pub(crate) since: u64,
    pub(crate) until: u64,
}

impl Claim {
    /// Names the lowest port of `bits`.
    #[inline]
    pub(crate) fn lowest(&self, bits: NonZeroU64) -> Port {
        Port(self.word.wrapping_shl(6) | bits.trailing_zeros())
    }

    /// Decides on an event of a port to which something may have happened; `slot` is its slot's value now, `bit` its place.
    ///
    /// A masked port gets it back. Of a port that was closed it is forgotten, and so it is if the number is in use again:
    /// what comes for the new owner is in the bitmap, not here. Where the port is bound anew at the very moment of the claim,
    /// or of its being given back, nobody knows whose the event is: then the new owner is told, at worst once too often (E03).
    #[must_use]
    pub(crate) fn judge<W: Word<Value = u64>>(&self, slot: u64, bit: &Bit<'_, W>) -> Verdict {
        let life = Life::unpack(slot);
        if sync::looks_at_lives() && (!life.kind.is_live() || life.is_born_after(self.until)) {
            return Verdict::Withhold;
        }
        if life.vcpu == self.vcpu {
            return if !bit.is_masked() || bit.put_back() { Verdict::HandOut } else { Verdict::Withhold };
        }
        bit.pending.set(bit.bit);
        Verdict::Elsewhere
    }
}
