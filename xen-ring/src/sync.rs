//! The words and cells that the two halves of a front share, which a loom model replaces by loom's.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64};

use core::sync::atomic::Ordering::{self, Acquire, Release};

/// What passes from one half to the other, and by which word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
#[cfg_attr(not(loom), expect(unreachable_pub, reason = "a model names it"))]
pub enum Passing {
    /// An entry with what is in it, by its header.
    Entry,
    /// A free place, by the count of what was consumed.
    Place,
    /// The reason of a poisoning, by its first word.
    Reason,
}

#[cfg(not(loom))]
pub(crate) const fn acquire(_: Passing) -> Ordering {
    Acquire
}

#[cfg(not(loom))]
pub(crate) const fn release(_: Passing) -> Ordering {
    Release
}

#[cfg(loom)]
pub(crate) use model::{acquire, release};

/// Takes an order away from a model, so that it is seen to fail.
#[cfg(loom)]
#[doc(hidden)]
pub mod model {
    extern crate std;

    use core::cell::Cell;
    use core::sync::atomic::Ordering::Relaxed;

    use super::{Acquire, Ordering, Passing, Release};

    // All threads of a model run on one thread of the system.
    std::thread_local!(static MISSING: Cell<Option<Passing>> = const { Cell::new(None) });

    /// Weakens both sides of a word from here on, on this thread of the system.
    pub fn without(passing: Option<Passing>) {
        MISSING.with(|missing| missing.set(passing));
    }

    fn unless(passing: Passing, order: Ordering) -> Ordering {
        MISSING.with(|missing| if missing.get() == Some(passing) { Relaxed } else { order })
    }

    pub(crate) fn acquire(passing: Passing) -> Ordering {
        unless(passing, Acquire)
    }

    pub(crate) fn release(passing: Passing) -> Ordering {
        unless(passing, Release)
    }
}
