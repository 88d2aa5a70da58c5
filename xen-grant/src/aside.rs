//! Quarantine: entries that lost their guard while the peer had the page mapped, and the pages.

use core::sync::atomic::AtomicU32 as Plain;
use core::sync::atomic::Ordering::{self, Relaxed};

use xen_hypercall::{DomId, GrantRef, IrqGate};

use crate::entries::{Core, Grant};
use crate::queue::Queue;
use crate::slot::{Kind, State, slot};
use crate::{Page, Refusal, Slot};

/// Pages in quarantine at which a peer gets no more, unless [`Table::with_cap`](crate::Table::with_cap) says otherwise.
pub const DEFAULT_CAP: u32 = 64;

/// Of the reserved entries, one whose slot is the queue's own.
const OWN: GrantRef = GrantRef(1);

/// The entries in quarantine, in the order in which they are looked at.
#[derive(Debug)]
pub(crate) struct Aside {
    queue: Queue,
    count: Plain,
    /// How often something came or went, or the table was made anew or found again.
    turns: Plain,
    /// Pages at which a peer gets no more: of its own, and in all.
    pub(crate) cap: u32,
    pub(crate) total: u32,
}

impl Aside {
    pub(crate) const fn new() -> Self {
        let (count, turns) = (Plain::new(0), Plain::new(0));
        Self { queue: Queue::new(OWN), count, turns, cap: DEFAULT_CAP, total: u32::MAX }
    }

    pub(crate) fn count(&self, order: Ordering) -> u32 {
        self.count.load(order)
    }

    #[inline]
    pub(crate) fn turns(&self) -> u32 {
        self.turns.load(Relaxed)
    }

    /// Refuses a peer that lets nothing go.
    ///
    /// # Errors
    /// [`Refusal::Distrusted`]; not to peers that have nothing in quarantine, whatever others have.
    #[inline]
    pub(crate) fn trusts(&self, slots: &[Slot], peer: DomId) -> Result<(), Refusal> {
        let count = self.count(Relaxed);
        if count < self.cap && count < self.total { Ok(()) } else { self.judge(slots, (peer, count)) }
    }

    #[cold]
    fn judge(&self, slots: &[Slot], (peer, count): (DomId, u32)) -> Result<(), Refusal> {
        let held =
            slots.iter().map(Slot::state).filter(|state| state.kind == Kind::Aside && state.peer == peer).count();
        let over = held > 0 && count >= self.total || u32::try_from(held).is_ok_and(|held| held >= self.cap);
        if over { Err(Refusal::Distrusted(peer)) } else { Ok(()) }
    }

    /// Empties the queue; who is at it now looks for what belongs there.
    pub(crate) fn clear(&self, slots: &[Slot]) {
        self.queue.clear(slots);
        self.count.store(0, Relaxed);
        self.turns.fetch_add(1, Relaxed);
    }

    /// Says that the table is made anew, lost, or found again.
    pub(crate) fn turn(&self) {
        self.turns.fetch_add(1, Relaxed);
    }

    /// Sets an entry aside, whose slot says so already.
    pub(crate) fn push(&self, slots: &[Slot], reference: GrantRef) {
        self.count.fetch_add(1, Relaxed);
        self.turns.fetch_add(1, Relaxed);
        self.queue.push(slots, reference);
    }

    fn left(&self) {
        self.count.fetch_sub(1, Relaxed);
        self.turns.fetch_add(1, Relaxed);
    }
}

/// One look at an entry in quarantine.
enum Looked {
    Nothing,
    InUse,
    Void,
    Back(Page),
}

impl<G> Core<'_, G> {
    /// Sets a grant of this table aside, with its page; inside the gate.
    pub(crate) fn quarantine(&self, grant: Grant, page: Page) {
        let Some(slot) = slot(self.slots, grant.reference) else { return };
        *slot.page.lock() = Some(page);
        slot.set(State { kind: Kind::Aside, ..slot.state() });
        self.aside.push(self.slots, grant.reference);
    }
}

impl<G: IrqGate> Core<'_, G> {
    /// Looks at so many entries in quarantine, and returns the page of the first that the peer has let go.
    pub(crate) fn poll_quarantine(&self, budget: u32) -> Option<Page> {
        // Without a table there is nothing to look at, and nothing is known to be free.
        self.shape.version()?;
        // No more than there are: each at most once.
        for _ in 0..budget.min(self.aside.count(Relaxed)) {
            match self.gate.run(|| self.look()) {
                Looked::Nothing => return None,
                Looked::Back(page) => return Some(page),
                Looked::InUse | Looked::Void => {}
            }
        }
        None
    }

    fn look(&self) -> Looked {
        let Some(reference) = self.aside.queue.pop(self.slots) else { return Looked::Nothing };
        let entry = self.entry(reference).filter(|_| reference.0 < self.shape.limit());
        if entry.is_some_and(|entry| !entry.void()) {
            self.aside.queue.push(self.slots, reference);
            return Looked::InUse;
        }
        let page = slot(self.slots, reference).and_then(|slot| slot.page.lock().take());
        self.aside.left();
        self.give(reference);
        page.map_or(Looked::Void, Looked::Back)
    }
}
