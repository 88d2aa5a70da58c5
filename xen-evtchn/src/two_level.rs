//! Where one processor's scan of the bitmaps stands: whole words are claimed at once, and resumed where it stopped.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};

use xen_hypercall::{EVENT_WORDS, Hypercall, IrqGate, Port, Vcpu, VcpuInfo};

use crate::bits::{lowest, ones};
use crate::claim::{Claim, Shared};
use crate::{Events, Slot, sync};

const TURN: u32 = 64;
const _: () = assert!(EVENT_WORDS == 64, "a bit of the selector for each word");
/// Looks at a word whose ports change while it is looked at; then it waits for the next poll.
const LOOKS: u32 = 3;

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
        let (upcall, selector) = sync::told(record);
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

    /// Has the ports of a word as the slots are.
    fn read_slots(&self, slots: &[Slot], vcpu: Vcpu, (word, now): (u32, u64)) {
        let index = usize::try_from(word).unwrap_or_default();
        let (mut mine, mut all) = (0, 0);
        let bits = (0..TURN).map(|low| 1_u64.wrapping_shl(low));
        for (slot, bit) in slots.iter().skip(index.saturating_mul(64)).zip(bits) {
            let life = slot.life();
            all |= if life.kind.is_live() { bit } else { 0 };
            mine |= if life.kind.is_live() && life.vcpu == vcpu { bit } else { 0 };
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

// What is rare is told no more than words that are in registers: what it had by reference would not be.
impl<H: Hypercall, G: IrqGate> Events<'_, H, G> {
    /// Claims all events of the next word that has some, around; ports without a guard are masked.
    #[inline(always)]
    pub(crate) fn claim_word(&self, two: &TwoLevel, vcpu: Vcpu) -> Option<Claim<'_>> {
        let mut from = two.next.load(Relaxed) >> 6;
        // Each turn claims, or puts a word off the list.
        for _ in 0..TURN {
            let selected = two.selected.load(Relaxed);
            if selected == 0 {
                return None;
            }
            let word = from.wrapping_add(selected.rotate_right(from).trailing_zeros()) % TURN;
            if let Some(found) = self.look(two, vcpu, word) {
                two.selected.store(selected & !1_u64.wrapping_shl(word), Relaxed);
                if found.ready != 0 {
                    two.next.store(found.base.wrapping_add(TURN), Relaxed);
                    return Some(found.claim(found.ready));
                }
            }
            from = word.wrapping_add(1);
        }
        None
    }

    /// Claims at most `most` events of the next word that has some, from where the last ones were, around.
    #[inline(never)]
    pub(crate) fn claim_some(&self, two: &TwoLevel, vcpu: Vcpu, most: usize) -> Option<Claim<'_>> {
        let start = two.next.load(Relaxed);
        let (mut from, mut window) = (start >> 6, u64::MAX.wrapping_shl(start));
        // Each turn claims, or puts a word off the list, or goes on to the next one: the first word comes twice.
        for _ in 0..=TURN {
            let selected = two.selected.load(Relaxed);
            if selected == 0 {
                return None;
            }
            let skipped = selected.rotate_right(from).trailing_zeros();
            let word = from.wrapping_add(skipped) % TURN;
            // Only the first word is begun in the middle; what lies below comes last.
            let begun = if skipped == 0 { window } else { u64::MAX };
            if let Some(found) = self.look(two, vcpu, word) {
                let wanted = lowest(found.ready & begun, most);
                if wanted == found.ready {
                    two.selected.store(selected & !1_u64.wrapping_shl(word), Relaxed);
                }
                if wanted != 0 {
                    two.next.store(found.base.wrapping_add(TURN).wrapping_sub(wanted.leading_zeros()), Relaxed);
                    return Some(found.claim(wanted));
                }
            }
            (from, window) = (word.wrapping_add(1), u64::MAX);
        }
        None
    }

    /// Looks at one word; `None` if ports come and go meanwhile, so that it is not sure whose events are there.
    #[inline(always)]
    fn look(&self, two: &TwoLevel, vcpu: Vcpu, word: u32) -> Option<Found<'_>> {
        let found = match self.glance(two, word) {
            Some(found) => found,
            None => self.look_again(two, vcpu, word)?,
        };
        if found.others != 0 {
            self.mask_strays(two, word, found.others);
        }
        Some(found)
    }

    /// Looks at one word, if it is known whose its ports are.
    #[inline(always)]
    fn glance(&self, two: &TwoLevel, word: u32) -> Option<Found<'_>> {
        let index = usize::try_from(word).unwrap_or_default();
        let (pending, mask) = (sync::pending(self.info).get(index)?, sync::mask(self.info).get(index)?);
        let (own, _) = two.ports.get(index)?;
        let raised = pending.load(Ordering::SeqCst);
        let open = raised & !mask.load(Ordering::SeqCst);
        // After the bits: a port that was bound before its event came is known, or else this shows that it is not.
        let since = self.changes.load(Ordering::SeqCst);
        if two.seen.load(Relaxed) != since || two.known.load(Relaxed) & 1_u64.wrapping_shl(word) == 0 {
            return None;
        }
        let own = own.load(Relaxed);
        let shared = Shared { pending, mask, changes: &self.changes };
        Some(Found { base: word.wrapping_mul(TURN), ready: open & own, others: open & !own, raised, shared, since })
    }

    /// Learns whose the ports of a word are, and looks again, as often as they change meanwhile.
    #[cold]
    #[inline(never)]
    fn look_again(&self, two: &TwoLevel, vcpu: Vcpu, word: u32) -> Option<Found<'_>> {
        (0..LOOKS).find_map(|_| {
            two.read_slots(self.slots, vcpu, (word, self.changes.load(Ordering::SeqCst)));
            self.glance(two, word)
        })
    }

    /// Masks the ports without a guard.
    #[cold]
    #[inline(never)]
    fn mask_strays(&self, two: &TwoLevel, word: u32, others: u64) {
        let known = usize::try_from(word).ok().and_then(|index| two.ports.get(index));
        let live = known.map_or(u64::MAX, |(_, live)| live.load(Relaxed));
        ones(others & !live).for_each(|low| self.stray(Port(word.wrapping_mul(TURN).wrapping_add(low))));
    }
}

/// What a look at one word found.
struct Found<'a> {
    base: u32,
    /// Ports of the processor's on which events have come.
    ready: u64,
    /// Other ports on which events have come.
    others: u64,
    /// All that was set.
    raised: u64,
    shared: Shared<'a>,
    since: u64,
}

impl<'a> Found<'a> {
    #[inline]
    fn claim(&self, wanted: u64) -> Claim<'a> {
        Claim::take(self.shared, self.base, (self.raised, wanted), self.since)
    }
}
