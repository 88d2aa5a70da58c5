//! One request of the table: a header that says whose it is, and what the caller keeps with it.
#![expect(unsafe_code, reason = "two halves of a front reach one entry, by turns")]

#[cfg(not(loom))]
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

#[cfg(loom)]
use loom::cell::UnsafeCell;

use crate::index::Index;
use crate::sync::{AtomicU64, Passing, acquire, release};

/// A place for a request, the submit half's while it is free and the complete half's while it is taken.
///
/// The header has the request's number in its lower half. The upper half counts the turns: even is taken, odd is free.
#[derive(Debug)]
pub(crate) struct Entry<C> {
    header: AtomicU64,
    content: UnsafeCell<MaybeUninit<C>>,
}

// SAFETY: `content` is reached by `Putter` while free and by `Taker` while taken; the header hands it over, and there is
// one of each for a table (`table.rs` makes them from an exclusive borrow).
unsafe impl<C: Send> Sync for Entry<C> {}

/// What the header of an entry says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header(u64);

/// One turn.
const TURN: u64 = 1 << 32;

impl Header {
    #[inline]
    pub(crate) const fn is_taken(self) -> bool {
        self.0 & TURN == 0
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        high(self.0) >> 1
    }

    #[inline]
    pub(crate) const fn number(self) -> Index {
        Index::new(low(self.0))
    }
}

impl<C> Entry<C> {
    pub(crate) fn new() -> Self {
        Self { header: AtomicU64::new(TURN), content: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Returns the header; what the other half did before it wrote that is done.
    #[inline]
    pub(crate) fn header(&self) -> Header {
        Header(self.header.load(acquire(Passing::Entry)))
    }

    /// Fills a free entry and returns its new generation; hands the content back if it is not free.
    ///
    /// # Safety
    /// One thread at a time calls this.
    #[inline]
    pub(crate) unsafe fn put(&self, number: Index, content: C) -> Result<u32, C> {
        let free = self.header();
        if free.is_taken() {
            return Err(content);
        }
        // SAFETY: free, so the other half does not reach it, and the caller is the only one of this half.
        self.with(|cell| unsafe { cell.write(MaybeUninit::new(content)) });
        let taken = Header(join(high(free.0.wrapping_add(TURN)), number.raw()));
        // Content before header; pairs with the acquire in `header`.
        self.header.store(taken.0, release(Passing::Entry));
        Ok(taken.generation())
    }

    /// Looks at the content of an entry that `header` found taken.
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

    /// Empties an entry and frees it; `taken` is its header.
    ///
    /// # Safety
    /// One thread at a time calls this and [`Entry::peek`], after it saw the entry taken.
    #[inline]
    pub(crate) unsafe fn take(&self, taken: Header) -> C {
        // SAFETY: taken, so the other half does not reach it, and the caller is the only one of this half.
        let content = self.with(|cell| unsafe { cell.read() });
        // Content taken before header; pairs with the acquire in `header`.
        self.header.store(taken.0.wrapping_add(TURN), release(Passing::Entry));
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

const fn join(high: u32, low: u32) -> u64 {
    #[expect(clippy::as_conversions, reason = "widening, in const context")]
    ((high as u64) << 32 | low as u64)
}

#[expect(clippy::as_conversions, reason = "the lower half")]
const fn low(word: u64) -> u32 {
    (word & 0xffff_ffff) as u32
}

#[expect(clippy::as_conversions, reason = "the upper half")]
const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}
