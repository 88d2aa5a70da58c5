//! Lock, words and fence of the table, which a loom model replaces by loom's.

#[cfg(loom)]
pub(crate) use crate::model::{AtomicU32, AtomicU64, Mutex, full_fence, in_vain, looks_again, one_change, released};
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

/// The order of a store that others are to see after what came before it; a twin of a model has none.
#[cfg(not(loom))]
#[inline]
pub(crate) const fn released() -> core::sync::atomic::Ordering {
    core::sync::atomic::Ordering::Release
}

/// By how much a change of a link is counted up; a twin of a model does not count.
#[cfg(not(loom))]
#[inline]
pub(crate) const fn one_change() -> u32 {
    1
}

/// Whether the end of a queue is looked at again after its entry was; not in a twin of a model.
#[cfg(not(loom))]
#[inline]
pub(crate) const fn looks_again() -> bool {
    true
}

/// Another processor had its way: another turn.
#[cfg(not(loom))]
#[inline]
pub(crate) fn in_vain() {
    core::hint::spin_loop();
}
