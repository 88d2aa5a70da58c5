//! The clock's own copy of Xen's record.

use core::sync::atomic::{AtomicI8, AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::TimeInfo;

/// There is no record yet; one is being copied; there is one; it is used in any case.
const EMPTY: u8 = 0;
const FILLING: u8 = 1;
const GOOD: u8 = 2;
const HELD: u8 = 3;

/// A private copy of Xen's record. But for the first, written while one processor runs alone, hence without a version.
#[derive(Debug)]
pub(super) struct Kept {
    state: AtomicU8,
    tsc_timestamp: AtomicU64,
    system_time: AtomicU64,
    tsc_to_system_mul: AtomicU32,
    tsc_shift: AtomicI8,
}

impl Kept {
    /// Makes it empty.
    pub(super) const fn new() -> Self {
        Self {
            state: AtomicU8::new(EMPTY),
            tsc_timestamp: AtomicU64::new(0),
            system_time: AtomicU64::new(0),
            tsc_to_system_mul: AtomicU32::new(0),
            tsc_shift: AtomicI8::new(0),
        }
    }

    /// Keeps a record if there is none; one processor of many comes first.
    pub(super) fn keep_first(&self, info: &TimeInfo) {
        let first = |from, to| self.state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if self.state.load(Ordering::Relaxed) == EMPTY && first(EMPTY, FILLING) {
            self.keep(info);
        }
    }

    /// Replaces the record.
    pub(super) fn keep(&self, info: &TimeInfo) {
        self.tsc_timestamp.store(info.tsc_timestamp, Ordering::Relaxed);
        self.system_time.store(info.system_time, Ordering::Relaxed);
        self.tsc_to_system_mul.store(info.tsc_to_system_mul, Ordering::Relaxed);
        self.tsc_shift.store(info.tsc_shift, Ordering::Relaxed);
        // Pairs with the loads in `load` and `held`.
        self.state.store(GOOD, Ordering::Release);
    }

    /// Returns the record.
    pub(super) fn load(&self) -> Option<TimeInfo> {
        matches!(self.state.load(Ordering::Acquire), GOOD | HELD).then(|| self.copy())
    }

    /// Returns the record if it is to be used in any case.
    pub(super) fn held(&self) -> Option<TimeInfo> {
        (self.state.load(Ordering::Acquire) == HELD).then(|| self.copy())
    }

    fn copy(&self) -> TimeInfo {
        TimeInfo {
            tsc_timestamp: self.tsc_timestamp.load(Ordering::Relaxed),
            system_time: self.system_time.load(Ordering::Relaxed),
            tsc_to_system_mul: self.tsc_to_system_mul.load(Ordering::Relaxed),
            tsc_shift: self.tsc_shift.load(Ordering::Relaxed),
        }
    }

    /// Has the record used in any case, if there is one.
    pub(super) fn hold(&self) {
        if self.load().is_some() {
            self.state.store(HELD, Ordering::Relaxed);
        }
    }

    /// Has Xen's own record looked at again.
    pub(super) fn release(&self) {
        if self.held().is_some() {
            self.state.store(GOOD, Ordering::Relaxed);
        }
    }
}
