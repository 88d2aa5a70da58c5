//! The way from word to word along a queue.

use core::cell::Cell;
use core::sync::atomic::AtomicU32;

use super::{Fifo, WORDS};

type Page<'s> = Option<&'s [AtomicU32; WORDS]>;

/// Finds event words, one after the other: neighbours are in the same page as a rule, which it remembers.
#[derive(Debug)]
pub(crate) struct Trail<'f, 's> {
    fifo: &'f Fifo<'s>,
    page: Cell<(usize, Page<'s>)>,
}

impl<'f, 's> Trail<'f, 's> {
    #[inline(always)]
    pub(crate) const fn new(fifo: &'f Fifo<'s>) -> Self {
        // A page that there is not.
        Self { fifo, page: Cell::new((usize::MAX, None)) }
    }

    /// Returns the word of a port, if Xen knows of it: in the 2-level ABI, of none.
    #[inline(always)]
    pub(crate) fn word(&self, port: u32) -> Option<&'s AtomicU32> {
        if port >= self.fifo.words() {
            return None;
        }
        let at = usize::try_from(port).ok()?;
        let (number, words) = self.page.get();
        if at / WORDS == number {
            return words?.get(at % WORDS);
        }
        let words = self.fifo.page(at / WORDS);
        self.page.set((at / WORDS, words));
        words?.get(at % WORDS)
    }
}
