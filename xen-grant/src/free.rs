//! Who has which entry: free ones in a queue, so that the one longest unused is given out next.

use core::sync::atomic::Ordering;

use xen_hypercall::GrantRef;

use crate::RESERVED_ENTRIES;
use crate::sync::AtomicU32;

/// The storage for one entry; the slot at index `n` is that of reference `n`.
#[derive(Debug, Default)]
pub struct Slot(AtomicU32);

/// Behind the last free entry. No reference, for it is reserved.
const END: u32 = 0;
const IN_USE: u32 = u32::MAX;
const QUARANTINED: u32 = u32::MAX - 1;

impl Slot {
    /// Makes an empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(END))
    }

    pub(crate) fn reset(&self) {
        self.set(END);
    }

    fn value(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// How many entries there are, and of what kind; the reserved ones left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Ready to be given out.
    pub free: u32,
    /// With a guard.
    pub in_use: u32,
    /// Without a guard, but the peer may still reach the page.
    pub quarantined: u32,
}

/// The queue's two ends; links are in the slots. All of it under the table's lock.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    first: u32,
    last: u32,
    pub(crate) ledger: Ledger,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { first: END, last: END, ledger: Ledger { free: 0, in_use: 0, quarantined: 0 } }
    }

    /// Makes all entries below `limit` free, save the reserved ones.
    pub(crate) fn rebuild(&mut self, slots: &[Slot], limit: u32) {
        *self = Self::new();
        let mut last: Option<&Slot> = None;
        for (at, slot) in (0..limit).zip(slots).filter(|(at, _)| *at >= RESERVED_ENTRIES) {
            slot.set(END);
            match last.replace(slot) {
                Some(before) => before.set(at),
                None => self.first = at,
            }
            self.last = at;
            self.ledger.free = self.ledger.free.saturating_add(1);
        }
    }

    /// Gives out the entry that is free for the longest time.
    pub(crate) fn take(&mut self, slots: &[Slot]) -> Option<GrantRef> {
        let gref = GrantRef(self.first);
        let slot = slot(slots, gref).filter(|_| self.first != END)?;
        self.first = slot.value();
        slot.set(IN_USE);
        self.ledger.free = self.ledger.free.saturating_sub(1);
        self.ledger.in_use = self.ledger.in_use.saturating_add(1);
        Some(gref)
    }

    /// Takes back an entry that was in use.
    pub(crate) fn give(&mut self, slots: &[Slot], gref: GrantRef) {
        self.ledger.in_use = self.ledger.in_use.saturating_sub(1);
        self.append(slots, gref.0);
    }

    /// Sets an entry that was in use aside.
    pub(crate) fn quarantine(&mut self, slots: &[Slot], gref: GrantRef) {
        if let Some(slot) = slot(slots, gref) {
            slot.set(QUARANTINED);
            self.ledger.in_use = self.ledger.in_use.saturating_sub(1);
            self.ledger.quarantined = self.ledger.quarantined.saturating_add(1);
        }
    }

    /// Takes back an entry that was set aside.
    pub(crate) fn release(&mut self, slots: &[Slot], gref: GrantRef) {
        self.ledger.quarantined = self.ledger.quarantined.saturating_sub(1);
        self.append(slots, gref.0);
    }

    fn append(&mut self, slots: &[Slot], at: u32) {
        let Some(slot) = slot(slots, GrantRef(at)) else { return };
        slot.set(END);
        match slots_at(slots, self.last).filter(|_| self.first != END) {
            Some(last) => last.set(at),
            None => self.first = at,
        }
        self.last = at;
        self.ledger.free = self.ledger.free.saturating_add(1);
    }
}

/// Names the entries that are set aside.
pub(crate) fn quarantined(slots: &[Slot]) -> impl Iterator<Item = GrantRef> {
    (0..).zip(slots).filter(|(_, slot)| slot.value() == QUARANTINED).map(|(at, _)| GrantRef(at))
}

fn slot(slots: &[Slot], gref: GrantRef) -> Option<&Slot> {
    slots_at(slots, gref.0)
}

fn slots_at(slots: &[Slot], at: u32) -> Option<&Slot> {
    slots.get(usize::try_from(at).ok()?)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::VecDeque;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn slots(count: usize) -> Vec<Slot> {
        (0..count).map(|_| Slot::new()).collect()
    }

    /// G12: none of the reserved eight, whatever the storage.
    #[test]
    fn reserved_entries_are_never_given_out() {
        for count in 0..12 {
            let (slots, mut queue) = (slots(count), Queue::new());
            queue.rebuild(&slots, u32::try_from(count).unwrap());
            let given: Vec<_> = core::iter::from_fn(|| queue.take(&slots)).map(|gref| gref.0).collect();
            assert_eq!(given, (8..u32::try_from(count).unwrap()).collect::<Vec<_>>());
        }
    }

    proptest! {
        /// G05, G09: the queue is first in, first out; it runs dry without harm; no entry is lost or doubled.
        #[test]
        fn behaves_as_a_queue(steps in prop::collection::vec(0_u8..4, 0..400)) {
            let (slots, mut queue) = (slots(20), Queue::new());
            queue.rebuild(&slots, 20);
            let mut free: VecDeque<u32> = (8..20).collect();
            let (mut used, mut aside) = (VecDeque::new(), VecDeque::new());
            for step in steps {
                match step {
                    0 => {
                        prop_assert_eq!(queue.take(&slots).map(|gref| gref.0), free.front().copied());
                        used.extend(free.pop_front());
                    }
                    1 => if let Some(at) = used.pop_front() {
                        queue.give(&slots, GrantRef(at));
                        free.push_back(at);
                    },
                    2 => if let Some(at) = used.pop_back() {
                        queue.quarantine(&slots, GrantRef(at));
                        aside.push_back(at);
                    },
                    _ => if let Some(at) = aside.pop_front() {
                        queue.release(&slots, GrantRef(at));
                        free.push_back(at);
                    },
                }
                let count = |list: &VecDeque<u32>| u32::try_from(list.len()).unwrap();
                let ledger = Ledger { free: count(&free), in_use: count(&used), quarantined: count(&aside) };
                prop_assert_eq!(queue.ledger, ledger);
                prop_assert_eq!(quarantined(&slots).count(), aside.len());
            }
        }
    }
}
