//! Where one processor's scan of the bitmaps stands: whole words are claimed at once, and resumed where it stopped.

use core::num::NonZeroU64;
use core::sync::atomic::{AtomicU32, Ordering, Ordering::Relaxed};

use xen_hypercall::{EVENT_WORDS, Hypercall, IrqGate, Port, SharedInfo, Vcpu, VcpuInfo};

use crate::bits::{claim, lowest, ones};
use crate::claim::Claim;
use crate::scan::Seat;
use crate::sync::{self, AtomicU64};
use crate::{Events, Slot};

const TURN: u32 = 64;
const _: () = assert!(EVENT_WORDS == 64, "a bit of the selector for each word");
/// Looks at words before the rest waits for the next poll: each is looked at twice, and once more if ports came and went.
const LOOKS: u32 = TURN * 3;

/// One processor's scan; used by that processor alone.
#[derive(Debug)]
pub(crate) struct TwoLevel {
    /// Words that Xen named and that have not been found empty since.
    selected: AtomicU64,
    /// Words whose turn is before that of others: those that are selected since have to wait, so that no busy port starves others.
    turn: AtomicU64,
    /// The port number to go on with, in a word of which not all was claimed.
    next: AtomicU32,
    /// Of each word, the count of changes of which `own` and `live` are.
    seen: [AtomicU64; EVENT_WORDS],
    /// Ports of this processor.
    own: [AtomicU64; EVENT_WORDS],
    /// Ports of any.
    live: [AtomicU64; EVENT_WORDS],
}

/// A count of changes that there never is.
const NEVER: u64 = u64::MAX;

impl TwoLevel {
    pub(crate) const fn new() -> Self {
        Self {
            selected: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            next: AtomicU32::new(0),
            seen: [const { AtomicU64::new(NEVER) }; EVENT_WORDS],
            own: [const { AtomicU64::new(0) }; EVENT_WORDS],
            live: [const { AtomicU64::new(0) }; EVENT_WORDS],
        }
    }

    pub(crate) fn reset(&self) {
        self.selected.store(0, Relaxed);
        self.turn.store(0, Relaxed);
        self.next.store(0, Relaxed);
        self.seen.iter().for_each(|seen| seen.store(NEVER, Relaxed));
    }

    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.selected() != 0
    }

    #[inline]
    pub(crate) fn selected(&self) -> u64 {
        self.selected.load(Relaxed)
    }

    /// Keeps words to be looked at, in the place of those that were.
    #[inline]
    pub(crate) fn keep(&self, selected: u64) {
        self.selected.store(selected, Relaxed);
    }

    /// Has every word looked at, whether Xen names it or not.
    pub(crate) fn select_all(&self) {
        self.keep(u64::MAX);
    }

    /// Takes over what Xen named since last time, and has it make an upcall for what comes from now on. Returns the words to
    /// be looked at, which the caller has to [keep](Self::keep).
    #[inline(always)]
    #[must_use]
    pub(crate) fn select(&self, record: VcpuInfo<'_>) -> u64 {
        // Xen sets the event, the selector, and this in this order. The swap is a release: whoever misses an event in the
        // selector has cleared this before, so that there is a new upcall.
        let (upcall, selector) = sync::told(record);
        upcall.store(0, Relaxed);
        // Pairs with Xen's locked set of the selector bit after that of the pending bit.
        selector.swap(0, Ordering::SeqCst) | self.selected()
    }

    /// Does as [`TwoLevel::select`] if Xen named anything: for one who looks without having been called.
    pub(crate) fn poll(&self, record: VcpuInfo<'_>) -> u64 {
        let (upcall, selector) = sync::told(record);
        if upcall.load(Ordering::SeqCst) == 0 && selector.load(Ordering::SeqCst) == 0 {
            return self.selected();
        }
        self.select(record)
    }

    /// Claims at most `most` of the events that a word has, from where the last ones were, around.
    #[cold]
    #[inline(never)]
    fn claim_part(&self, (selected, turn): (u64, u64), found: Found<'_>, most: usize) -> u64 {
        let Found { word, ready, .. } = found;
        let next = self.next.load(Relaxed);
        let begun = ready & if next >> 6 == word { u64::MAX.wrapping_shl(next) } else { u64::MAX };
        // What lies below the place where it was left comes last.
        let wanted = lowest(if begun == 0 { ready } else { begun }, most);
        let next = word.wrapping_mul(TURN).wrapping_add(TURN).wrapping_sub(wanted.leading_zeros());
        self.next.store(next, Relaxed);
        let others = !1_u64.wrapping_shl(word);
        self.keep(if wanted == ready { selected & others } else { selected });
        // It is the word's turn until its last event has been taken.
        let is_last = wanted.leading_zeros() == ready.leading_zeros();
        self.turn.store(if is_last { turn & others } else { turn }, Relaxed);
        claim(found.pending, found.raised, wanted)
    }

    /// Returns those of the selected words whose turn it is.
    #[inline]
    fn turn(&self, selected: u64) -> u64 {
        let turn = selected & self.turn.load(Relaxed);
        if turn == 0 { selected } else { turn }
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
        if let (Some(own), Some(live), Some(seen)) = (self.own.get(index), self.live.get(index), self.seen.get(index)) {
            own.store(mine, Relaxed);
            live.store(all, Relaxed);
            seen.store(now, Relaxed);
        }
    }
}

// What is rare is told no more than words that are in registers: what it had by reference would not be.
impl<H: Hypercall, G: IrqGate> Events<'_, H, G> {
    /// Claims events of the next of the `selected` words that has some, around, at most `most`; ports without a guard are masked.
    #[inline(always)]
    pub(crate) fn claim(&self, seat: Seat<'_>, most: usize, mut selected: u64) -> Option<Claim> {
        let two = &seat.scan.two;
        for _ in 0..LOOKS {
            if selected == 0 {
                break;
            }
            let turn = two.turn(selected);
            let word = turn.trailing_zeros();
            // As a rule the word has events, all of them are ours, and all may be taken.
            if let Some(found) = self.glance(two, seat.maps, word)
                && found.ready != 0
                && found.strays(two) == 0
            {
                let bits = if most >= 64 {
                    let others = !1_u64.wrapping_shl(word);
                    two.keep(selected & others);
                    two.turn.store(turn & others, Relaxed);
                    claim(found.pending, found.raised, found.ready)
                } else if most != 0 {
                    two.claim_part((selected, turn), found, most)
                } else {
                    break;
                };
                if let Some(bits) = NonZeroU64::new(bits) {
                    let until = self.changes.load(Ordering::SeqCst);
                    return Some(Claim { word, vcpu: seat.vcpu, bits, since: found.since, until });
                }
            } else {
                two.keep(selected);
                self.look_again(two, seat.vcpu, word);
            }
            selected = two.selected();
        }
        two.keep(selected);
        None
    }

    /// Looks at one word, if it is known whose its ports are.
    #[inline(always)]
    fn glance<'a>(&'a self, two: &TwoLevel, maps: Maps<'a>, word: u32) -> Option<Found<'a>> {
        let index = usize::try_from(word).unwrap_or_default();
        let (pending, mask) = (maps.pending.get(index)?, maps.mask.get(index)?);
        let (own, seen) = (two.own.get(index)?, two.seen.get(index)?);
        let raised = pending.load(Ordering::SeqCst);
        let open = raised & !mask.load(Ordering::SeqCst);
        // After the bits: a port that was bound before its event came is known, or else this shows that it is not.
        let since = self.changes.load(Ordering::SeqCst);
        if seen.load(Relaxed) != since {
            return None;
        }
        let ready = open & own.load(Relaxed);
        Some(Found { word, raised, open, ready, pending, since })
    }

    /// Tells whether claimed events can be handed out as they are: nothing has happened to any port since, and none of them is
    /// masked.
    #[inline(always)]
    pub(crate) fn is_undisturbed(&self, maps: Maps<'_>, claim: Claim, bits: NonZeroU64) -> bool {
        let mask = usize::try_from(claim.word).ok().and_then(|index| maps.mask.get(index));
        self.changes.load(Ordering::SeqCst) == claim.since
            && mask.is_some_and(|mask| mask.load(Ordering::SeqCst) & bits.get() == 0)
    }

    /// Learns whose the ports of a word are, masks those without a guard, and puts the word off the list if it has no events.
    #[cold]
    #[inline(never)]
    fn look_again(&self, two: &TwoLevel, vcpu: Vcpu, word: u32) {
        let maps = Maps::of(self.info);
        let found = self.glance(two, maps, word).or_else(|| {
            two.read_slots(self.slots, vcpu, (word, self.changes.load(Ordering::SeqCst)));
            self.glance(two, maps, word)
        });
        let is_empty = found.is_some_and(|found| found.ready == 0);
        let others = !1_u64.wrapping_shl(word);
        // Where ports come and go meanwhile it is not sure whose events are there: other words come first.
        if is_empty || found.is_none() {
            two.turn.store(two.turn(two.selected()) & others, Relaxed);
        }
        if is_empty {
            two.keep(two.selected() & others);
        }
        let strays = found.map_or(0, |found| found.strays(two));
        ones(strays).for_each(|low| self.stray(Port(word.wrapping_mul(TURN).wrapping_add(low))));
    }
}

/// The bitmaps of the domain.
#[derive(Clone, Copy)]
pub(crate) struct Maps<'a> {
    pending: &'a [AtomicU64; EVENT_WORDS],
    mask: &'a [AtomicU64; EVENT_WORDS],
}

impl<'a> Maps<'a> {
    #[inline]
    pub(crate) fn of(info: &'a SharedInfo) -> Self {
        Self { pending: sync::pending(info), mask: sync::mask(info) }
    }
}

/// What a look at one word found.
#[derive(Clone, Copy)]
struct Found<'a> {
    /// The number of the word.
    word: u32,
    /// All that was set.
    raised: u64,
    /// Ports on which events have come that are not masked.
    open: u64,
    /// Those of them that are the processor's.
    ready: u64,
    pending: &'a AtomicU64,
    /// The count of changes.
    since: u64,
}

impl Found<'_> {
    /// Returns those that have no guard.
    #[inline(always)]
    fn strays(&self, two: &TwoLevel) -> u64 {
        // As a rule all are the processor's.
        if self.open == self.ready {
            return 0;
        }
        let live = usize::try_from(self.word).ok().and_then(|index| two.live.get(index));
        self.open & !live.map_or(0, |live| live.load(Relaxed))
    }
}
