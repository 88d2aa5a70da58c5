//! The words and the lock that processors and Xen race for, which a loom model replaces by loom's.

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(loom)]
pub use model::{AtomicBool, AtomicU8, AtomicU64, Bitmaps, Lack, lack};
#[cfg(loom)]
pub(crate) use model::{Mutex, looks_at_lives, mask, one_change, pending, told};
#[cfg(not(loom))]
pub(crate) use spin::Mutex;

#[cfg(not(loom))]
use core::sync::atomic::AtomicU8;

#[cfg(not(loom))]
use xen_hypercall::{EVENT_WORDS, SharedInfo, VcpuInfo};

/// Events that have come.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn pending(info: &SharedInfo) -> &[AtomicU64; EVENT_WORDS] {
    info.pending()
}

/// Ports that do not disturb.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn mask(info: &SharedInfo) -> &[AtomicU64; EVENT_WORDS] {
    info.mask()
}

/// By what a processor is told of new events, and of the words in which they are.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn told(record: VcpuInfo<'_>) -> (&AtomicU8, &AtomicU64) {
    (record.upcall_pending(), record.pending_sel())
}

/// By how much a change of a slot is counted up; a twin of a model does not count.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn one_change() -> u64 {
    1
}

/// Whether it is looked at which life of a port a claimed event is of; not in a twin of a model.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn looks_at_lives() -> bool {
    true
}
