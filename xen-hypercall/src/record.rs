//! Copies of short records of shared memory, word by word: each byte is loaded or stored once.
//!
//! The words are atomics, which the compiler neither repeats nor leaves out; that they are relaxed is enough, since an index
//! carries the order.

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::memory::Memory;

/// Copies a shared record into private memory.
#[inline]
pub(crate) fn read<M: Memory>(memory: &M, offset: usize, to: &mut [u8]) {
    if let (to, []) = to.as_chunks_mut()
        && let Some(words) = memory.atomics::<AtomicU64>(offset, to.len())
    {
        to.iter_mut().zip(words).for_each(|(to, word)| *to = word.load(Relaxed).to_ne_bytes());
    } else if let (to, []) = to.as_chunks_mut()
        && let Some(words) = memory.atomics::<AtomicU32>(offset, to.len())
    {
        to.iter_mut().zip(words).for_each(|(to, word)| *to = word.load(Relaxed).to_ne_bytes());
    } else {
        let bytes = memory.bytes(offset, to.len());
        to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte.load(Relaxed));
    }
}

/// Copies a private record into shared memory.
#[inline]
pub(crate) fn write<M: Memory>(memory: &M, offset: usize, from: &[u8]) {
    if let (from, []) = from.as_chunks()
        && let Some(words) = memory.atomics::<AtomicU64>(offset, from.len())
    {
        from.iter().zip(words).for_each(|(from, word)| word.store(u64::from_ne_bytes(*from), Relaxed));
    } else if let (from, []) = from.as_chunks()
        && let Some(words) = memory.atomics::<AtomicU32>(offset, from.len())
    {
        from.iter().zip(words).for_each(|(from, word)| word.store(u32::from_ne_bytes(*from), Relaxed));
    } else {
        let bytes = memory.bytes(offset, from.len());
        from.iter().zip(bytes).for_each(|(from, byte)| byte.store(*from, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;
    use std::vec::Vec;

    use core::ptr::NonNull;

    use crate::{Gfn, PAGE_SIZE, SharedPage};

    #[repr(align(4096))]
    struct Page(#[allow(dead_code, reason = "reached by address")] [u8; PAGE_SIZE]);

    /// Every length goes there and back whole, wherever it lies, and nothing beside it is touched.
    #[test]
    #[expect(unsafe_code, reason = "a test gives its own page")]
    fn records_of_every_length_go_there_and_back() {
        let memory = NonNull::from(Box::leak(Box::new(Page([0xee; PAGE_SIZE]))));
        // SAFETY: leaked, aligned, and nobody else has it.
        let page = unsafe { SharedPage::new(memory.cast(), Gfn(1)) };
        let longest = if cfg!(miri) { 34 } else { 130 };
        for (len, shift) in (0..=longest).flat_map(|len| [0, 1, 4, 8].map(|shift| (len, shift))) {
            page.copy_out(0, &[0xee; 160]);
            let record: Vec<u8> = (1..=len).collect();
            page.record_out(8 + shift, &record);
            let mut back = record.clone();
            back.fill(0);
            page.record_in(8 + shift, &mut back);
            assert_eq!(back, record, "{len} {shift}");
            let mut all = [0; 160];
            page.copy_in(0, &mut all);
            let touched = all.iter().filter(|byte| **byte != 0xee).count();
            assert_eq!(touched, record.len(), "{len} {shift}");
        }
    }
}
