//! Lock, words and fence of the table, which a loom model replaces by loom's.

#[cfg(loom)]
pub(crate) use crate::model::{AtomicU32, AtomicU64, Mutex, full_fence};
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};
#[cfg(not(loom))]
pub(crate) use spin::Mutex;

/// The full barrier.
#[cfg(not(loom))]
#[inline]
pub(crate) fn full_fence() {
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}
