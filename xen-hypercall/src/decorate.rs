//! Hooks around a hook.
#![expect(unsafe_code, reason = "implements and forwards the hook")]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{Hypercall, Number, Word};

/// Counts the hypercalls that pass through it.
#[derive(Debug, Default)]
pub struct Counted<H> {
    inner: H,
    calls: AtomicU64,
}

impl<H> Counted<H> {
    /// Wraps a hook.
    pub const fn new(inner: H) -> Self {
        Self { inner, calls: AtomicU64::new(0) }
    }

    /// Returns how many hypercalls were made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns the hook inside.
    pub const fn inner(&self) -> &H {
        &self.inner
    }
}

// SAFETY: it forwards, so it guarantees what `H` guarantees.
unsafe impl<H: Hypercall> Hypercall for Counted<H> {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        self.calls.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { self.inner.call(number, args) }
    }
}

/// Tells `trace` of every hypercall, after it: number, first argument (the command, for most) and result.
#[derive(Debug)]
pub struct Traced<H, T> {
    inner: H,
    trace: T,
}

impl<H, T: Fn(Number, usize, isize)> Traced<H, T> {
    /// Wraps a hook.
    pub const fn new(inner: H, trace: T) -> Self {
        Self { inner, trace }
    }
}

// SAFETY: it forwards, so it guarantees what `H` guarantees.
unsafe impl<H: Hypercall, T: Fn(Number, usize, isize)> Hypercall for Traced<H, T> {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        let [first, ..] = args;
        // SAFETY: the caller's promise is handed on.
        let result = unsafe { self.inner.call(number, args) };
        (self.trace)(number, first.addr(), result);
        result
    }
}
