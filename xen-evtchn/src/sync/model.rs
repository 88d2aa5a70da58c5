//! Loom's words and lock, and what a twin of a model takes away.
//!
//! Loom's objects belong to one execution and have no constant constructor. These are made at their first use, so that the crate
//! itself need not know.
#![allow(clippy::expect_used, clippy::std_instead_of_core, reason = "a panic is a failed model")]

extern crate std;

use core::cell::Cell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use std::sync::{MutexGuard, OnceLock};

use loom::sync::atomic;
use xen_hypercall::{EVENT_WORDS, SharedInfo, VcpuInfo};

use crate::word::Word;

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Nothing: the model itself.
    Nothing,
    /// Changes of slots are not counted.
    Count,
    /// It does not matter of which life of a port a claimed event is.
    Life,
}

std::thread_local! {
    /// All threads of a model are on one thread of the system.
    static LACK: Cell<Lack> = const { Cell::new(Lack::Nothing) };
}

/// Takes something away from the execution that begins.
pub fn lack(what: Lack) {
    LACK.set(what);
}

pub(crate) fn one_change() -> u64 {
    u64::from(LACK.get() != Lack::Count)
}

pub(crate) fn looks_at_lives() -> bool {
    LACK.get() != Lack::Life
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident: $value:ty) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name {
            first: $value,
            word: OnceLock<atomic::$name>,
        }

        impl $name {
            pub(crate) const fn new(first: $value) -> Self {
                Self { first, word: OnceLock::new() }
            }

            fn word(&self) -> &atomic::$name {
                self.word.get_or_init(|| atomic::$name::new(self.first))
            }

            /// Returns what it holds.
            pub fn load(&self, order: Ordering) -> $value {
                self.word().load(order)
            }

            /// Puts a value in.
            pub fn store(&self, value: $value, order: Ordering) {
                // Loom would not put a store behind another thread's exchange that it cannot be part of: this has its place.
                self.word().swap(value, order);
            }

            /// Puts a value in and returns what was there.
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.word().swap(value, order)
            }
        }
    };
}

word!(
    /// A flag of loom's.
    AtomicBool: bool
);
word!(
    /// A byte of loom's.
    AtomicU8: u8
);
word!(
    /// A word of loom's.
    AtomicU64: u64
);

impl AtomicU64 {
    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.word().fetch_add(value, order)
    }

    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        change: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        self.word().fetch_update(set, fetch, change)
    }
}

/// As the real ones: all accesses and barriers are whole.
impl Word for AtomicU64 {
    type Value = u64;

    fn load(&self) -> u64 {
        self.word().load(SeqCst)
    }

    fn swap(&self, value: u64) -> u64 {
        self.word().swap(value, SeqCst)
    }

    fn set(&self, bits: u64) -> u64 {
        self.word().fetch_or(bits, SeqCst)
    }

    fn clear(&self, bits: u64) -> u64 {
        self.word().fetch_and(!bits, SeqCst)
    }

    fn exchange(&self, from: u64, to: u64) -> Result<(), u64> {
        self.word().compare_exchange(from, to, SeqCst, SeqCst).map(drop)
    }

    fn barrier(&self) {
        atomic::fence(SeqCst);
    }
}

/// What Xen shares with the one processor of a model that takes events.
#[derive(Debug)]
pub struct Bitmaps {
    /// Events that have come.
    pub pending: [AtomicU64; EVENT_WORDS],
    /// Ports that do not disturb.
    pub mask: [AtomicU64; EVENT_WORDS],
    /// The processor is told.
    pub upcall: AtomicU8,
    /// The words in which there are events.
    pub selector: AtomicU64,
}

loom::lazy_static! {
    static ref BITMAPS: Bitmaps = Bitmaps {
        pending: [const { AtomicU64::new(0) }; EVENT_WORDS],
        mask: [const { AtomicU64::new(0) }; EVENT_WORDS],
        upcall: AtomicU8::new(0),
        selector: AtomicU64::new(0),
    };
}

impl Bitmaps {
    /// Returns those of the execution.
    #[must_use]
    pub fn this() -> &'static Self {
        &BITMAPS
    }
}

pub(crate) fn pending(_: &SharedInfo) -> &'static [AtomicU64; EVENT_WORDS] {
    &Bitmaps::this().pending
}

pub(crate) fn mask(_: &SharedInfo) -> &'static [AtomicU64; EVENT_WORDS] {
    &Bitmaps::this().mask
}

pub(crate) fn told(_: VcpuInfo<'_>) -> (&'static AtomicU8, &'static AtomicU64) {
    let this = Bitmaps::this();
    (&this.upcall, &this.selector)
}

/// A lock as `spin` has it: an exchange to take it, a store to give it back.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T> {
    held: OnceLock<atomic::AtomicBool>,
    value: std::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { held: OnceLock::new(), value: std::sync::Mutex::new(value) }
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let held = self.held.get_or_init(|| atomic::AtomicBool::new(false));
        while held.compare_exchange(false, true, Acquire, Relaxed).is_err() {
            loom::thread::yield_now();
        }
        Guard { held, value: Some(self.value.try_lock().expect("the lock excludes others")) }
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
        self.value = None;
        // An execution that failed is over, and loom's objects with it.
        if !loom::thread::panicking() {
            self.held.store(false, Release);
        }
    }
}
