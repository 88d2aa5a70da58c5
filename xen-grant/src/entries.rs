//! The part of the table that needs no hypercall: entries given out and taken back.

use core::fmt;
use core::mem::ManuallyDrop;
use core::sync::atomic::Ordering;

use xen_hypercall::{DomId, Epoch, EpochCell, GrantRef, IrqGate, SharedPage};

use crate::entry::{Entry, Flags};
use crate::free::{self, Queue};
use crate::sync::{AtomicU32, Mutex};
use crate::{RESERVED_ENTRIES, Refusal, Slot};

pub(crate) struct Core<'s, G> {
    pub(crate) gate: G,
    pub(crate) epoch: &'s EpochCell,
    pub(crate) frames: &'s [SharedPage],
    pub(crate) slots: &'s [Slot],
    /// Taken inside the gate only.
    pub(crate) queue: Mutex<Queue>,
    /// Which making of the table this is: grants of an earlier one are void.
    pub(crate) life: AtomicU32,
    /// Pages in quarantine at which a peer gets no more.
    pub(crate) cap: u32,
}

impl<G: IrqGate> Core<'_, G> {
    /// Runs `section` on the queue, which no other processor and no handler touches meanwhile.
    pub(crate) fn locked<R>(&self, section: impl FnOnce(&mut Queue) -> R) -> R {
        self.gate.run(|| section(&mut self.queue.lock()))
    }

    pub(crate) fn permit(&self, peer: DomId, frame: u32, flags: Flags) -> Result<Grant<'_, G>, Refusal> {
        self.locked(|queue| {
            if queue.ledger.quarantined >= self.cap && self.aside(peer) >= self.cap {
                return Err(Refusal::Distrusted(peer));
            }
            let reference = queue.take(self.slots).ok_or(Refusal::NoRefs)?;
            if let Some(entry) = self.entry(reference) {
                entry.permit(peer, frame, flags);
            }
            Ok(Grant { core: self, reference, epoch: self.epoch.now(), life: self.life() })
        })
    }

    /// Ends what peers have let go meanwhile, of all that is in quarantine.
    pub(crate) fn sweep(&self) {
        self.locked(|queue| {
            for reference in free::quarantined(self.slots) {
                if self.entry(reference).is_some_and(Entry::revoke) {
                    queue.release(self.slots, reference);
                }
            }
        });
    }

    /// Makes all entries below `limit` free and void.
    pub(crate) fn rebuild(&self, limit: u32) {
        self.locked(|queue| {
            self.life.fetch_add(1, Ordering::Relaxed);
            (RESERVED_ENTRIES..limit).filter_map(|at| self.entry(GrantRef(at))).for_each(Entry::clear);
            self.slots.iter().for_each(Slot::reset);
            queue.rebuild(self.slots, limit);
        });
    }

    fn life(&self) -> u32 {
        self.life.load(Ordering::Relaxed)
    }

    fn entry(&self, reference: GrantRef) -> Option<Entry<'_>> {
        Entry::of(self.frames, reference)
    }

    /// Counts the entries of a peer in quarantine.
    fn aside(&self, peer: DomId) -> u32 {
        let theirs = free::quarantined(self.slots).filter_map(|at| self.entry(at)).filter(|entry| entry.peer() == peer);
        theirs.fold(0, |count, _| u32::saturating_add(count, 1))
    }
}

impl<G> fmt::Debug for Core<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("frames", &self.frames.len())
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

/// An entry in use, without its page.
pub(crate) struct Grant<'t, G: IrqGate> {
    core: &'t Core<'t, G>,
    pub(crate) reference: GrantRef,
    pub(crate) epoch: Epoch,
    life: u32,
}

impl<G: IrqGate> Grant<'_, G> {
    /// Ends the access; an entry of an earlier table is void already.
    pub(crate) fn end(self) -> Result<(), Self> {
        // The guard's own attempt is this one: it shall not try again.
        let grant = ManuallyDrop::new(self);
        if grant.core.locked(|queue| grant.revoke(queue)) { Ok(()) } else { Err(ManuallyDrop::into_inner(grant)) }
    }

    fn revoke(&self, queue: &mut Queue) -> bool {
        if self.life != self.core.life() {
            return true;
        }
        let ended = self.core.entry(self.reference).is_some_and(Entry::revoke);
        if ended {
            queue.give(self.core.slots, self.reference);
        }
        ended
    }
}

impl<G: IrqGate> Drop for Grant<'_, G> {
    fn drop(&mut self) {
        self.core.locked(|queue| {
            if !self.revoke(queue) {
                queue.quarantine(self.core.slots, self.reference);
            }
        });
    }
}
