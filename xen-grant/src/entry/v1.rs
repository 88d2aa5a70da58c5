//! Version 1: what Xen says of an entry stands beside what it allows.

use core::sync::atomic::{AtomicU32, Ordering};

use xen_hypercall::SharedPage;

use super::{Flags, Permit};
use crate::word::Word;

/// Size of an entry, in bytes, and where in it the frame is named.
const ENTRY_SIZE: usize = 8;
const FRAME: usize = 4;

/// Entries in a frame of the table, each of 8 bytes.
pub(crate) const PER_FRAME: usize = 512;

/// How often ending an access is tried anew when the peer changes the flags meanwhile.
const RETRIES: usize = 16;

/// The two words of an entry, in their order: flags with the domain above them, and the frame.
///
/// Flags and domain are one word here, as they are to Xen, which maps by a compare and swap of these same 32 bits. Nobody but
/// the guest writes the domain, so what the swap of ours compares with it can differ in flags alone, and it cannot hide a
/// change; in return, the domain and the permit appear at once, by one store.
#[derive(Debug)]
pub(crate) struct V1<'a, W = AtomicU32>(pub(crate) &'a [W; 2]);

impl<W> Clone for V1<'_, W> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for V1<'_, W> {}

impl<'a> V1<'a> {
    #[inline(always)]
    pub(super) fn of(frames: &'a [SharedPage], at: usize) -> Option<Self> {
        let offset = (at % PER_FRAME).wrapping_mul(ENTRY_SIZE);
        const { assert!(FRAME == size_of::<u32>(), "it is the word behind the other") }
        frames.get(at / PER_FRAME)?.u32s(offset).map(Self)
    }
}

impl<W: Word<Value = u32>> V1<'_, W> {
    #[inline]
    pub(crate) fn permit(&self, number: u32, permit: Permit) {
        let [head, frame] = self.0;
        frame.store(number, Ordering::Relaxed);
        // Pairs with Xen's reads: of this word first, and of the frame once it has marked the entry as mapped.
        head.store(permit.word(), Ordering::Release);
    }

    /// Ends what `seen` permits, if that is all that the entry says.
    #[inline(always)]
    pub(crate) fn revoke_unmapped(&self, seen: u32) -> bool {
        // A full barrier, which pairs with the swap by which Xen maps: of two, the later one sees the earlier. No access of ours
        // to the page comes before it.
        self.head().swap_if(seen, 0).is_ok()
    }

    /// Ends what `seen` permits. A peer that keeps changing the flags counts as one that has the page mapped.
    #[inline]
    pub(crate) fn revoke(&self, seen: u32) -> bool {
        // A full barrier, as in `revoke_unmapped`.
        match self.head().swap_if(seen, 0) {
            Ok(()) => true,
            Err(now) => self.revoke_again(now),
        }
    }

    #[cold]
    fn revoke_again(&self, mut seen: u32) -> bool {
        for _ in 0..RETRIES {
            if in_use(seen) {
                return false;
            }
            match self.head().swap_if(seen, 0) {
                Ok(()) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    #[inline(always)]
    fn head(&self) -> &W {
        let [head, _] = self.0;
        head
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.head().load(Ordering::Relaxed) == 0
    }

    pub(crate) fn void(&self) -> bool {
        match self.head().load(Ordering::Relaxed) {
            0 => true,
            seen => !in_use(seen) && self.revoke(seen),
        }
    }
}

#[inline]
fn in_use(word: u32) -> bool {
    let [low, high, ..] = word.to_le_bytes();
    Flags::in_use(u16::from_le_bytes([low, high]))
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use xen_hypercall::DomId;

    use super::*;

    const PERMIT: Permit = Permit { peer: DomId(0x1234), flags: Flags::PERMIT_ACCESS };

    #[test]
    fn the_layout_is_flags_domain_frame() {
        let words = [0, 0].map(AtomicU32::new);
        V1(&words).permit(0xABCD, Permit { flags: Flags::PERMIT_ACCESS | Flags::READ_ONLY, ..PERMIT });
        assert_eq!(words.map(AtomicU32::into_inner), [0x1234_0005, 0xABCD]);
    }

    /// Under Miri only every so many values are tried.
    const STEP: usize = if cfg!(miri) { 257 } else { 1 };

    /// G01, G02: every value of the 16 flag bits, whatever was expected.
    #[test]
    fn g01_g02_only_an_unmapped_page_is_taken_back() {
        for flags in (0..=u16::MAX).step_by(STEP) {
            let before = 0x1234_0000 | u32::from(flags);
            let mapped = flags & 0x18 != 0;
            for end in [|entry: V1<'_>| entry.revoke(PERMIT.word()), |entry: V1<'_>| entry.void()] {
                let words = [before, 7].map(AtomicU32::new);
                assert_eq!(end(V1(&words)), !mapped, "{flags:#x}");
                assert_eq!(words.map(AtomicU32::into_inner), [if mapped { before } else { 0 }, 7]);
            }
        }
    }

    /// A peer that changes the word before each swap.
    struct Restless(Cell<u32>, Cell<u32>);

    impl Word for Restless {
        type Value = u32;

        fn load(&self, _: Ordering) -> u32 {
            self.0.get()
        }

        fn store(&self, value: u32, _: Ordering) {
            self.0.set(value);
        }

        fn swap_if(&self, _: u32, _: u32) -> Result<(), u32> {
            self.1.set(self.1.get() + 1);
            self.0.set(self.0.get() ^ 0x8000);
            Err(self.0.get())
        }
    }

    /// G06, G25: not for ever; and the page counts as mapped.
    #[test]
    fn g06_g25_flags_that_never_stand_still() {
        let words = [PERMIT.word(), 0].map(|word| Restless(Cell::new(word), Cell::new(0)));
        assert!(!V1(&words).revoke(PERMIT.word()));
        assert_eq!(words.map(|word| word.1.get()), [17, 0]);
    }
}
