//! The words of an entry: the processor's own; loom's, in a model, are in `model.rs`.

use core::sync::atomic::Ordering;

/// A word that Xen reaches too.
pub(crate) trait Word {
    /// What is in it.
    type Value: Copy;

    /// Reads it.
    fn load(&self, order: Ordering) -> Self::Value;

    /// Writes it.
    fn store(&self, value: Self::Value, order: Ordering);

    /// Writes it if it is as `seen`.
    ///
    /// # Errors
    /// What it is instead.
    fn swap_if(&self, seen: Self::Value, new: Self::Value) -> Result<(), Self::Value>;
}

macro_rules! words {
    ($($word:ty => $value:ty),*) => { $(
        impl Word for $word {
            type Value = $value;

            #[inline]
            fn load(&self, order: Ordering) -> $value {
                Self::load(self, order)
            }

            #[inline]
            fn store(&self, value: $value, order: Ordering) {
                Self::store(self, value, order);
            }

            #[inline]
            fn swap_if(&self, seen: $value, new: $value) -> Result<(), $value> {
                self.compare_exchange(seen, new, Ordering::SeqCst, Ordering::Relaxed).map(drop)
            }
        }
    )* };
}

words!(
    core::sync::atomic::AtomicU16 => u16,
    core::sync::atomic::AtomicU32 => u32,
    core::sync::atomic::AtomicU64 => u64
);
