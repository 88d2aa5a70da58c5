//! Embassy's executor: what it needs is told of work, and polled.
#![allow(unsafe_code, reason = "embassy's promises")]

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use embassy_executor::Spawner;
use embassy_executor::raw;

/// The tasks of a guest.
pub(crate) struct Executor {
    raw: raw::Executor,
    pended: &'static AtomicBool,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("pended", self.pended).finish_non_exhaustive()
    }
}

/// Embassy calls it when a task was woken.
#[unsafe(export_name = "__pender")]
fn pend(context: *mut ()) {
    // SAFETY: the word that `Executor::new` gave, which stays.
    let pended = unsafe { &*context.cast::<AtomicBool>() };
    pended.store(true, Ordering::Release);
}

impl Executor {
    /// Makes one without tasks.
    pub(crate) fn new(pended: &'static AtomicBool) -> Self {
        Self { raw: raw::Executor::new(core::ptr::from_ref(pended).cast_mut().cast()), pended }
    }

    /// Returns what starts tasks.
    pub(crate) fn spawner(&'static self) -> Spawner {
        self.raw.spawner()
    }

    /// Lets each task have its turn that was woken.
    pub(crate) fn turn(&'static self) {
        if self.pended.swap(false, Ordering::AcqRel) {
            // SAFETY: only here, and no task has the executor.
            unsafe { self.raw.poll() };
        }
    }

    /// Tells whether a task is to have its turn.
    pub(crate) fn is_pended(&self) -> bool {
        self.pended.load(Ordering::Acquire)
    }
}
