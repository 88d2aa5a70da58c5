//! What the table remembers of one port.

use core::sync::atomic::Ordering;

use xen_hypercall::Vcpu;

use crate::sync::AtomicU64;

/// What a port is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Not ours.
    Free = 0,
    /// [`Kind::Local`] of before the last resume; still open in Xen, without a guard.
    Kept = 1,
    /// Xen refused to close it.
    Leaked = 2,
    /// Made by the toolstack, in use by us; never closed by us.
    Adopted = LIVE,
    /// Ours, to another domain.
    Channel = LIVE | 1,
    /// Ours, from a virtual interrupt or another processor.
    Local = LIVE | 2,
}

/// The bit of those kinds of which a guard exists.
const LIVE: u8 = 8;
const KINDS: [Kind; 6] = [Kind::Free, Kind::Kept, Kind::Leaked, Kind::Adopted, Kind::Channel, Kind::Local];

impl Kind {
    /// Tells whether a guard exists.
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Adopted | Self::Channel | Self::Local)
    }

    #[expect(clippy::as_conversions, reason = "the discriminant of a field-less enum, which no other form gives")]
    const fn code(self) -> u64 {
        self as u64
    }
}

/// One use of a port's number, from its binding on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) kind: Kind,
    /// The processor that Xen tells of its events.
    pub(crate) vcpu: Vcpu,
    /// The processor in whose queue its word lies if it lies in one: that which was told before, until it takes it out.
    pub(crate) queue: Vcpu,
    /// What the count of changes was when it began; two lives of one number differ in it.
    pub(crate) born: u64,
}

// The kind is in the low bits, then the two processors, then the birth.
const KIND_BITS: u32 = 4;
const KIND: u64 = (1 << KIND_BITS) - 1;
/// More than Xen numbers processors by.
const VCPU_BITS: u32 = 14;
const QUEUE_SHIFT: u32 = KIND_BITS + VCPU_BITS;
const BORN_SHIFT: u32 = QUEUE_SHIFT + VCPU_BITS;
const VCPU: u64 = (1 << QUEUE_SHIFT) - 1 - KIND;
const QUEUE: u64 = (1 << BORN_SHIFT) - 1 - KIND - VCPU;
/// What is left for the birth, a count that goes round.
pub(crate) const BORN: u64 = u64::MAX >> BORN_SHIFT;

impl Life {
    const fn pack(self) -> u64 {
        #[expect(clippy::as_conversions, reason = "widening in a constant function, where From is not to be had")]
        let (vcpu, queue) = (self.vcpu.0 as u64, self.queue.0 as u64);
        (self.born << BORN_SHIFT) | (queue << QUEUE_SHIFT & QUEUE) | (vcpu << KIND_BITS & VCPU) | self.kind.code()
    }

    pub(crate) fn unpack(value: u64) -> Self {
        let kind = KINDS.into_iter().find(|kind| kind.code() == value & KIND);
        let vcpu = |bits: u64, shift: u32| Vcpu(u32::try_from((value & bits).wrapping_shr(shift)).unwrap_or(0));
        let (told, queue) = (vcpu(VCPU, KIND_BITS), vcpu(QUEUE, QUEUE_SHIFT));
        Self { kind: kind.unwrap_or(Kind::Free), vcpu: told, queue, born: value >> BORN_SHIFT }
    }

    /// Tells whether it began after the count of changes was `until`; not more than half a round after.
    pub(crate) const fn is_born_after(self, until: u64) -> bool {
        let since = self.born.wrapping_sub(until) & BORN;
        since != 0 && since <= BORN >> 1
    }
}

/// The storage for one port; the slot at index `n` is that of port `n`.
///
/// Xen gives out the lowest free number, so a table of as many slots as there are ports is enough.
#[derive(Debug, Default)]
pub struct Slot(AtomicU64);

impl Slot {
    /// Makes an empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns a life, packed.
    #[inline]
    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn life(&self) -> Life {
        Life::unpack(self.value())
    }

    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        self.life().kind
    }

    /// Tells whether the port has a guard and `vcpu` is told of it.
    #[inline]
    pub(crate) fn is_live_on(&self, vcpu: Vcpu) -> bool {
        let live = u64::from(LIVE);
        self.value() & (live | VCPU) == live | u64::from(vcpu.0) << KIND_BITS
    }

    /// Forgets all, in a new domain.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Release);
    }

    pub(crate) fn set(&self, kind: Kind) {
        self.change(|life| Some(Life { kind, ..life }));
    }

    /// Has another processor told; a word that is in a queue stays there.
    pub(crate) fn tell(&self, vcpu: Vcpu) {
        self.change(|life| Some(Life { vcpu, ..life }));
    }

    /// Says that the word was in no queue after the processor was told: the next one is its own.
    pub(crate) fn settle(&self) {
        self.change(|life| (life.queue != life.vcpu).then_some(Life { queue: life.vcpu, ..life }));
    }

    /// Takes the slot unless it has a guard, and tells whether it did.
    pub(crate) fn claim(&self, life: Life) -> bool {
        self.change(|old| (!old.kind.is_live()).then_some(life))
    }

    fn change(&self, change: impl Fn(Life) -> Option<Life>) -> bool {
        let repacked = |value| change(Life::unpack(value)).map(Life::pack);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, repacked).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{BORN, KINDS, Kind, Life, Slot, Vcpu};

    fn claim(slot: &Slot, kind: Kind, vcpu: Vcpu) -> bool {
        slot.claim(Life { kind, vcpu, queue: vcpu, born: BORN })
    }

    #[test]
    fn each_kind_has_a_code_and_zero_is_free() {
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
            assert_eq!(claim(&slot, Kind::Local, Vcpu(0)), !kind.is_live(), "{kind:?}");
        }
    }

    #[test]
    fn a_port_is_live_on_its_own_processor_alone() {
        for kind in KINDS {
            let slot = Slot::new();
            claim(&slot, kind, Vcpu(5));
            let told = [4, 5, 6, 5 | 1 << 20].map(|at| slot.is_live_on(Vcpu(at)));
            assert_eq!(told, [false, kind.is_live(), false, false], "{kind:?}");
        }
    }

    #[test]
    fn kind_processors_and_birth_do_not_disturb_each_other() {
        const LAST: Vcpu = Vcpu(0x3FFF);
        let slot = Slot::new();
        assert!(claim(&slot, Kind::Local, Vcpu(127)));
        slot.set(Kind::Kept);
        assert_eq!(slot.life(), Life { kind: Kind::Kept, vcpu: Vcpu(127), queue: Vcpu(127), born: BORN });
        let life = Life { kind: Kind::Channel, vcpu: Vcpu(0), queue: Vcpu(0), born: 1 };
        assert!(slot.claim(life));
        slot.tell(LAST);
        assert_eq!(slot.life(), Life { vcpu: LAST, ..life });
        slot.settle();
        assert_eq!(slot.life(), Life { vcpu: LAST, queue: LAST, ..life });
        slot.tell(Vcpu(0));
        assert_eq!(slot.life(), Life { queue: LAST, ..life });
        slot.reset();
        assert_eq!(slot.life(), Life { kind: Kind::Free, born: 0, ..life });
    }

    #[test]
    fn births_are_compared_across_the_round() {
        let born = |born| Life { born, ..Life::unpack(0) };
        for until in [0, 1, 77, BORN - 1, BORN, BORN + 1, u64::MAX] {
            let at = |after: u64| born(until.wrapping_add(after) & BORN);
            assert!([1, 2, BORN / 2].iter().all(|after| at(*after).is_born_after(until)), "{until}");
            assert!([0, BORN, BORN / 2 + 1].iter().all(|after| !at(*after).is_born_after(until)), "{until}");
        }
    }
}
