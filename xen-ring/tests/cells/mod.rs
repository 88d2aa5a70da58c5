//! A tiny page of loom's cells, which can lack one of the things that the algorithm relies on.

use core::cell::Cell;

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, fence};
use xen_ring::{Flags, Words};

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Nothing,
    Fence,
    SecondLook,
    Release,
    Acquire,
    /// Both of the sender's index.
    Sent,
    /// Both of the receiver's index.
    Taken,
}

impl Missing {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Fence => "the fence",
            Self::SecondLook => "the second look",
            Self::Release => "the release",
            Self::Acquire => "the acquire",
            Self::Sent => "the order of what was sent",
            Self::Taken => "the order of what was taken",
        }
    }
}

/// Four header words; behind byte 64 two slots of one word each, or two bytes.
#[derive(Debug)]
pub(crate) struct Cells {
    header: [AtomicU32; 4],
    slots: [AtomicU64; 2],
    bytes: [Byte; 2],
    /// From byte 20 on: live bytes and notify bits of a channel.
    flags: [AtomicU8; 4],
    missing: Missing,
}

/// A byte that two threads may reach only one after the other, each knowing of the other: else loom panics.
#[derive(Debug, Default)]
struct Byte(UnsafeCell<u8>);

// SAFETY: loom looks at each access, and lets no two be concurrent.
unsafe impl Sync for Byte {}

loom::thread_local! {
    /// The index that this thread looked at last, and whether it armed an event after.
    static LOOKED: Cell<(usize, u32, bool)> = Cell::new((usize::MAX, 0, false));
}

impl Cells {
    /// Makes a page for one run of a model; both threads hold it, so it is never freed.
    pub(crate) fn leaked(missing: Missing) -> &'static Self {
        let (header, slots, bytes, flags) = Default::default();
        Box::leak(Box::new(Self { header, slots, bytes, flags, missing }))
    }

    /// Weakens an access to a word if its order is what is missing.
    fn unless(&self, missing: Missing, offset: usize, order: Ordering) -> Ordering {
        let index = [Missing::Taken, Missing::Sent].into_iter().nth(offset / 4);
        if self.missing == missing || Some(self.missing) == index { Relaxed } else { order }
    }
}

impl Words for Cells {
    xen_ring::words_at!();

    fn load(&self, offset: usize) -> u32 {
        let load = || self.header[offset / 4].load(self.unless(Missing::Acquire, offset, Acquire));
        if self.missing != Missing::SecondLook || ![0, 8].contains(&offset) {
            return load();
        }
        // A look at the same index after arming is the second look: it repeats the first.
        LOOKED.with(|looked| {
            let value = match looked.get() {
                (last, value, true) if last == offset => value,
                _ => load(),
            };
            looked.set((offset, value, false));
            value
        })
    }

    fn store(&self, offset: usize, value: u32) {
        self.header[offset / 4].store(value, self.unless(Missing::Release, offset, Release));
        if [4, 12].contains(&offset) {
            LOOKED.with(|looked| looked.set((looked.get().0, looked.get().1, true)));
        }
    }

    fn fence(&self) {
        if self.missing != Missing::Fence {
            fence(SeqCst);
        }
    }

    fn copy_in(&self, offset: usize, to: &mut [u8]) {
        for (at, byte) in to.iter_mut().enumerate() {
            // SAFETY: loom panics before two accesses overlap.
            *byte = self.bytes[offset - 64 + at].0.with(|byte| unsafe { *byte });
        }
    }

    fn copy_out(&self, offset: usize, from: &[u8]) {
        for (at, byte) in from.iter().enumerate() {
            // SAFETY: loom panics before two accesses overlap.
            self.bytes[offset - 64 + at].0.with_mut(|to| unsafe { *to = *byte });
        }
    }

    fn slot_in(&self, offset: usize, to: &mut [u8]) {
        to.copy_from_slice(&self.slots[(offset - 64) / 8].load(Relaxed).to_ne_bytes());
    }

    fn slot_out(&self, offset: usize, from: &[u8]) {
        self.slots[(offset - 64) / 8].store(u64::from_ne_bytes(from.try_into().unwrap()), Relaxed);
    }
}

impl Flags for Cells {
    fn byte(&self, offset: usize) -> u8 {
        self.flags[offset - 20].load(self.unless(Missing::Acquire, usize::MAX, Acquire))
    }

    fn set_byte(&self, offset: usize, value: u8) {
        self.flags[offset - 20].store(value, self.unless(Missing::Release, usize::MAX, Release));
    }

    fn raise(&self, offset: usize, bits: u8) {
        self.flags[offset - 20].fetch_or(bits, Relaxed);
        LOOKED.with(|looked| looked.set((looked.get().0, looked.get().1, true)));
    }

    fn lower(&self, offset: usize, bits: u8) -> bool {
        self.flags[offset - 20].fetch_and(!bits, Relaxed) & bits != 0
    }
}
