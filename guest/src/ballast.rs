//! Memory that must come through every resume as it was: 1 MiB of pages and a counter.

use xen_hypercall::{PAGE_SIZE, SharedPage};

use crate::Machine;

const PAGES: usize = 256;
const CHUNK: usize = 256;

/// 1 MiB of the guest's memory, filled with a pattern that its checksum covers.
#[derive(Debug)]
pub(crate) struct Ballast {
    pages: [Option<SharedPage>; PAGES],
    checksum: u64,
    /// The page of the counter, outside of the checksum.
    counter: Option<SharedPage>,
}

impl Ballast {
    /// Takes and fills the pages; `None` if the machine has not enough.
    pub(crate) fn fill<M: Machine>(machine: &M) -> Option<Self> {
        let mut ballast = Self { pages: [const { None }; PAGES], checksum: 0, counter: Some(machine.page()?) };
        let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
        for slot in &mut ballast.pages {
            let page = machine.page()?;
            for at in (0..PAGE_SIZE).step_by(8) {
                noise = scramble(noise);
                page.copy_out(at, &noise.to_le_bytes());
            }
            *slot = Some(page);
        }
        ballast.checksum = ballast.sum();
        Some(ballast)
    }

    /// Tells whether every byte is what it was, and the counter says `count`.
    pub(crate) fn is_intact(&self, count: u64) -> bool {
        self.sum() == self.checksum && self.counted() == count
    }

    /// Writes the counter.
    pub(crate) fn count(&self, count: u64) {
        if let Some(page) = &self.counter {
            page.copy_out(0, &count.to_le_bytes());
        }
    }

    fn counted(&self) -> u64 {
        let mut bytes = [0; 8];
        if let Some(page) = &self.counter {
            page.copy_in(0, &mut bytes);
        }
        u64::from_le_bytes(bytes)
    }

    /// Spoils one byte; for a test that the check can fail.
    #[cfg(test)]
    fn spoil(&self) {
        for page in self.pages.iter().flatten().skip(100).take(1) {
            let mut byte = [0];
            page.copy_in(77, &mut byte);
            page.copy_out(77, &[byte[0] ^ 1]);
        }
    }

    /// FNV-1a over words of 64 bits, page by page; four sums in turn, and one over them.
    fn sum(&self) -> u64 {
        let mut sums = [BASIS; 4];
        for page in self.pages.iter().flatten() {
            for at in (0..PAGE_SIZE).step_by(CHUNK) {
                let mut chunk = [0; CHUNK];
                page.copy_in(at, &mut chunk);
                let (words, _) = chunk.as_chunks::<8>();
                let (fours, _) = words.as_chunks::<4>();
                for four in fours {
                    for (sum, word) in sums.iter_mut().zip(four) {
                        *sum = fnv(*sum, u64::from_le_bytes(*word));
                    }
                }
            }
        }
        sums.into_iter().fold(BASIS, fnv)
    }
}

const BASIS: u64 = 0xCBF2_9CE4_8422_2325;

const fn fnv(sum: u64, word: u64) -> u64 {
    (sum ^ word).wrapping_mul(0x0000_0100_0000_01B3)
}

/// One step of xorshift64: never 0 if it does not begin with 0.
const fn scramble(word: u64) -> u64 {
    let word = word ^ word << 13;
    let word = word ^ word >> 7;
    word ^ word << 17
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::alloc::{Layout, alloc_zeroed};
    use std::ptr::NonNull;

    use xen_hypercall::{Gfn, SharedPage};

    use super::{Ballast, PAGES};

    #[test]
    #[expect(unsafe_code, reason = "pages of the test itself")]
    fn one_bit_is_noticed() {
        let page = |gfn| {
            // SAFETY: the layout is not empty.
            let ptr = unsafe { alloc_zeroed(Layout::from_size_align(4096, 4096).unwrap()) };
            // SAFETY: a page of its own, never freed.
            unsafe { SharedPage::new(NonNull::new(ptr).unwrap(), Gfn(gfn)) }
        };
        let mut ballast = Ballast { pages: [const { None }; PAGES], checksum: 0, counter: Some(page(0)) };
        for (slot, gfn) in ballast.pages.iter_mut().zip(1..) {
            *slot = Some(page(gfn));
        }
        ballast.checksum = ballast.sum();
        assert!(ballast.is_intact(0));
        ballast.spoil();
        assert!(!ballast.is_intact(0));
        ballast.spoil();
        ballast.count(7);
        assert!(ballast.is_intact(7) && !ballast.is_intact(6));
    }
}
