//! What the table remembers of one port.

use core::sync::atomic::{AtomicU32, Ordering};

use xen_hypercall::Vcpu;

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
    const fn code(self) -> u32 {
        self as u32
    }
}

/// The storage for one port; the slot at index `n` is that of port `n`.
///
/// Xen gives out the lowest free number, so a table of as many slots as there are ports is enough.
#[derive(Debug, Default)]
pub struct Slot(AtomicU32);

/// The kind is in the low bits, the processor above.
const KIND_BITS: u32 = 8;
const KIND: u32 = (1 << KIND_BITS) - 1;

/// What is known of a port.
const fn pack(kind: Kind, vcpu: Vcpu) -> u32 {
    vcpu.0.wrapping_shl(KIND_BITS) | kind.code()
}

fn kind_of(value: u32) -> Kind {
    let code = usize::try_from(value & KIND).ok();
    code.and_then(|code| KINDS.get(code)).copied().unwrap_or(Kind::Free)
}

impl Slot {
    /// Makes an empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn kind(&self) -> Kind {
        kind_of(self.0.load(Ordering::Relaxed))
    }

    /// Names the processor that Xen tells of the port's events.
    pub(crate) fn vcpu(&self) -> Vcpu {
        Vcpu(self.0.load(Ordering::Relaxed) >> KIND_BITS)
    }

    /// Forgets all, in a new domain.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, kind: Kind) {
        let keep = |value: u32| Some(value & !KIND | kind.code());
        // The closure refuses nothing.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep);
    }

    /// Has another processor told.
    pub(crate) fn tell(&self, vcpu: Vcpu) {
        let keep = |value: u32| Some(pack(kind_of(value), vcpu));
        // The closure refuses nothing.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep);
    }

    /// Takes the slot unless it has a guard, and tells whether it did.
    pub(crate) fn claim(&self, kind: Kind, vcpu: Vcpu) -> bool {
        let take = |value| (!kind_of(value).is_live()).then_some(pack(kind, vcpu));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Kind, Slot, Vcpu};

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
            assert_eq!(slot.claim(Kind::Local, Vcpu(0)), !kind.is_live(), "{kind:?}");
        }
    }

    #[test]
    fn kind_and_processor_do_not_disturb_each_other() {
        let slot = Slot::new();
        assert!(slot.claim(Kind::Local, Vcpu(127)));
        slot.set(Kind::Kept);
        assert_eq!((slot.kind(), slot.vcpu()), (Kind::Kept, Vcpu(127)));
        assert!(slot.claim(Kind::Channel, Vcpu(0)));
        slot.tell(Vcpu(4095));
        assert_eq!((slot.kind(), slot.vcpu()), (Kind::Channel, Vcpu(4095)));
    }
}
