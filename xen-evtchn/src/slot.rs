//! What the table remembers of one port.

use core::sync::atomic::{AtomicU8, Ordering};

/// What a port is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Not ours.
    Free,
    /// Made by the toolstack, in use by us; never closed by us.
    Adopted,
    /// Ours, to another domain.
    Channel,
    /// Ours, from a virtual interrupt or another processor.
    Local,
    /// [`Kind::Local`] of before the last resume; still open in Xen, without a guard.
    Kept,
    /// Xen refused to close it.
    Leaked,
}

const KINDS: [Kind; 6] = [Kind::Free, Kind::Adopted, Kind::Channel, Kind::Local, Kind::Kept, Kind::Leaked];

impl Kind {
    /// Tells whether a guard exists.
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Adopted | Self::Channel | Self::Local)
    }

    #[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum, which no other form gives")]
    const fn code(self) -> u8 {
        self as u8
    }
}

/// The storage for one port; the slot at index `n` is that of port `n`.
///
/// Xen gives out the lowest free number, so a table of as many slots as there are ports is enough.
#[derive(Debug, Default)]
pub struct Slot(AtomicU8);

impl Slot {
    /// Makes an empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    pub(crate) fn kind(&self) -> Kind {
        let code = usize::from(self.0.load(Ordering::Relaxed));
        KINDS.get(code).copied().unwrap_or(Kind::Free)
    }

    pub(crate) fn set(&self, kind: Kind) {
        self.0.store(kind.code(), Ordering::Relaxed);
    }

    /// Takes the slot unless it has a guard, and tells whether it did.
    pub(crate) fn claim(&self, kind: Kind) -> bool {
        let take = |code: u8| {
            let live = KINDS.get(usize::from(code)).is_some_and(|old| old.is_live());
            (!live).then_some(kind.code())
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Kind, Slot};

    #[test]
    fn codes_are_indices_and_zero_is_free() {
        for kind in KINDS {
            let slot = Slot::new();
            assert_eq!(slot.kind(), Kind::Free);
            slot.set(kind);
            assert_eq!(slot.kind(), kind);
        }
    }

    #[test]
    fn a_live_port_is_never_claimed_twice() {
        for kind in KINDS {
            let slot = Slot::new();
            slot.set(kind);
            assert_eq!(slot.claim(Kind::Local), !kind.is_live(), "{kind:?}");
        }
    }
}
