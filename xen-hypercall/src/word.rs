//! The hook through which everything reaches Xen.
#![expect(unsafe_code, reason = "the hook is a promise")]

use core::fmt;

/// The number of a hypercall.
///
/// # Xen
/// `__HYPERVISOR_*` of `xen.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub usize);

impl Number {
    /// `memory_op`: the guest's physical memory map.
    pub const MEMORY_OP: Self = Self(12);
    /// `xen_version`: what Xen is and offers.
    pub const XEN_VERSION: Self = Self(17);
    /// `console_io`: the hypervisor's own console.
    pub const CONSOLE_IO: Self = Self(18);
    /// `grant_table_op`: sharing pages between domains.
    pub const GRANT_TABLE_OP: Self = Self(20);
    /// `vcpu_op`: virtual processors.
    pub const VCPU_OP: Self = Self(24);
    /// `sched_op`: yield, poll, shut down.
    pub const SCHED_OP: Self = Self(29);
    /// `event_channel_op`: event channels.
    pub const EVENT_CHANNEL_OP: Self = Self(32);
    /// `hvm_op`: parameters of HVM and PVH guests.
    pub const HVM_OP: Self = Self(34);
}

/// One argument of a hypercall: a number, or a pointer with its provenance.
///
/// It lives on the stack of one call only, hence it is neither `Send` nor `Sync`.
///
/// Does not compile: no other thread has it.
/// ```compile_fail,E0277
/// # fn wrong(word: xen_hypercall::Word) {
/// std::thread::spawn(move || word.addr());
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Word(*mut ());

impl Word {
    /// The argument 0.
    pub const ZERO: Self = Self::int(0);

    /// Makes an argument of a number.
    #[must_use]
    pub const fn int(value: usize) -> Self {
        Self(core::ptr::without_provenance_mut(value))
    }

    /// Makes an argument of the address of memory that Xen may read and write.
    #[must_use]
    pub const fn ptr<T: ?Sized>(value: *mut T) -> Self {
        Self(value.cast())
    }

    /// Makes an argument of the address of memory that Xen only reads.
    #[must_use]
    pub const fn read<T: ?Sized>(value: *const T) -> Self {
        Self(value.cast_mut().cast())
    }

    /// Returns the number, or the pointer's address.
    #[must_use]
    pub fn addr(self) -> usize {
        self.0.addr()
    }

    /// Returns the pointer; without provenance if the argument is a number.
    #[must_use]
    pub const fn as_ptr<T>(self) -> *mut T {
        self.0.cast()
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.addr())
    }
}

/// Passes a hypercall to Xen.
///
/// The one hook that an embedder or a mock implements. Decorators such as [`Counted`](crate::Counted) wrap another hook.
///
/// # Safety
/// The implementer guarantees: 1. the words reach Xen unchanged; 2. the memory that they point to is visible to Xen
/// until the call returns; 3. the result is what Xen returned.
pub unsafe trait Hypercall {
    /// Makes the hypercall `number` and returns Xen's result unchanged.
    ///
    /// # Safety
    /// The caller guarantees that `args` are what the ABI of `number` asks for, and that whatever the operation does to
    /// memory it may do.
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize;
}

// SAFETY: it forwards, so it guarantees what `H` guarantees.
unsafe impl<H: Hypercall + ?Sized> Hypercall for &H {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        // SAFETY: the caller's promise is handed on.
        unsafe { (**self).call(number, args) }
    }
}
