//! What the entries are used for, and by whom.

use core::fmt;

use xen_hypercall::{DomId, GrantRef};

use crate::Slot;
use crate::entries::Core;
use crate::slot::{Kind, State};

/// Whose offers these are: a device, a queue, as the embedder numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u32);

impl Owner {
    /// Nobody in particular.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many entries there are, and of what kind; the reserved ones left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Ready to be given out.
    pub free: u32,
    /// In a pool, ready to be given out there.
    pub pooled: u32,
    /// With a guard.
    pub in_use: u32,
    /// Without a guard, but the peer may still reach the page.
    pub quarantined: u32,
}

impl Ledger {
    /// Returns how many there are in all.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.free.saturating_add(self.pooled).saturating_add(self.in_use).saturating_add(self.quarantined)
    }
}

/// An entry through which a peer may reach a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The entry.
    pub reference: GrantRef,
    /// Whose it is.
    pub owner: Owner,
    /// Who may reach the page.
    pub peer: DomId,
    /// Whether there is a guard.
    pub hold: Hold,
}

/// How an entry is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// By an [`Offer`](crate::Offer): alive, or forgotten.
    Guarded,
    /// By the peer, in quarantine.
    Quarantined,
}

impl<G> Core<'_, G> {
    /// Counts the entries of which `which` is true.
    pub(crate) fn count(&self, which: impl Fn(State) -> bool) -> Ledger {
        let mut ledger = Ledger::default();
        for (reference, state) in self.states().filter(|(_, state)| which(*state)) {
            let count = match state.kind {
                Kind::Absent => continue,
                Kind::Free => &mut ledger.free,
                Kind::Held if self.is_idle(reference) => &mut ledger.pooled,
                Kind::Held | Kind::Clung => &mut ledger.in_use,
                Kind::Aside | Kind::Stray => &mut ledger.quarantined,
            };
            *count = count.saturating_add(1);
        }
        ledger
    }

    /// Lists what peers may reach.
    pub(crate) fn holdings(&self) -> impl Iterator<Item = Holding> + '_ {
        self.states().filter_map(|(reference, State { kind, owner, peer })| {
            let hold = match kind {
                Kind::Held if !self.is_idle(reference) => Hold::Guarded,
                Kind::Clung => Hold::Guarded,
                Kind::Aside | Kind::Stray => Hold::Quarantined,
                Kind::Absent | Kind::Free | Kind::Held => return None,
            };
            Some(Holding { reference, owner, peer, hold })
        })
    }

    fn states(&self) -> impl Iterator<Item = (GrantRef, State)> + '_ {
        (0..).map(GrantRef).zip(self.slots.iter().map(Slot::state))
    }

    /// Tells whether an entry permits nothing, and no peer has what it permitted.
    fn is_idle(&self, reference: GrantRef) -> bool {
        self.entry(reference).is_none_or(|entry| entry.is_idle())
    }
}
