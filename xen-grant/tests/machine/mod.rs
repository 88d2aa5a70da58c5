//! Two processors of loom's, of which the first parks the other as a suspend does.

use core::cell::Cell;

use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicU32};
use loom::thread;
use xen_grant::model::{self, Processor};
use xen_hypercall::IrqGate;

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Nothing,
    /// Interrupts stay on in a section.
    Gate,
    /// The first processor goes on before the other has come.
    Wait,
    /// The other comes, or is let go, without an order of what was done before and what after.
    Arrival,
    Release,
}

impl Missing {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Gate => "the gate",
            Self::Wait => "the wait",
            Self::Arrival => "the order of the arrival",
            Self::Release => "the order of the release",
        }
    }

    fn unless(self, other: Self, order: Ordering) -> Ordering {
        if self == other { Relaxed } else { order }
    }
}

loom::thread_local! {
    /// Whether interrupts are on.
    static ON: Cell<bool> = Cell::new(false);
    /// Whether the other processors are parked.
    static DARK: Cell<bool> = Cell::new(false);
}

/// What the two have in common.
#[derive(Debug)]
pub(crate) struct Machine {
    asked: AtomicBool,
    arrived: AtomicBool,
    released: AtomicBool,
    /// Two words that are always equal, and that no lock guards: the other's own, save while it is parked.
    pair: [AtomicU32; 2],
    missing: Missing,
}

impl Machine {
    pub(crate) fn leaked(missing: Missing) -> &'static Self {
        let [asked, arrived, released] = [(); 3].map(|()| AtomicBool::new(false));
        let pair = [(); 2].map(|()| AtomicU32::new(0));
        Box::leak(Box::new(Self { asked, arrived, released, pair, missing }))
    }

    /// Makes this thread the first processor, which no interrupt reaches.
    pub(crate) fn first(&'static self) {
        model::be(self);
    }

    /// Makes this thread the other processor, and lets interrupts in.
    pub(crate) fn other(&'static self) {
        model::be(self);
        ON.with(|on| on.set(true));
    }

    /// Has the other processor parked, does `dark`, and lets it go.
    pub(crate) fn suspend(&self, dark: impl FnOnce()) {
        self.asked.store(true, Release);
        while self.missing != Missing::Wait && !self.arrived.load(Acquire) {
            thread::yield_now();
        }
        DARK.with(|it| it.set(true));
        dark();
        DARK.with(|it| it.set(false));
        self.released.store(true, self.missing.unless(Missing::Release, Release));
    }

    /// Changes the pair; the other processor does so in a section of the gate.
    pub(crate) fn advance(&self) {
        let [first, second] = &self.pair;
        let (one, two) = (first.load(Relaxed), second.load(Relaxed));
        assert_eq!(one, two, "half of a section is seen");
        first.store(one + 1, Relaxed);
        self.instant();
        second.store(two + 1, Relaxed);
    }

    /// Has nothing to do until it was parked.
    pub(crate) fn idle(&self) {
        while !self.arrived.load(Relaxed) {
            self.instant();
            thread::yield_now();
        }
    }
}

impl Processor for Machine {
    /// The interrupt that parks the processor, if interrupts are on and it was sent.
    fn instant(&self) {
        if !ON.with(Cell::get) || self.arrived.load(Relaxed) || !self.asked.load(Acquire) {
            return;
        }
        self.arrived.store(true, self.missing.unless(Missing::Arrival, Release));
        while !self.released.load(Acquire) {
            thread::yield_now();
        }
    }

    fn met_a_held_lock(&self) {
        assert!(!DARK.with(Cell::get), "a held lock is met in the dark");
    }
}

impl IrqGate for Machine {
    type Saved = bool;

    fn off(&self) -> bool {
        self.instant();
        ON.with(|on| on.replace(on.get() && self.missing == Missing::Gate))
    }

    fn restore(&self, saved: bool) {
        ON.with(|on| on.set(saved));
        self.instant();
    }
}
