//! One request of the table: a number that says whose it is, its id, and what the caller keeps with it.
#![expect(unsafe_code, reason = "two halves of a front reach one entry, by turns")]

#[cfg(not(loom))]
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

#[cfg(loom)]
use loom::cell::UnsafeCell;

use crate::index::Number;
use crate::sync::{AtomicU64, Passing, acquire, release};

/// A place for a request, the submit half's while it is free and the complete half's while it is taken.
#[derive(Debug)]
pub(crate) struct Entry<C> {
    /// The number of the request, or [`Number::NEVER`] while the place is free.
    number: AtomicU64,
    /// The id of the request, or of the last one: changed by the submit half, while the place is free.
    id: AtomicU64,
    content: UnsafeCell<MaybeUninit<C>>,
}

// SAFETY: `content` is reached by `Putter` while free and by `Taker` while taken; the number hands it over, and there is
// one of each for a table (`table.rs` makes them from an exclusive borrow).
unsafe impl<C: Send> Sync for Entry<C> {}

impl<C> Entry<C> {
    /// Makes a free one.
    pub(crate) fn new(id: u64) -> Self {
        let content = UnsafeCell::new(MaybeUninit::uninit());
        Self { number: AtomicU64::new(Number::NEVER.raw()), id: AtomicU64::new(id), content }
    }

    /// Returns the number; what the other half did before it wrote that is done.
    #[inline]
    pub(crate) fn number(&self) -> Number {
        Number::new(self.number.load(acquire(Passing::Entry)))
    }

    #[inline]
    pub(crate) fn is_taken(&self) -> bool {
        self.number() != Number::NEVER
    }

    /// Returns the id; of a request only after [`Entry::number`] was asked.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id.load(Relaxed)
    }

    /// Fills a free entry, whose id goes on by `step`, and returns that; hands the content back if it is not free.
    ///
    /// # Safety
    /// One thread at a time calls this.
    #[inline]
    pub(crate) unsafe fn put(&self, number: Number, step: u64, content: C) -> Result<u64, C> {
        if self.is_taken() {
            return Err(content);
        }
        let id = self.id().wrapping_add(step);
        self.id.store(id, Relaxed);
        // SAFETY: free, so the other half does not reach it, and the caller is the only one of this half.
        self.with(|cell| unsafe { cell.write(MaybeUninit::new(content)) });
        // Content before number; pairs with the acquire in `number`.
        self.number.store(number.raw(), release(Passing::Entry));
        Ok(id)
    }

    /// Looks at the content of an entry that [`Entry::number`] found taken.
    ///
    /// # Safety
    /// One thread at a time calls this and [`Entry::take`], after it saw the entry taken.
    #[inline]
    pub(crate) unsafe fn peek<R>(&self, look: impl FnOnce(&C) -> R) -> R {
        self.with(|cell| {
            // SAFETY: taken, so the other half does not reach it, and the caller is the only one of this half.
            let content = unsafe { &*cell };
            // SAFETY: taken, so it was filled.
            look(unsafe { content.assume_init_ref() })
        })
    }

    /// Empties an entry and frees it.
    ///
    /// # Safety
    /// One thread at a time calls this and [`Entry::peek`], after it saw the entry taken.
    #[inline]
    pub(crate) unsafe fn take(&self) -> C {
        // SAFETY: taken, so the other half does not reach it, and the caller is the only one of this half.
        let content = self.with(|cell| unsafe { cell.read() });
        // Content taken before number; pairs with the acquire in `number`.
        self.number.store(Number::NEVER.raw(), release(Passing::Entry));
        // SAFETY: taken, so it was filled, and freed it is not read again.
        unsafe { content.assume_init() }
    }

    #[cfg(not(loom))]
    #[inline]
    fn with<R>(&self, f: impl FnOnce(*mut MaybeUninit<C>) -> R) -> R {
        f(self.content.get())
    }

    #[cfg(loom)]
    fn with<R>(&self, f: impl FnOnce(*mut MaybeUninit<C>) -> R) -> R {
        self.content.with_mut(f)
    }
}
