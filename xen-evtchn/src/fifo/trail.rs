//! The way from word to word along a queue.

use core::cell::Cell;
use core::sync::atomic::AtomicU32;

use super::{Fifo, WORDS};

/// Finds event words, one after the other: neighbours are in the same page as a rule, which it remembers.
#[derive(Debug)]
pub(crate) struct Trail<'f, 's> {
    fifo: &'f Fifo<'s>,
    page: Cell<(usize, Option<&'s [AtomicU32; WORDS]>)>,
}

impl<'f, 's> Trail<'f, 's> {
    #[inline]
    pub(crate) fn new(fifo: &'f Fifo<'s>) -> Self {
        Self { fifo, page: Cell::new((0, fifo.page(0))) }
    }

    /// Returns the word of a port, if Xen knows of it: in the 2-level ABI, of none.
    #[inline]
    pub(crate) fn word(&self, port: u32) -> Option<&'s AtomicU32> {
        if port >= self.fifo.words() {
            return None;
        }
        let at = usize::try_from(port).ok()?;
        let (number, words) = self.page.get();
        if at / WORDS == number {
            return words?.get(at % WORDS);
        }
        self.turn(at / WORDS);
        self.page.get().1?.get(at % WORDS)
    }

    #[cold]
    fn turn(&self, number: usize) {
        self.page.set((number, self.fifo.page(number)));
    }
}
