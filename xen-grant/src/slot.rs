//! The storage for one entry: whose it is, where it stands in a queue, and the page of one that is set aside.

use core::sync::atomic::{AtomicU64 as Plain, Ordering};

use xen_hypercall::{DomId, GrantRef};

use crate::queue::Link;
use crate::sync::{AtomicU64, Mutex};
use crate::{Owner, Page};

/// The storage for one entry; the slot at index `n` is that of reference `n`.
#[derive(Debug)]
pub struct Slot {
    /// Reached by whoever has the entry, or wants it.
    pub(crate) link: AtomicU64,
    /// Written by whoever has the entry, and no order hangs on it.
    state: Plain,
    /// Of an entry in quarantine.
    pub(crate) page: Mutex<Option<Page>>,
}

impl Slot {
    /// Makes an empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self { link: AtomicU64::new(Link::NONE), state: Plain::new(0), page: Mutex::new(None) }
    }

    #[inline]
    pub(crate) fn set(&self, state: State) {
        self.state.store(state.word(), Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> State {
        State::of(self.state.load(Ordering::Relaxed))
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

/// Finds the slot of an entry.
#[inline]
pub(crate) fn slot(slots: &[Slot], gref: GrantRef) -> Option<&Slot> {
    slots.get(usize::try_from(gref.0).ok()?)
}

/// What has become of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not in the table: reserved, or beyond its end.
    Absent,
    /// Ready to be given out.
    Free,
    /// In a pool, or with a guard: with its guard it permits something, in a pool nothing.
    Held,
    /// With a guard, that it has tried to end: it may permit nothing any more.
    Clung,
    /// Without a guard; the page may be within the peer's reach.
    Aside,
    /// Found in use when the table was made anew.
    Stray,
}

/// The kind, and for whom: fits into a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) owner: Owner,
    pub(crate) peer: DomId,
}

impl State {
    pub(crate) const FREE: Self = Self::nobodys(Kind::Free);
    pub(crate) const ABSENT: Self = Self::nobodys(Kind::Absent);
    pub(crate) const STRAY: Self = Self::nobodys(Kind::Stray);

    const fn nobodys(kind: Kind) -> Self {
        Self { kind, owner: Owner::NONE, peer: DomId::SELF }
    }

    #[inline]
    const fn word(self) -> u64 {
        let kind = match self.kind {
            Kind::Absent => 0,
            Kind::Free => 1,
            Kind::Held => 2,
            Kind::Clung => 3,
            Kind::Aside => 4,
            Kind::Stray => 5,
        };
        let ([a, b, c, d], [e, f]) = (self.owner.0.to_le_bytes(), self.peer.0.to_le_bytes());
        u64::from_le_bytes([a, b, c, d, e, f, kind, 0])
    }

    const fn of(word: u64) -> Self {
        let [a, b, c, d, e, f, kind, _] = word.to_le_bytes();
        let kind = match kind {
            1 => Kind::Free,
            2 => Kind::Held,
            3 => Kind::Clung,
            4 => Kind::Aside,
            5 => Kind::Stray,
            _ => Kind::Absent,
        };
        Self { kind, owner: Owner(u32::from_le_bytes([a, b, c, d])), peer: DomId(u16::from_le_bytes([e, f])) }
    }
}

/// Who gets access, and in whose name: the state of an entry that is held for this, as it is stored.
///
/// That of a guard which has tried to end its grant in vain differs from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim(u64);

impl Claim {
    pub(crate) const fn new(owner: Owner, peer: DomId) -> Self {
        Self(State { kind: Kind::Held, owner, peer }.word())
    }

    /// Makes that of a guard which has tried to end its grant.
    pub(crate) const fn clung(self) -> Self {
        Self(State { kind: Kind::Clung, ..self.held() }.word())
    }

    /// Returns the state of an entry that is held for this.
    pub(crate) const fn held(self) -> State {
        State::of(self.0)
    }

    #[inline(always)]
    pub(crate) const fn peer(self) -> DomId {
        let [_, _, _, _, e, f, ..] = self.0.to_le_bytes();
        DomId(u16::from_le_bytes([e, f]))
    }

    pub(crate) const fn owner(self) -> Owner {
        self.held().owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_state() {
        let (owner, peer) = (Owner(0xFEDC_BA98), DomId(0x7654));
        let claim = Claim::new(owner, peer);
        assert_eq!((claim.owner(), claim.peer()), (owner, peer));
        assert_eq!(claim.held(), State { kind: Kind::Held, owner, peer });
    }

    #[test]
    fn a_guard_that_tried_in_vain_is_like_no_other() {
        let (owner, peer) = (Owner(0xFEDC_BA98), DomId(0x7654));
        let clung = Claim::new(owner, peer).clung();
        assert_eq!((clung.owner(), clung.peer(), clung.clung()), (owner, peer, clung));
        assert_ne!(clung, Claim::new(owner, peer));
    }

    #[test]
    fn a_state_is_what_was_stored() {
        let kinds = [Kind::Absent, Kind::Free, Kind::Held, Kind::Clung, Kind::Aside, Kind::Stray];
        for (kind, owner) in kinds.into_iter().flat_map(|kind| [0, 7, u32::MAX].map(|owner| (kind, Owner(owner)))) {
            for peer in [DomId(0), DomId(0x7FEF), DomId(u16::MAX)] {
                let state = State { kind, owner, peer };
                assert_eq!(State::of(state.word()), state);
            }
        }
        assert_eq!(Slot::new().state().kind, Kind::Absent);
    }
}
