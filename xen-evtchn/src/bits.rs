//! The bitmaps of the 2-level ABI.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use xen_hypercall::{EVENT_WORDS, Port, SharedInfo};

/// Ports that the 2-level ABI of a 64-bit guest has.
pub const MAX_PORTS: usize = EVENT_WORDS * 64;

/// One bit in the page: its word, and the word with this bit alone.
struct Bit<'a>(&'a AtomicU64, u64);

impl Bit<'_> {
    fn of(map: &[AtomicU64; EVENT_WORDS], port: Port) -> Option<Bit<'_>> {
        let word = usize::try_from(port.0 >> 6).ok()?;
        // The shift takes the number modulo 64.
        map.get(word).map(|word| Bit(word, 1_u64.wrapping_shl(port.0)))
    }

    fn test(&self) -> bool {
        self.0.load(Ordering::SeqCst) & self.1 != 0
    }

    fn set(&self) {
        self.0.fetch_or(self.1, Ordering::SeqCst);
    }

    /// Clears the bit and tells whether it was set.
    fn take(&self) -> bool {
        self.0.fetch_and(!self.1, Ordering::SeqCst) & self.1 != 0
    }
}

pub(crate) fn mask(info: &SharedInfo, port: Port) {
    if let Some(bit) = Bit::of(info.mask(), port) {
        bit.set();
    }
}

pub(crate) fn mask_all(info: &SharedInfo) {
    for word in info.mask() {
        word.store(u64::MAX, Ordering::SeqCst);
    }
}

pub(crate) fn is_masked(info: &SharedInfo, port: Port) -> bool {
    Bit::of(info.mask(), port).is_some_and(|bit| bit.test())
}

pub(crate) fn is_pending(info: &SharedInfo, port: Port) -> bool {
    Bit::of(info.pending(), port).is_some_and(|bit| bit.test())
}

pub(crate) fn take_pending(info: &SharedInfo, port: Port) -> bool {
    Bit::of(info.pending(), port).is_some_and(|bit| bit.take())
}

/// Clears the mask; if an event has come meanwhile, masks again and returns `true`: only Xen can deliver it.
///
/// Xen's `EVTCHNOP_unmask` looks for an event only if it finds the mask set, hence the second masking.
pub(crate) fn unmask(info: &SharedInfo, port: Port) -> bool {
    let Some(mask) = Bit::of(info.mask(), port) else { return false };
    mask.take();
    // Pairs with Xen's locked test-and-set of the pending bit before it tests the mask (`evtchn_2l_set_pending`): either
    // Xen sees the mask clear, and delivers, or we see the event.
    fence(Ordering::SeqCst);
    let came = is_pending(info, port);
    if came {
        mask.set();
    }
    came
}
