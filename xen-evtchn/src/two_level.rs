//! Where one processor's scan of the bitmaps stands: whole words are claimed at once, and resumed where it stopped.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

use xen_hypercall::{EVENT_WORDS, Port, SharedInfo, Vcpu, VcpuInfo};

use crate::Slot;
use crate::bits::{claim, lowest, ones};
use crate::slot::Life;

const TURN: u32 = 64;
const _: () = assert!(EVENT_WORDS == 64, "a bit of the selector for each word");

/// The table as a scan sees it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) info: &'a SharedInfo,
    pub(crate) slots: &'a [Slot],
    /// Counts what happens to slots: see [`Life::born`].
    pub(crate) changes: &'a AtomicU64,
    pub(crate) vcpu: Vcpu,
}

/// Events of one word, taken out of it and not handed out yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// The first port of the word.
    pub(crate) base: u32,
    pub(crate) bits: u64,
    /// The count of changes at which the ports were found to be ours, and that after the claim.
    pub(crate) since: u64,
    pub(crate) until: u64,
}

impl Claim {
    /// Names the ports, the lowest first.
    pub(crate) fn ports(self) -> impl Iterator<Item = Port> {
        ones(self.bits).map(move |low| Port(self.base.wrapping_add(low)))
    }

    /// Tells whether an event that was claimed can be of this life of its port: of one that began later, it is not.
    pub(crate) const fn is_of(self, life: Life) -> bool {
        life.born <= self.until
    }
}

/// What a look at one word found.
struct Found {
    word: u32,
    /// Ports of the processor's on which events have come.
    ready: u64,
    /// Ports without a guard on which events have come.
    strays: u64,
    since: u64,
}

/// One processor's scan; used by that processor alone.
#[derive(Debug)]
pub(crate) struct TwoLevel {
    /// Words that Xen named and that have not been found empty since.
    selected: AtomicU64,
    /// The port number to begin with: the one after the last that was handed out, so that no busy port starves others.
    next: AtomicU32,
    /// The count of changes of which `own` and `live` are, in the words that `known` names.
    seen: AtomicU64,
    known: AtomicU64,
    /// Ports of this processor.
    own: [AtomicU64; EVENT_WORDS],
    /// Ports of any.
    live: [AtomicU64; EVENT_WORDS],
}

impl TwoLevel {
    pub(crate) const fn new() -> Self {
        Self {
            selected: AtomicU64::new(0),
            next: AtomicU32::new(0),
            seen: AtomicU64::new(0),
            known: AtomicU64::new(0),
            own: [const { AtomicU64::new(0) }; EVENT_WORDS],
            live: [const { AtomicU64::new(0) }; EVENT_WORDS],
        }
    }

    pub(crate) fn reset(&self) {
        self.selected.store(0, Relaxed);
        self.next.store(0, Relaxed);
        self.known.store(0, Relaxed);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.selected.load(Relaxed) != 0
    }

    /// Has every word looked at, whether Xen names it or not.
    pub(crate) fn select_all(&self) {
        self.selected.store(u64::MAX, Relaxed);
    }

    /// Takes over what Xen named since last time.
    #[inline]
    pub(crate) fn select(&self, record: VcpuInfo<'_>) {
        // Pairs with Xen's locked set of the selector bit after that of the pending bit.
        if record.pending_sel().load(Ordering::SeqCst) != 0 {
            let named = record.pending_sel().swap(0, Ordering::SeqCst);
            self.selected.store(self.selected.load(Relaxed) | named, Relaxed);
        }
    }

    /// Claims at most `most` events of the next word that has some, from where the last ones were, around.
    ///
    /// `stray` is told of ports without a guard, and masks them.
    pub(crate) fn claim(&self, view: View<'_>, most: usize, stray: impl Fn(Port)) -> Option<Claim> {
        let start = self.next.load(Relaxed);
        let first = (start >> 6) % TURN;
        let above = u64::MAX.wrapping_shl(start);
        let (mut turn, mut window) = (0, above);
        // The first word twice: what is above, and at the end what is below.
        while turn <= TURN {
            let word = first.wrapping_add(turn) % TURN;
            if let Some(found) = self.look(view, word, &stray) {
                let wanted = lowest(found.ready & window, most);
                if wanted != 0 {
                    return self.take(view, wanted, &found);
                }
                if found.ready == 0 {
                    self.deselect(word);
                }
            }
            let left = self.selected.load(Relaxed).rotate_right(first);
            let later = if turn < TURN - 1 { left & u64::MAX.wrapping_shl(turn.wrapping_add(1)) } else { 0 };
            (turn, window) = match later.trailing_zeros() {
                TURN if turn == TURN || left & 1 == 0 => return None,
                TURN => (TURN, !above),
                next => (next, u64::MAX),
            };
        }
        None
    }

    fn take(&self, view: View<'_>, wanted: u64, found: &Found) -> Option<Claim> {
        let word = found.word;
        let index = usize::try_from(word).ok()?;
        let bits = claim(view.info.pending().get(index)?, wanted);
        if found.ready == wanted {
            self.deselect(word);
        }
        let base = word.wrapping_mul(TURN);
        self.next.store(base.wrapping_add(TURN).wrapping_sub(wanted.leading_zeros()), Relaxed);
        Some(Claim { base, bits, since: found.since, until: view.changes.load(Ordering::SeqCst) })
    }

    fn deselect(&self, word: u32) {
        self.selected.store(self.selected.load(Relaxed) & !1_u64.wrapping_shl(word), Relaxed);
    }

    /// Looks at one word, unless Xen has not named it.
    fn look(&self, view: View<'_>, word: u32, stray: impl Fn(Port)) -> Option<Found> {
        if self.selected.load(Relaxed) & 1_u64.wrapping_shl(word) == 0 {
            return None;
        }
        let index = usize::try_from(word).ok()?;
        let (pending, mask) = (view.info.pending().get(index)?, view.info.mask().get(index)?);
        let since = self.learn(view, word)?;
        let raised = pending.load(Ordering::SeqCst) & !mask.load(Ordering::SeqCst);
        let found = Found {
            word,
            ready: raised & self.own.get(index)?.load(Relaxed),
            strays: raised & !self.live.get(index)?.load(Relaxed),
            since,
        };
        ones(found.strays).for_each(|low| stray(Port(word.wrapping_mul(TURN).wrapping_add(low))));
        Some(found)
    }

    /// Has `own` and `live` of a word as the slots are, and returns the count of changes of that.
    fn learn(&self, view: View<'_>, word: u32) -> Option<u64> {
        let now = view.changes.load(Ordering::SeqCst);
        let bit = 1_u64.wrapping_shl(word);
        let known = if self.seen.load(Relaxed) == now { self.known.load(Relaxed) } else { 0 };
        if known & bit == 0 {
            let begin = usize::try_from(word).ok()?.checked_mul(64)?;
            let (mut own, mut live) = (0, 0);
            for (slot, bit) in view.slots.iter().skip(begin).take(64).zip((0..TURN).map(|low| 1_u64.wrapping_shl(low)))
            {
                let life = slot.life();
                live |= if life.kind.is_live() { bit } else { 0 };
                own |= if life.kind.is_live() && life.vcpu == view.vcpu { bit } else { 0 };
            }
            let index = usize::try_from(word).ok()?;
            self.own.get(index)?.store(own, Relaxed);
            self.live.get(index)?.store(live, Relaxed);
            self.seen.store(now, Relaxed);
            self.known.store(known | bit, Relaxed);
        }
        Some(now)
    }
}
