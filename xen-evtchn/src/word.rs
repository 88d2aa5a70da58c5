//! The words that Xen and the guest change beside each other: the real ones, or a model's.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A word that several parties change at any moment.
#[doc(hidden)]
pub trait Word {
    /// What it holds.
    type Value: Copy;

    /// Returns what it holds.
    fn load(&self) -> Self::Value;
    /// Puts a value in and returns what was there.
    fn swap(&self, value: Self::Value) -> Self::Value;
    /// Sets bits and returns what was there.
    fn set(&self, bits: Self::Value) -> Self::Value;
    /// Clears bits and returns what was there.
    fn clear(&self, bits: Self::Value) -> Self::Value;
    /// Puts `to` in if `from` is there.
    ///
    /// # Errors
    /// What is there instead.
    fn exchange(&self, from: Self::Value, to: Self::Value) -> Result<(), Self::Value>;
    /// Orders the change that was made just before against loads that follow.
    fn barrier(&self);
}

macro_rules! words {
    ($($atomic:ident: $value:ty),*) => {
        $(impl Word for $atomic {
            type Value = $value;

            #[inline]
            fn load(&self) -> $value {
                self.load(Ordering::SeqCst)
            }

            #[inline]
            fn swap(&self, value: $value) -> $value {
                self.swap(value, Ordering::SeqCst)
            }

            #[inline]
            fn set(&self, bits: $value) -> $value {
                self.fetch_or(bits, Ordering::SeqCst)
            }

            #[inline]
            fn clear(&self, bits: $value) -> $value {
                self.fetch_and(!bits, Ordering::SeqCst)
            }

            #[inline]
            fn exchange(&self, from: $value, to: $value) -> Result<(), $value> {
                self.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).map(drop)
            }

            #[inline]
            fn barrier(&self) {
                // The change was a locked instruction, a full barrier itself. Elsewhere it need not be one.
                #[cfg(target_arch = "x86_64")]
                core::sync::atomic::compiler_fence(Ordering::SeqCst);
                #[cfg(not(target_arch = "x86_64"))]
                core::sync::atomic::fence(Ordering::SeqCst);
            }
        })*
    };
}

words!(AtomicU32: u32, AtomicU64: u64);
