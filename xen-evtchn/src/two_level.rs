//! Where one processor's scan of the bitmaps stands: whole words are claimed at once, and resumed where it stopped.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

use xen_hypercall::{EVENT_WORDS, Port, SharedInfo, Vcpu, VcpuInfo};

use crate::Slot;
use crate::bits::{lowest, ones};
use crate::claim::{Claim, Shared};

const TURN: u32 = 64;
const _: () = assert!(EVENT_WORDS == 64, "a bit of the selector for each word");
/// Looks at a word whose ports change while it is looked at; then it waits for the next poll.
const LOOKS: u32 = 3;

/// The table as a scan sees it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) info: &'a SharedInfo,
    pub(crate) slots: &'a [Slot],
    /// Counts what happens to slots.
    pub(crate) changes: &'a AtomicU64,
    pub(crate) vcpu: Vcpu,
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
    /// Ports of this processor, and of any.
    ports: [(AtomicU64, AtomicU64); EVENT_WORDS],
}

impl TwoLevel {
    pub(crate) const fn new() -> Self {
        Self {
            selected: AtomicU64::new(0),
            next: AtomicU32::new(0),
            seen: AtomicU64::new(0),
            known: AtomicU64::new(0),
            ports: [const { (AtomicU64::new(0), AtomicU64::new(0)) }; EVENT_WORDS],
        }
    }

    pub(crate) fn reset(&self) {
        self.selected.store(0, Relaxed);
        self.next.store(0, Relaxed);
        self.known.store(0, Relaxed);
    }

    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.selected.load(Relaxed) != 0
    }

    /// Has every word looked at, whether Xen names it or not.
    pub(crate) fn select_all(&self) {
        self.selected.store(u64::MAX, Relaxed);
    }

    /// Takes over what Xen named since last time, and has it make an upcall for what comes from now on.
    #[inline]
    pub(crate) fn select(&self, record: VcpuInfo<'_>) {
        let (upcall, selector) = (record.upcall_pending(), record.pending_sel());
        if upcall.load(Ordering::SeqCst) != 0 {
            // Xen sets the event, the selector, and this in this order. The swap is a release: whoever misses an event in the
            // selector has cleared this before, so that there is a new upcall.
            upcall.store(0, Relaxed);
        } else if selector.load(Ordering::SeqCst) == 0 {
            return;
        }
        // Pairs with Xen's locked set of the selector bit after that of the pending bit.
        let named = selector.swap(0, Ordering::SeqCst);
        self.selected.store(self.selected.load(Relaxed) | named, Relaxed);
    }

    /// Claims all events of the next word that has some, around.
    ///
    /// `stray` is told of ports without a guard, and masks them.
    #[inline]
    pub(crate) fn claim_word<'a>(&self, view: View<'a>, stray: impl Fn(Port)) -> Option<Claim<'a>> {
        let mut from = self.next.load(Relaxed) >> 6;
        // Each turn claims, or puts a word off the list.
        for _ in 0..TURN {
            let selected = self.selected.load(Relaxed);
            if selected == 0 {
                return None;
            }
            let word = from.wrapping_add(selected.rotate_right(from).trailing_zeros()) % TURN;
            let found = self.look(view, word, &stray);
            if let Some(found) = found {
                self.selected.store(selected & !1_u64.wrapping_shl(word), Relaxed);
                if found.ready != 0 {
                    self.next.store(found.base.wrapping_add(TURN), Relaxed);
                    return Some(found.claim(found.ready));
                }
            }
            from = word.wrapping_add(1);
        }
        None
    }

    /// Claims at most `most` events of the next word that has some, from where the last ones were, around.
    pub(crate) fn claim<'a>(&self, view: View<'a>, most: usize, stray: impl Fn(Port)) -> Option<Claim<'a>> {
        let start = self.next.load(Relaxed);
        let (mut from, mut window) = (start >> 6, u64::MAX.wrapping_shl(start));
        // Each turn claims, or puts a word off the list, or goes on to the next one: the first word comes twice.
        for _ in 0..=TURN {
            let selected = self.selected.load(Relaxed);
            if selected == 0 {
                return None;
            }
            let skipped = selected.rotate_right(from).trailing_zeros();
            let word = from.wrapping_add(skipped) % TURN;
            // Only the first word is begun in the middle; what lies below comes last.
            let begun = if skipped == 0 { window } else { u64::MAX };
            if let Some(found) = self.look(view, word, &stray) {
                let wanted = lowest(found.ready & begun, most);
                if wanted == found.ready {
                    self.selected.store(selected & !1_u64.wrapping_shl(word), Relaxed);
                }
                if wanted != 0 {
                    self.next.store(found.base.wrapping_add(TURN).wrapping_sub(wanted.leading_zeros()), Relaxed);
                    return Some(found.claim(wanted));
                }
            }
            (from, window) = (word.wrapping_add(1), u64::MAX);
        }
        None
    }

    /// Looks at one word; `None` if ports come and go meanwhile, so that it is not sure whose events are there.
    #[inline]
    fn look<'a>(&self, view: View<'a>, word: u32, stray: impl Fn(Port)) -> Option<Found<'a>> {
        let (found, others) = match self.glance(view, word) {
            Some(found) => found,
            None => self.look_again(view, word)?,
        };
        if others != 0 {
            self.name_strays(word, others, stray);
        }
        Some(found)
    }

    /// Looks at one word whose ports are known, and returns the events of other processors and of nobody too; else `None`.
    #[inline]
    fn glance<'a>(&self, view: View<'a>, word: u32) -> Option<(Found<'a>, u64)> {
        let index = usize::try_from(word).unwrap_or_default();
        let (pending, mask) = (view.info.pending().get(index)?, view.info.mask().get(index)?);
        let (own, _) = self.ports.get(index)?;
        let raised = pending.load(Ordering::SeqCst);
        let open = raised & !mask.load(Ordering::SeqCst);
        // After the bits: a port that was bound before its event came is known, or else this shows that it is not.
        let since = view.changes.load(Ordering::SeqCst);
        if self.seen.load(Relaxed) != since || self.known.load(Relaxed) & 1_u64.wrapping_shl(word) == 0 {
            return None;
        }
        let own = own.load(Relaxed);
        let shared = Shared { pending, mask, changes: view.changes };
        let found = Found { base: word.wrapping_mul(TURN), ready: open & own, raised, shared, since };
        Some((found, open & !own))
    }

    /// Learns whose the ports of a word are, and looks again, as often as they change meanwhile.
    #[cold]
    #[inline(never)]
    fn look_again<'a>(&self, view: View<'a>, word: u32) -> Option<(Found<'a>, u64)> {
        (0..LOOKS).find_map(|_| {
            self.read_slots(view, (word, view.changes.load(Ordering::SeqCst)));
            self.glance(view, word)
        })
    }

    /// Tells `stray` of ports that nobody owns.
    #[cold]
    fn name_strays(&self, word: u32, others: u64, stray: impl Fn(Port)) {
        let live = usize::try_from(word).ok().and_then(|index| self.ports.get(index));
        let live = live.map_or(u64::MAX, |(_, live)| live.load(Relaxed));
        ones(others & !live).for_each(|low| stray(Port(word.wrapping_mul(TURN).wrapping_add(low))));
    }

    /// Has the ports of a word as the slots are.
    fn read_slots(&self, view: View<'_>, (word, now): (u32, u64)) {
        let index = usize::try_from(word).unwrap_or_default();
        let (mut mine, mut all) = (0, 0);
        let bits = (0..TURN).map(|low| 1_u64.wrapping_shl(low));
        for (slot, bit) in view.slots.iter().skip(index.saturating_mul(64)).zip(bits) {
            let life = slot.life();
            all |= if life.kind.is_live() { bit } else { 0 };
            mine |= if life.kind.is_live() && life.vcpu == view.vcpu { bit } else { 0 };
        }
        if let Some((own, live)) = self.ports.get(index) {
            own.store(mine, Relaxed);
            live.store(all, Relaxed);
        }
        let known = if self.seen.load(Relaxed) == now { self.known.load(Relaxed) } else { 0 };
        self.seen.store(now, Relaxed);
        self.known.store(known | 1_u64.wrapping_shl(word), Relaxed);
    }
}

/// What a look at one word found.
struct Found<'a> {
    base: u32,
    /// Ports of the processor's on which events have come.
    ready: u64,
    /// All that was set.
    raised: u64,
    shared: Shared<'a, AtomicU64>,
    since: u64,
}

impl<'a> Found<'a> {
    #[inline]
    fn claim(&self, wanted: u64) -> Claim<'a> {
        Claim::take(self.shared, self.base, (self.raised, wanted), self.since)
    }
}
