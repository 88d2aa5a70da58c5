//! Loom's atomics for the rendezvous, which can lack one of the orders that it relies on.
#![allow(clippy::std_instead_of_core, reason = "a model is hosted")]

extern crate std;

use core::cell::Cell;

pub(crate) use loom::sync::atomic::Ordering;
use loom::sync::atomic::{self, Ordering::Relaxed, Ordering::SeqCst};

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Nothing: the model itself.
    Nothing,
    /// What came before a store may come after it.
    Release,
    /// What comes after a load may come before it.
    Acquire,
    /// The full barrier.
    Fence,
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

pub(crate) fn fence() {
    if LACK.get() != Lack::Fence {
        atomic::fence(SeqCst);
    }
}

macro_rules! word {
    ($name:ident, $value:ty) => {
        /// A word of loom's.
        #[derive(Debug)]
        pub(crate) struct $name(atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.0.load(unless(Lack::Acquire, order))
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, unless(Lack::Release, order));
            }
        }
    };
}

word!(AtomicBool, bool);
word!(AtomicIsize, isize);
word!(AtomicU32, u32);

impl AtomicU32 {
    pub(crate) fn fetch_and(&self, value: u32, order: Ordering) -> u32 {
        self.0.fetch_and(value, order)
    }
}
