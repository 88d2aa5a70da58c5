//! A place in any memory, for those that have nothing cheaper: the models, and the tests' adversary.

use crate::Words;
use crate::index::wide;
use crate::words::{Area, Word};

/// Bytes of a memory, reached through the memory's own accesses: a word, or as many as a power of two.
#[derive(Debug)]
#[doc(hidden)]
pub struct At<'w, W> {
    memory: &'w W,
    offset: usize,
    len: usize,
}

impl<'w, W: Words> At<'w, W> {
    /// Finds bytes, if they are within the memory and their number is a power of two.
    pub fn new(memory: &'w W, offset: usize, len: usize) -> Option<Self> {
        let within = offset <= memory.size() && len <= memory.size().wrapping_sub(offset);
        (within && len.is_power_of_two()).then_some(Self { memory, offset, len })
    }

    fn straight(&self, at: u32, len: usize) -> Option<usize> {
        let place = wide(at) & self.len.wrapping_sub(1);
        let straight = len > 0 && len <= self.len.wrapping_sub(place);
        straight.then_some(self.offset.wrapping_add(place))
    }
}

impl<W: Words> Word for At<'_, W> {
    fn load(&self) -> u32 {
        self.memory.load(self.offset)
    }

    fn store(&self, value: u32) {
        self.memory.store(self.offset, value);
    }
}

impl<W: Words> Area for At<'_, W> {
    fn copy_in(&self, at: u32, to: &mut [u8]) -> bool {
        let from = self.straight(at, to.len());
        from.inspect(|from| self.memory.copy_in(*from, to)).is_some()
    }

    fn copy_out(&self, at: u32, from: &[u8]) -> bool {
        self.straight(at, from.len()).inspect(|to| self.memory.copy_out(*to, from)).is_some()
    }
}

/// Has the words and areas of a memory be such places in it.
#[doc(hidden)]
#[macro_export]
macro_rules! words_at {
    () => {
        type Word<'w>
            = $crate::At<'w, Self>
        where
            Self: 'w;
        type Area<'w>
            = $crate::At<'w, Self>
        where
            Self: 'w;

        fn word(&self, offset: usize) -> Option<$crate::At<'_, Self>> {
            $crate::At::new(self, offset, 4)
        }

        fn area(&self, offset: usize, len: usize) -> Option<$crate::At<'_, Self>> {
            $crate::At::new(self, offset, len)
        }
    };
}
