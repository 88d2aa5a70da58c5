//! Finds the ports on which events have come: the 2-level algorithm.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use xen_hypercall::op::event_channel;
use xen_hypercall::{EVENT_WORDS, Errno, Hypercall, IrqGate, Port, SharedInfo, Vcpu, VcpuInfo};

use crate::Events;
use crate::bits::{self, MAX_PORTS};

/// Where one processor's scan stands.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Words that Xen named and that have not been found empty since.
    selected: AtomicU64,
    /// The port number to begin with: the one after the last that was handed out, so that no busy port starves others.
    next: AtomicU32,
}

impl Scan {
    pub(crate) const fn new() -> Self {
        Self { selected: AtomicU64::new(0), next: AtomicU32::new(0) }
    }

    pub(crate) fn reset(&self) {
        self.selected.store(0, Ordering::Relaxed);
        self.next.store(0, Ordering::Relaxed);
    }

    /// Takes over what Xen named since last time.
    fn select(&self, vcpu: VcpuInfo<'_>) {
        // Before the selector is read: Xen sets pending bit, selector, upcall in this order, so that an event of which we
        // miss the selector bit makes a new upcall.
        vcpu.upcall_pending().store(0, Ordering::SeqCst);
        // Pairs with Xen's locked set of the selector bit after that of the pending bit.
        let named = vcpu.pending_sel().swap(0, Ordering::SeqCst);
        self.selected.fetch_or(named, Ordering::Relaxed);
    }

    /// Takes the next event on a port that is `mine`, from where the last one was, around.
    fn take(&self, info: &SharedInfo, mine: &impl Fn(Port) -> bool) -> Option<Port> {
        let start = self.next.load(Ordering::Relaxed);
        let above = u64::MAX.wrapping_shl(start);
        let window = |turn| match turn {
            0 => above,
            // The first word again, what is below.
            FULL_TURN => !above,
            _ => u64::MAX,
        };
        let port = (0..=FULL_TURN).find_map(|turn| {
            let word = (start >> 6).wrapping_add(turn) % FULL_TURN;
            self.take_in(info, (word, window(turn)), mine)
        })?;
        self.next.store(port.0.wrapping_add(1), Ordering::Relaxed);
        Some(port)
    }

    fn take_in(&self, info: &SharedInfo, (word, window): (u32, u64), mine: &impl Fn(Port) -> bool) -> Option<Port> {
        let bit = 1_u64.wrapping_shl(word);
        if self.selected.load(Ordering::Relaxed) & bit == 0 {
            return None;
        }
        let index = usize::try_from(word).ok()?;
        let (pending, mask) = (info.pending().get(index)?, info.mask().get(index)?);
        let ready = pending.load(Ordering::SeqCst) & !mask.load(Ordering::SeqCst);
        let port = |low: u32| Port(word.wrapping_mul(64).wrapping_add(low));
        // Of the others in this word their own processors are told.
        if !ones(ready).map(port).any(mine) {
            self.selected.fetch_and(!bit, Ordering::Relaxed);
        }
        ones(ready & window).map(port).filter(|&port| mine(port)).find(|&port| bits::take_pending(info, port))
    }
}

const FULL_TURN: u32 = 64;
const _: () = assert!(EVENT_WORDS == 64, "the turn visits every word");

/// Names the bits that are set, the lowest first.
fn ones(bits: u64) -> impl Iterator<Item = u32> {
    let mut left = bits;
    core::iter::from_fn(move || {
        let low = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (low < u64::BITS).then_some(low)
    })
}

/// One processor's way to its events: its record, and where its scan stands.
///
/// vCPU 0 needs none, as long as its record is in `shared_info`. A scanner is used by its own processor only.
#[derive(Debug)]
pub struct Scanner<'a> {
    vcpu: Vcpu,
    record: VcpuInfo<'a>,
    scan: Scan,
}

impl<'a> Scanner<'a> {
    /// Makes the scanner of a processor whose record is `record`.
    #[must_use]
    pub const fn new(vcpu: Vcpu, record: VcpuInfo<'a>) -> Self {
        Self { vcpu, record, scan: Scan::new() }
    }

    /// Returns the processor's record.
    #[must_use]
    pub const fn record(&self) -> VcpuInfo<'a> {
        self.record
    }

    /// Forgets what it found in an earlier domain; Xen names anew what there is.
    pub fn reset(&self) {
        self.scan.reset();
    }
}

impl<H: Hypercall, G: IrqGate> Events<'_, H, G> {
    /// Returns a port of vCPU 0's on which an event has come and forgets the event; `None` when there is no more.
    ///
    /// For the upcall handler, or for a guest without one. Ports take turns. A port without a guard is masked, counted
    /// in [`Events::strays`] and not returned. An owner that cannot work at once masks its port until it has.
    pub fn poll_pending(&self) -> Option<Port> {
        self.poll_of(Vcpu(0), self.info.vcpu0(), &self.scan)
    }

    /// Does as [`Events::poll_pending`] on another processor: names the ports of which that one is told.
    pub fn poll_pending_on(&self, scanner: &Scanner<'_>) -> Option<Port> {
        self.poll_of(scanner.vcpu, scanner.record, &scanner.scan)
    }

    fn poll_of(&self, vcpu: Vcpu, record: VcpuInfo<'_>, scan: &Scan) -> Option<Port> {
        self.gate.run(|| {
            scan.select(record);
            let mine = |port| self.slot(port).is_none_or(|slot| !slot.kind().is_live() || slot.vcpu() == vcpu);
            // A stray port is masked, so each comes once and the bound is never reached.
            (0..=MAX_PORTS).map_while(|_| scan.take(self.info, &mine)).find(|&port| self.has_guard(port))
        })
    }

    /// Returns at most `budget` ports, as [`Events::poll_pending`] does.
    ///
    /// Xen makes no new upcall for what is left then: see [`Events::may_have_more`].
    pub fn poll_some(&self, budget: usize) -> impl Iterator<Item = Port> {
        core::iter::from_fn(|| self.poll_pending()).take(budget)
    }

    /// Tells whether another [`Events::poll_pending`] may be worth while.
    #[must_use]
    pub fn may_have_more(&self) -> bool {
        let named = self.info.vcpu0().pending_sel().load(Ordering::SeqCst);
        named | self.scan.selected.load(Ordering::Relaxed) != 0
    }

    fn has_guard(&self, port: Port) -> bool {
        let is_live = || self.slot(port).is_some_and(|slot| slot.kind().is_live());
        let known = is_live();
        if !known {
            bits::mask(self.info, port);
            self.strays.fetch_add(1, Ordering::Relaxed);
            if is_live() {
                // Another processor has bound it meanwhile, and may have unmasked it before: at worst it is told once too
                // often. Refused, it is as deaf as its own unmasking would have left it.
                let _ = self.unmask(port);
            }
        }
        known
    }

    /// Unmasks a port, and has Xen deliver what is pending; to be called in a section of the gate.
    pub(crate) fn unmask(&self, port: Port) -> Result<(), Errno> {
        if bits::unmask(self.info, port) { event_channel::unmask(&self.hook, port) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::ones;

    #[test]
    fn names_each_set_bit_once() {
        for bits in [0, 1, 1 << 63, u64::MAX, 0x8000_0000_0000_0001, 0x00F0] {
            assert_eq!(ones(bits).fold(0, |sum, low| sum | 1_u64 << low), bits);
            assert_eq!(ones(bits).count(), usize::try_from(bits.count_ones()).unwrap());
        }
    }
}
