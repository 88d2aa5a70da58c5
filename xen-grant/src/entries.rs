//! The part of the table that needs no hypercall: entries given out and taken back.

use core::fmt;
use core::sync::atomic::Ordering;

use xen_hypercall::{Epoch, EpochCell, Gfn, GrantRef, IrqGate, SharedPage};

use crate::aside::Aside;
use crate::entry::{Entry, Flags, Permit, V1};
use crate::queue::Queue;
use crate::shape::Shape;
use crate::slot::{Claim, Kind, State, slot};
use crate::{Page, RESERVED_ENTRIES, Refusal, Slot, Version};

pub(crate) struct Core<'s, G> {
    pub(crate) gate: G,
    pub(crate) epoch: &'s EpochCell,
    pub(crate) frames: &'s [SharedPage],
    /// Where the status words of version 2 go.
    pub(crate) status: &'s [SharedPage],
    pub(crate) slots: &'s [Slot],
    pub(crate) shape: Shape,
    /// Reached inside the gate only, as is the other queue.
    pub(crate) free: Queue,
    pub(crate) aside: Aside,
}

/// Of the reserved entries, those whose slots are the queues' own.
const FREE: GrantRef = GrantRef(0);

/// An entry in use, without its page: small enough to be handed on in registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grant {
    pub(crate) reference: GrantRef,
    pub(crate) life: u32,
}

/// Of which table something is, and of which epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub(crate) life: u32,
    pub(crate) epoch: Epoch,
}

/// When a grant was given, to whom, and in whose name. As long as it is not void, its slot says so too.
///
/// It has no gap: a processor that loads more than was stored at once waits for the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'s> {
    pub(crate) when: When,
    pub(crate) claim: Claim,
    /// The entry, where it was found already, to be reached as long as the table lives.
    pub(crate) entry: Option<V1<'s>>,
}

/// What became of a grant that was to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was void, with the table that it was of.
    Void,
    /// Now: the entry can be used again.
    Now,
    /// Not at all.
    Mapped,
}

impl<'s, G> Core<'s, G> {
    pub(crate) const fn new(gate: G, epoch: &'s EpochCell, frames: &'s [SharedPage], slots: &'s [Slot]) -> Self {
        Self {
            gate,
            epoch,
            frames,
            status: &[],
            slots,
            shape: Shape::new(),
            free: Queue::new(FREE),
            aside: Aside::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn entry(&self, reference: GrantRef) -> Option<Entry<'_>> {
        Entry::of(self.shape.version()?, (self.frames, self.status), reference)
    }

    #[inline(always)]
    pub(crate) fn set(&self, reference: GrantRef, state: State) {
        if let Some(slot) = slot(self.slots, reference) {
            slot.set(state);
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> When {
        When { life: self.shape.life(), epoch: self.epoch.now() }
    }

    /// Takes the entry that is free for the longest time.
    pub(crate) fn take(&self) -> Result<GrantRef, Refusal> {
        self.free.pop(self.slots).ok_or(Refusal::NoRefs)
    }

    /// Takes back an entry that nobody reaches, unless it is beyond the table.
    pub(crate) fn give(&self, reference: GrantRef) {
        if reference.0 < self.shape.limit() {
            self.set(reference, State::FREE);
            self.free.push(self.slots, reference);
        } else {
            self.set(reference, State::ABSENT);
        }
    }

    /// Lets a peer reach a frame through an entry that is held for this already.
    #[cold]
    #[inline(never)]
    pub(crate) fn permit(&self, reference: GrantRef, frame: Gfn, permit: Permit) -> Result<(), Refusal> {
        self.entry(reference).ok_or(Refusal::NoRefs)?.permit(frame, permit)
    }

    /// Ends a grant; what becomes of the entry is the caller's to say.
    pub(crate) fn end(&self, grant: Grant, flags: Flags) -> Ended {
        if grant.life != self.shape.life() {
            return self.end_void(grant);
        }
        let Some(slot) = slot(self.slots, grant.reference) else { return Ended::Mapped };
        let state = slot.state();
        let permit = Permit { peer: state.peer, flags };
        match self.entry(grant.reference) {
            Some(entry) if entry.revoke(permit) => Ended::Now,
            // The guard stays, though it may permit nothing any more, which is how else it is told from an entry in a pool.
            _ => {
                slot.set(State { kind: Kind::Clung, ..state });
                Ended::Mapped
            }
        }
    }

    /// A grant of an earlier table is void, unless the new one has found its entry in use; without a table nobody knows.
    #[cold]
    fn end_void(&self, grant: Grant) -> Ended {
        let stray = slot(self.slots, grant.reference).is_some_and(|slot| slot.state().kind == Kind::Stray);
        if stray || self.shape.version().is_none() { Ended::Mapped } else { Ended::Void }
    }
}

impl<'s, G: IrqGate> Core<'s, G> {
    /// Lets a peer reach a frame, by an entry of the shared queue.
    pub(crate) fn offer(&self, claim: Claim, (frame, flags): (Gfn, Flags)) -> Result<(GrantRef, Given<'s>), Refusal> {
        if !claim.peer().is_real() {
            return Err(Refusal::NotAPeer(claim.peer()));
        }
        self.gate.run(|| {
            self.aside.trusts(self.slots, claim.peer())?;
            let reference = self.take()?;
            self.set(reference, claim.held());
            let permit = Permit { peer: claim.peer(), flags };
            self.permit(reference, frame, permit).inspect_err(|_| self.give(reference))?;
            Ok((reference, Given { when: self.now(), claim, entry: None }))
        })
    }

    /// Ends a grant and gives its entry to the shared queue.
    #[inline(never)]
    pub(crate) fn finish(&self, grant: Grant, flags: Flags) -> Ended {
        self.gate.run(|| self.end_shared(grant, flags))
    }

    /// As [`Core::finish`], for the last time: what the peer does not let go is set aside with its page.
    pub(crate) fn abandon(&self, grant: Grant, flags: Flags, page: Page) {
        self.gate.run(|| {
            // One section: the table is not made anew in between.
            let mapped = self.end_shared(grant, flags) == Ended::Mapped;
            // In the place of a grant of an earlier table stands something else: the page is lost.
            if mapped && grant.life == self.shape.life() {
                self.quarantine(grant, page);
            }
        });
    }

    pub(crate) fn end_shared(&self, grant: Grant, flags: Flags) -> Ended {
        let ended = self.end(grant, flags);
        if ended == Ended::Now {
            self.give(grant.reference);
        }
        ended
    }

    /// Makes everything void that was; nothing is given out before all is well again.
    pub(crate) fn close(&self) {
        self.gate.run(|| {
            self.shape.close();
            self.aside.turn();
            self.free.clear(self.slots);
            let settled = |slot: &&Slot| !matches!(slot.state().kind, Kind::Aside | Kind::Stray);
            self.slots.iter().filter(settled).for_each(|slot| slot.set(State::ABSENT));
        });
    }

    /// No entry is to be touched any more.
    pub(crate) fn lose(&self) {
        self.shape.lose();
        // Pools do not look at the version each time.
        self.aside.turn();
    }

    /// Makes the entries free, save the reserved ones and those that something holds.
    ///
    /// In a new domain nothing does. In the old one, where this has no business, peers may have pages mapped: their entries
    /// are set aside, and the guards of before do not give the pages back either.
    pub(crate) fn open(&self, version: Version, frames: usize, limit: u32) {
        self.gate.run(|| {
            self.shape.open(version, frames, limit);
            self.free.clear(self.slots);
            self.aside.clear(self.slots);
            let all = (0..).map(GrantRef).zip(self.slots);
            for (reference, slot) in all.filter(|(reference, _)| reference.0 >= RESERVED_ENTRIES) {
                let void = self.entry(reference).filter(|_| reference.0 < limit).is_none_or(|entry| entry.void());
                if slot.page.lock().is_some() {
                    self.aside.push(self.slots, reference);
                } else if void {
                    self.give(reference);
                } else {
                    slot.set(State::STRAY);
                    self.aside.push(self.slots, reference);
                }
            }
        });
    }

    /// Makes the table of that life larger, and returns how many frames there are.
    ///
    /// If it was made anew while this processor was on its way here, what was mapped is no part of it.
    pub(crate) fn extend(&self, life: u32, (frames, limit): (usize, u32)) -> usize {
        self.gate.run(|| {
            if life == self.shape.life() {
                let new = (self.shape.extend(frames, limit)..limit).map(GrantRef);
                // One of before that is in quarantine stays there, with its page.
                let absent =
                    |at: &GrantRef| slot(self.slots, *at).is_some_and(|slot| slot.state().kind == Kind::Absent);
                new.filter(absent).for_each(|at| self.give(at));
            }
            self.shape.frames()
        })
    }
}

impl<G> fmt::Debug for Core<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("frames", &self.frames.len())
            .field("slots", &self.slots.len())
            .field("shape", &self.shape)
            .field("quarantined", &self.aside.count(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}
