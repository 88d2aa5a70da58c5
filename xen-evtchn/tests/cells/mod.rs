//! Loom's words, which can lack one of the things that the algorithms rely on, and Xen's side of both ABIs.

use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use loom::sync::atomic::{AtomicU32, AtomicU64, fence};
use xen_evtchn::model::{Bit, Word};

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Nothing,
    /// The full barrier after a locked instruction.
    Barrier,
    /// That a change is one locked instruction.
    Lock,
    /// The order of two steps.
    Order,
}

impl Missing {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Barrier => "the barrier",
            Self::Lock => "the lock",
            Self::Order => "the order",
        }
    }
}

macro_rules! words {
    ($($name:ident($atomic:ident): $value:ty),*) => {
        $(#[derive(Debug)]
        pub(crate) struct $name(pub(crate) $atomic, Missing);

        impl $name {
            pub(crate) fn new(value: $value, missing: Missing) -> Self {
                Self($atomic::new(value), missing)
            }

            /// Not a locked instruction, as a twin has it.
            fn torn(&self, change: impl Fn($value) -> $value) -> $value {
                let seen = self.0.load(Acquire);
                self.0.store(change(seen), Release);
                seen
            }
        }

        impl Word for $name {
            type Value = $value;

            fn load(&self) -> $value {
                self.0.load(Acquire)
            }

            fn swap(&self, value: $value) -> $value {
                self.0.swap(value, AcqRel)
            }

            fn set(&self, bits: $value) -> $value {
                if self.1 == Missing::Lock { self.torn(|seen| seen | bits) } else { self.0.fetch_or(bits, AcqRel) }
            }

            fn clear(&self, bits: $value) -> $value {
                if self.1 == Missing::Lock { self.torn(|seen| seen & !bits) } else { self.0.fetch_and(!bits, AcqRel) }
            }

            fn exchange(&self, from: $value, to: $value) -> Result<(), $value> {
                if self.1 == Missing::Lock {
                    let seen = self.0.load(Acquire);
                    if seen == from {
                        self.0.store(to, Release);
                    }
                    return if seen == from { Ok(()) } else { Err(seen) };
                }
                self.0.compare_exchange(from, to, AcqRel, Acquire).map(drop)
            }

            fn barrier(&self) {
                if self.1 != Missing::Barrier {
                    fence(SeqCst);
                }
            }
        })*
    };
}

words!(Word32(AtomicU32): u32, Word64(AtomicU64): u64);

/// A word of the bitmaps, and what Xen tells of it.
#[derive(Debug)]
pub(crate) struct Bitmap {
    pub(crate) pending: Word64,
    pub(crate) mask: Word64,
    pub(crate) select: Word64,
}

impl Bitmap {
    pub(crate) fn leaked(pending: u64, mask: u64, missing: Missing) -> &'static Self {
        let [pending, mask, select] = [pending, mask, 0].map(|value| Word64::new(value, missing));
        Box::leak(Box::new(Self { pending, mask, select }))
    }

    pub(crate) fn bit(&self, bit: u64) -> Bit<'_, Word64> {
        Bit { pending: &self.pending, mask: &self.mask, bit }
    }

    /// Sends an event as Xen does, with locked instructions that are full barriers; tells whether it calls the guest.
    pub(crate) fn raise(&self, bit: u64) -> bool {
        let was = self.pending.0.fetch_or(bit, AcqRel);
        fence(SeqCst);
        if was & bit != 0 || self.mask.0.load(Acquire) & bit != 0 {
            return false;
        }
        self.select.0.fetch_or(1, AcqRel) & 1 == 0
    }
}

pub(crate) const PENDING: u32 = 1 << 31;
pub(crate) const MASKED: u32 = 1 << 30;
pub(crate) const LINKED: u32 = 1 << 29;
const BUSY: u32 = 1 << 28;
const LINK: u32 = (1 << 17) - 1;
/// The one queue that is used.
pub(crate) const QUEUE: usize = 7;

/// Words of ports 1 and 2, and a control block.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) words: [Word32; 3],
    pub(crate) ready: Word32,
    pub(crate) heads: [Word32; 16],
}

impl Words {
    pub(crate) fn leaked(words: [u32; 3], (head, ready): (u32, u32), missing: Missing) -> &'static Self {
        // What is of one thread alone is no word of loom's to be explored: the other heads are never looked at.
        let heads = std::array::from_fn(|at| Word32::new(if at == QUEUE { head } else { 0 }, Missing::Nothing));
        let words = words.map(|word| Word32::new(word, missing));
        Box::leak(Box::new(Self { words, ready: Word32::new(ready, Missing::Nothing), heads }))
    }

    /// Sends an event as Xen does, in its lock of the queue, whose last port is `tail`; tells whether it calls the guest.
    pub(crate) fn raise(&self, port: u32, tail: &mut u32) -> bool {
        let word = &self.words[port as usize].0;
        word.fetch_or(PENDING, AcqRel);
        fence(SeqCst);
        if word.load(Acquire) & MASKED != 0 || word.fetch_or(LINKED, AcqRel) & LINKED != 0 {
            return false;
        }
        if *tail == port {
            *tail = 0;
        }
        let linked = *tail != 0 && self.link(*tail, port);
        *tail = port;
        if linked {
            return false;
        }
        self.heads[QUEUE].0.store(port, Release);
        self.ready.0.fetch_or(1 << QUEUE, AcqRel) & 1 << QUEUE == 0
    }

    /// Links the last word of the queue to the new one, unless the guest has taken it out: busy from the second try on.
    fn link(&self, tail: u32, port: u32) -> bool {
        let word = &self.words[tail as usize].0;
        for _ in 0..4 {
            let seen = word.load(Acquire);
            if seen & LINKED == 0 {
                word.fetch_and(!BUSY, AcqRel);
                return false;
            }
            if word.compare_exchange(seen, seen & !(BUSY | LINK) | port, AcqRel, Acquire).is_ok() {
                return true;
            }
            word.fetch_or(BUSY, AcqRel);
        }
        panic!("the guest changed a linked word more often than it may");
    }

    /// What `EVTCHNOP_unmask` does.
    pub(crate) fn unmask(&self, port: u32, tail: &mut u32) {
        self.words[port as usize].0.fetch_and(!MASKED, AcqRel);
        if self.words[port as usize].0.load(Relaxed) & PENDING != 0 {
            self.raise(port, tail);
        }
    }
}
