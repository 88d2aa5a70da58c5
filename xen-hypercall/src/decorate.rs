//! Hooks around a hook.
#![expect(unsafe_code, reason = "implements and forwards the hook")]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{Errno, Hypercall, Number, Word};

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

/// Makes hypercalls fail where a plan says so, and passes on all others.
///
/// The plan is asked before each hypercall: its number, its first argument (the command, for most), and how many have
/// been made through this hook before, failed ones too. What it returns is the result, and the hook inside is not
/// reached; `None` lets the hypercall be made. It is an [`Errno`], so that a failure is never a success in disguise: take
/// [`Errno::exact`]`(raw).err()` for a code that has no name, or for a positive result.
///
/// # Example
/// The second parameter that is asked for fails, once.
/// ```
/// use core::cell::Cell;
/// use xen_hypercall::op::hvm::{self, Param};
/// use xen_hypercall::{Errno, Faulty, Number};
/// use xen_mock::Host;
///
/// let host = Host::builder().build();
/// let asked = Cell::new(0);
/// let xen = Faulty::new(host.guest().hook(), |number, cmd, _nth| {
///     if (number, cmd) == (Number::HVM_OP, 1) {
///         asked.set(asked.get() + 1);
///     }
///     (asked.get() == 2).then_some(Errno::ENOMEM)
/// });
/// assert!(hvm::param(&xen, Param::STORE_PFN).is_ok());
/// assert_eq!(hvm::param(&xen, Param::STORE_EVTCHN), Err(Errno::ENOMEM));
/// ```
#[derive(Debug)]
pub struct Faulty<H, P> {
    inner: H,
    plan: P,
    calls: AtomicU64,
}

impl<H, P: Fn(Number, usize, u64) -> Option<Errno>> Faulty<H, P> {
    /// Wraps a hook.
    pub const fn new(inner: H, plan: P) -> Self {
        Self { inner, plan, calls: AtomicU64::new(0) }
    }
}

// SAFETY: it forwards; the result of a call that is not made is not 0, so that nobody takes it for done.
unsafe impl<H: Hypercall, P: Fn(Number, usize, u64) -> Option<Errno>> Hypercall for Faulty<H, P> {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        let [first, ..] = args;
        let nth = self.calls.fetch_add(1, Ordering::Relaxed);
        match (self.plan)(number, first.addr(), nth) {
            Some(errno) => errno.raw(),
            // SAFETY: the caller's promise is handed on.
            None => unsafe { self.inner.call(number, args) },
        }
    }
}
