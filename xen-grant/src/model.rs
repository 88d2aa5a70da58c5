//! Loom's lock and words in place of the real ones, and the instants at which an interrupt may come.
//!
//! Loom's objects belong to one execution and have no constant constructor. These are made at their first use, so that
//! the crate itself need not know.
#![allow(clippy::expect_used, clippy::std_instead_of_core, reason = "a panic is a failed model")]

extern crate std;

mod lack;
mod parts;

pub use lack::{Lack, lack};
pub(crate) use lack::{full_fence, in_vain, looks_again, one_change, released};
pub use parts::{Entry1, Entry2, List};

use core::cell::Cell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering;
use std::sync::{MutexGuard, OnceLock};

use loom::sync::atomic;
use loom::thread;

/// What a model has to do with a thread of it, which stands for a processor.
pub trait Processor: Sync {
    /// An instant between two accesses of the free list: an interrupt comes here or does not.
    fn instant(&self);

    /// The lock is held by another processor.
    fn met_a_held_lock(&self);
}

loom::thread_local! {
    static THIS: Cell<Option<&'static dyn Processor>> = Cell::new(None);
}

/// Makes this thread a processor.
pub fn be(processor: &'static dyn Processor) {
    THIS.with(|this| this.set(Some(processor)));
}

fn instant() {
    this(|processor| processor.instant());
}

fn this(tell: impl Fn(&dyn Processor)) {
    if let Some(processor) = THIS.with(Cell::get) {
        tell(processor);
    }
}

macro_rules! word {
    ($name:ident, $value:ty) => {
        /// A word of loom's.
        #[derive(Debug, Default)]
        pub(crate) struct $name {
            first: $value,
            word: OnceLock<atomic::$name>,
        }

        impl $name {
            pub(crate) const fn new(first: $value) -> Self {
                Self { first, word: OnceLock::new() }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                instant();
                self.word().load(order)
            }

            fn word(&self) -> &atomic::$name {
                self.word.get_or_init(|| atomic::$name::new(self.first))
            }
        }
    };
}

word!(AtomicU32, u32);
word!(AtomicU64, u64);

impl AtomicU32 {
    pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        instant();
        self.word().fetch_add(value, order)
    }
}

impl AtomicU64 {
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        instant();
        self.word().store(value, order);
    }

    pub(crate) fn compare_exchange(&self, seen: u64, new: u64, ok: Ordering, no: Ordering) -> Result<u64, u64> {
        instant();
        self.word().compare_exchange(seen, new, ok, no)
    }
}

/// A lock as `spin` has it: an exchange to take it, a store to give it back.
#[derive(Debug)]
pub(crate) struct Mutex<T> {
    held: OnceLock<atomic::AtomicBool>,
    value: std::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { held: OnceLock::new(), value: std::sync::Mutex::new(value) }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        instant();
        let held = self.held.get_or_init(|| atomic::AtomicBool::new(false));
        while held.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            this(|processor| processor.met_a_held_lock());
            thread::yield_now();
        }
        let value = self.value.try_lock().expect("the lock excludes others");
        Guard { held, value: Some(value) }
    }
}

/// The value while the lock is held.
pub(crate) struct Guard<'m, T> {
    held: &'m atomic::AtomicBool,
    value: Option<MutexGuard<'m, T>>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("held")
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("held")
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // An execution that failed is over, and loom's objects with it.
        if thread::panicking() {
            core::mem::forget(self.value.take());
            return;
        }
        instant();
        self.value = None;
        self.held.store(false, Ordering::Release);
    }
}
