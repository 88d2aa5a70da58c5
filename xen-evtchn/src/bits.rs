//! The bitmaps of the 2-level ABI.

use xen_hypercall::{EVENT_WORDS, Port, SharedInfo};

use crate::sync::{self, AtomicU64};
use crate::word::Word;

/// Ports that the 2-level ABI of a 64-bit guest has.
pub const MAX_PORTS: usize = EVENT_WORDS * 64;

/// A port's place in the two bitmaps: the words, and its bit in both.
#[derive(Debug)]
pub struct Bit<'a, W> {
    /// Set by Xen when an event comes.
    pub pending: &'a W,
    /// Set by us so that the port does not disturb.
    pub mask: &'a W,
    /// The bit alone.
    pub bit: u64,
}

impl<'a> Bit<'a, AtomicU64> {
    #[inline]
    pub(crate) fn of(info: &'a SharedInfo, port: Port) -> Option<Self> {
        let word = usize::try_from(port.0 >> 6).ok()?;
        // The shift takes the number modulo 64.
        let bit = 1_u64.wrapping_shl(port.0);
        Some(Self { pending: sync::pending(info).get(word)?, mask: sync::mask(info).get(word)?, bit })
    }
}

impl<W: Word<Value = u64>> Bit<'_, W> {
    pub(crate) fn mask(&self) {
        self.mask.set(self.bit);
    }

    #[inline]
    pub(crate) fn is_masked(&self) -> bool {
        self.mask.load() & self.bit != 0
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load() & self.bit != 0
    }

    /// Clears the event and tells whether there was one.
    pub fn take_pending(&self) -> bool {
        self.pending.clear(self.bit) & self.bit != 0
    }

    /// Clears the mask; if an event has come meanwhile, masks again and returns `true`: only Xen can deliver it.
    ///
    /// Xen's `EVTCHNOP_unmask` looks for an event only if it finds the mask set, hence the second masking.
    #[must_use]
    pub fn unmask(&self) -> bool {
        self.mask.clear(self.bit);
        // Pairs with Xen's locked test-and-set of the pending bit before it tests the mask (`evtchn_2l_set_pending`): either
        // Xen sees the mask clear, and delivers, or we see the event.
        self.mask.barrier();
        let came = self.is_pending();
        if came {
            self.mask();
        }
        came
    }

    /// Gives back an event that was claimed and that a masked port cannot have; `true` if the port is not masked any more:
    /// then the event was claimed again.
    #[must_use]
    pub fn put_back(&self) -> bool {
        self.pending.set(self.bit);
        // Pairs with the barrier of `unmask`: either it sees the event, or we see that it was called.
        self.pending.barrier();
        !self.is_masked() && self.take_pending()
    }
}

/// Claims events of one word, all by one locked instruction, and returns those that were still there.
///
/// `seen` is what the word was found to be: if it is that still, the instruction is the first one that is tried.
#[inline]
pub fn claim<W: Word<Value = u64>>(pending: &W, seen: u64, wanted: u64) -> u64 {
    match pending.exchange(seen, seen & !wanted) {
        Ok(()) => wanted,
        Err(_) => pending.clear(wanted) & wanted,
    }
}

/// Returns the lowest `most` of the bits that are set.
#[inline]
pub(crate) fn lowest(bits: u64, most: usize) -> u64 {
    // All of them, as a rule.
    if most >= 64 { bits } else { begin(bits, most) }
}

fn begin(bits: u64, most: usize) -> u64 {
    let first = |(got, left): (u64, u64), _| (got | left & left.wrapping_neg(), left & left.wrapping_sub(1));
    (0..most).fold((0, bits), first).0
}

/// Names the bits that are set, the lowest first.
#[inline]
pub(crate) fn ones(bits: u64) -> impl Iterator<Item = u32> {
    let mut left = bits;
    core::iter::from_fn(move || {
        let low = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (low < u64::BITS).then_some(low)
    })
}

#[cfg(test)]
mod tests {
    use super::{lowest, ones};

    const SAMPLES: [u64; 6] = [0, 1, 1 << 63, u64::MAX, 0x8000_0000_0000_0001, 0x00F0];

    #[test]
    fn names_each_set_bit_once() {
        for bits in SAMPLES {
            assert_eq!(ones(bits).fold(0, |sum, low| sum | 1_u64 << low), bits);
            assert_eq!(ones(bits).count(), usize::try_from(bits.count_ones()).unwrap());
        }
    }

    #[test]
    fn the_lowest_bits_are_a_beginning() {
        for bits in SAMPLES {
            for most in 0..=65 {
                let expected = ones(bits).take(most).fold(0, |sum, low| sum | 1_u64 << low);
                assert_eq!(lowest(bits, most), expected, "{bits:x} {most}");
            }
        }
    }
}
