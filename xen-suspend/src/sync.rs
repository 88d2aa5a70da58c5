//! The atomics of the rendezvous: the real ones, or loom's where its interleavings are explored.

#[cfg(loom)]
pub(crate) use crate::model::{AtomicBool, AtomicIsize, AtomicU32, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicU32, Ordering};

/// The full barrier.
#[cfg(not(loom))]
pub(crate) fn fence() {
    core::sync::atomic::fence(Ordering::SeqCst);
}

/// Lets a moment pass for a processor that waits.
pub(crate) fn pause() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    core::hint::spin_loop();
}

/// A constructor that is constant, except under loom, whose atomics cannot be.
macro_rules! constructor {
    ($(#[$doc:meta])* pub fn $name:ident($($arg:ident: $type:ty),*) -> Self $body:block) => {
        $(#[$doc])*
        #[must_use]
        #[cfg(not(loom))]
        pub const fn $name($($arg: $type),*) -> Self $body

        $(#[$doc])*
        #[must_use]
        #[cfg(loom)]
        pub fn $name($($arg: $type),*) -> Self $body
    };
}
pub(crate) use constructor;
