//! Entries in the order in which they came, for any number of processors and without a lock.
//!
//! A list linked through the slots, with an end where entries come and one where they go. The node at the front is the
//! queue's own or stands for it: an entry is given out only when another is behind it. So the queue has a node of its own
//! that is no entry, and that goes to the back when it comes out.
//!
//! Each link counts its changes. A processor that was held up, or parked, for however long, finds the count another when
//! the entry has come and gone meanwhile, and begins anew: a number that is back does not deceive it.

use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use xen_hypercall::GrantRef;

use crate::Slot;
use crate::slot::slot;
use crate::sync::{AtomicU64, in_vain, looks_again, one_change, released};

/// The entry behind, or the one at an end, and how often that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    entry: GrantRef,
    count: u32,
}

/// Behind the last entry.
const END: GrantRef = GrantRef(u32::MAX);

impl Link {
    /// The link of a slot that was in no queue.
    pub(crate) const NONE: u64 = Self { entry: END, count: 0 }.word();

    const fn word(self) -> u64 {
        let ([a, b, c, d], [e, f, g, h]) = (self.entry.0.to_le_bytes(), self.count.to_le_bytes());
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn load(from: &AtomicU64) -> Self {
        let [a, b, c, d, e, f, g, h] = from.load(Acquire).to_le_bytes();
        Self { entry: GrantRef(u32::from_le_bytes([a, b, c, d])), count: u32::from_le_bytes([e, f, g, h]) }
    }

    fn to(self, entry: GrantRef) -> Self {
        Self { entry, count: self.count.wrapping_add(one_change()) }
    }

    /// Makes the link one to `entry`, unless it has changed meanwhile.
    fn advance(self, at: &AtomicU64, entry: GrantRef) -> bool {
        at.compare_exchange(self.word(), self.to(entry).word(), AcqRel, Relaxed).is_ok()
    }
}

/// A queue of entries.
#[derive(Debug)]
pub(crate) struct Queue {
    first: AtomicU64,
    last: AtomicU64,
    /// The queue's own node: a reserved entry, whose slot nobody needs.
    own: GrantRef,
}

impl Queue {
    pub(crate) const fn new(own: GrantRef) -> Self {
        let link = Link { entry: own, count: 0 }.word();
        Self { first: AtomicU64::new(link), last: AtomicU64::new(link), own }
    }

    /// Empties the queue; nobody else is at it.
    pub(crate) fn clear(&self, slots: &[Slot]) {
        for end in [&self.first, &self.last] {
            end.store(Link::load(end).to(self.own).word(), Relaxed);
        }
        if let Some(own) = slot(slots, self.own) {
            own.link.store(Link::load(&own.link).to(END).word(), Relaxed);
        }
    }

    /// Puts an entry, which is in no queue, at the back.
    pub(crate) fn push(&self, slots: &[Slot], entry: GrantRef) {
        let Some(new) = slot(slots, entry) else { return };
        // Release: who reads this link through an end of the queue that the entry has left finds that end changed, too.
        new.link.store(Link::load(&new.link).to(END).word(), released());
        // Whenever a turn is in vain, another processor had its way.
        loop {
            let last = Link::load(&self.last);
            let Some(back) = slot(slots, last.entry) else { return };
            let behind = Link::load(&back.link);
            // Else the entry may have left, and its link be one of another queue.
            let same = !looks_again() || Link::load(&self.last) == last;
            if same && behind.entry != END {
                last.advance(&self.last, behind.entry);
            } else if same && behind.advance(&back.link, entry) {
                last.advance(&self.last, entry);
                return;
            }
        }
    }

    /// Takes the entry that is in the queue for the longest time.
    ///
    /// With several processors at it, the last one may be refused.
    pub(crate) fn pop(&self, slots: &[Slot]) -> Option<GrantRef> {
        loop {
            match self.pop_node(slots)? {
                own if own == self.own => self.push(slots, own),
                entry => return Some(entry),
            }
        }
    }

    fn pop_node(&self, slots: &[Slot]) -> Option<GrantRef> {
        loop {
            let (first, last) = (Link::load(&self.first), Link::load(&self.last));
            let behind = Link::load(&slot(slots, first.entry)?.link);
            let same = Link::load(&self.first) == first;
            if same && behind.entry == END {
                return None;
            }
            if same && first.entry == last.entry {
                // One that came has not moved the back yet; it never falls behind the front.
                last.advance(&self.last, behind.entry);
            } else if same && first.advance(&self.first, behind.entry) {
                return Some(first.entry);
            }
            in_vain();
        }
    }
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

    /// A table of any size has queues, those that have no room for the queue's own nodes being always empty.
    #[test]
    fn a_queue_without_slots_is_empty() {
        for count in 0..2 {
            let (slots, queue) = (slots(count), Queue::new(GrantRef(1)));
            queue.push(&slots, GrantRef(0));
            assert_eq!(queue.pop(&slots), None);
            queue.clear(&slots);
            assert_eq!(queue.pop(&slots), None);
        }
    }

    #[test]
    fn emptied_it_is_as_new() {
        let (slots, queue) = (slots(12), Queue::new(GrantRef(0)));
        for round in 0..3 {
            (8..12).for_each(|at| queue.push(&slots, GrantRef(at)));
            assert_eq!(queue.pop(&slots), Some(GrantRef(8)), "{round}");
            queue.clear(&slots);
            assert_eq!(queue.pop(&slots), None);
        }
    }

    proptest! {
        /// G05, G09: two queues over the same slots, each first in, first out; they run dry without harm, and no entry is
        /// lost or doubled.
        #[test]
        fn g05_g09_behaves_as_two_queues(steps in prop::collection::vec((0_usize..2, 0_usize..3), 0..400)) {
            let slots = slots(20);
            let queues = [Queue::new(GrantRef(0)), Queue::new(GrantRef(1))];
            let mut models = [VecDeque::new(), VecDeque::new()];
            let mut out: Vec<GrantRef> = (8..20).map(GrantRef).collect();
            for (which, step) in steps {
                match (step, out.pop()) {
                    (0 | 1, Some(entry)) => {
                        queues[which].push(&slots, entry);
                        models[which].push_back(entry);
                    }
                    (_, kept) => {
                        out.extend(kept);
                        let entry = queues[which].pop(&slots);
                        prop_assert_eq!(entry, models[which].pop_front());
                        out.extend(entry);
                    }
                }
            }
        }
    }
}
