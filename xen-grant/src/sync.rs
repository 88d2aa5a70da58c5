//! The lock and the words of the free list, which a loom model replaces by loom's.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::AtomicU32;
#[cfg(not(loom))]
pub(crate) use spin::Mutex;

#[cfg(loom)]
pub(crate) use crate::model::{AtomicU32, Mutex};
