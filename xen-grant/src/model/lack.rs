//! What a twin of a model takes away from the crate's own code, and loom's words, which may lack it.

extern crate std;

use core::sync::atomic::Ordering::{self, Relaxed, SeqCst};
use std::cell::Cell;

use loom::sync::atomic;

use crate::word::Word;

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Nothing: the model itself.
    Nothing,
    /// What came before a store may come after it.
    Release,
    /// What comes after a load, or a swap, may come before it.
    Acquire,
    /// A swap does not compare.
    Compare,
    /// The full barrier.
    Fence,
    /// Changes of a link are not counted.
    Count,
    /// The end of the queue is not looked at again.
    Look,
}

std::thread_local! {
    /// All threads of a model are on one thread of the system.
    static LACK: Cell<Lack> = const { Cell::new(Lack::Nothing) };
}

/// Takes something away from the execution that begins.
pub fn lack(what: Lack) {
    LACK.set(what);
}

fn unless(what: Lack, order: Ordering) -> Ordering {
    if LACK.get() == what { Relaxed } else { order }
}

pub(crate) fn full_fence() {
    if LACK.get() != Lack::Fence {
        atomic::fence(SeqCst);
    }
}

pub(crate) fn released() -> Ordering {
    unless(Lack::Release, Ordering::Release)
}

pub(crate) fn in_vain() {
    loom::thread::yield_now();
}

pub(crate) fn one_change() -> u32 {
    u32::from(LACK.get() != Lack::Count)
}

pub(crate) fn looks_again() -> bool {
    LACK.get() != Lack::Look
}

macro_rules! words {
    ($($word:ty => $value:ty),*) => { $(
        impl Word for $word {
            type Value = $value;

            fn load(&self, order: Ordering) -> $value {
                Self::load(self, unless(Lack::Acquire, order))
            }

            fn store(&self, value: $value, order: Ordering) {
                Self::store(self, value, unless(Lack::Release, order));
            }

            fn swap_if(&self, seen: $value, new: $value) -> Result<(), $value> {
                if LACK.get() == Lack::Compare {
                    Self::store(self, new, SeqCst);
                    return Ok(());
                }
                let order = unless(Lack::Acquire, SeqCst);
                self.compare_exchange(seen, new, order, Relaxed).map(drop)
            }
        }
    )* };
}

words!(atomic::AtomicU16 => u16, atomic::AtomicU32 => u32, atomic::AtomicU64 => u64);
