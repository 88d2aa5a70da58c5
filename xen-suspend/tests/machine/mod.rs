//! Two processors of loom's, of which the first parks the other by the rendezvous.

use core::cell::Cell;

use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use xen_grant::model::{self as grant, Processor};
use xen_hypercall::{IrqGate, Vcpu};
use xen_suspend::model::{Lack, lack};
use xen_suspend::{Class, Order, Rendezvous, Seat, Stage};

/// What a twin takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Nothing,
    /// Interrupts stay on in a section.
    Gate,
    /// The first processor goes on before the other has come.
    Wait,
    /// It goes on before its order is carried out.
    Done,
    /// Something within the rendezvous.
    Its(Lack),
}

impl Missing {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing | Self::Its(Lack::Nothing) => "nothing",
            Self::Gate => "the gate",
            Self::Wait => "the wait for the other",
            Self::Done => "the wait for what it was told",
            Self::Its(Lack::Release) => "the release",
            Self::Its(Lack::Acquire) => "the acquire",
            Self::Its(Lack::Fence) => "the fence",
        }
    }
}

/// The other processor.
pub(crate) const OTHER: Vcpu = Vcpu(1);

const ORDER: Order = Order { stage: Stage::PerVcpu, class: Class::New };

loom::thread_local! {
    /// Whether interrupts are on.
    static ON: Cell<bool> = Cell::new(false);
    /// Whether the other processor is parked.
    static DARK: Cell<bool> = Cell::new(false);
}

/// What the two have in common.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) rendezvous: Rendezvous<'static>,
    /// Two words that are always equal, and that no lock guards: the other's own, save while it is parked.
    pair: [AtomicU32; 2],
    missing: Missing,
}

impl Machine {
    /// Makes a machine for one execution; both threads hold it, so it is never freed.
    pub(crate) fn leaked(missing: Missing) -> &'static Self {
        lack(if let Missing::Its(what) = missing { what } else { Lack::Nothing });
        let seats = Box::leak(Box::new([Seat::new(), Seat::new()]));
        let (rendezvous, pair) = (Rendezvous::new(seats), [(); 2].map(|()| AtomicU32::new(0)));
        Box::leak(Box::new(Self { rendezvous, pair, missing }))
    }

    /// Runs `work` on the other processor, where interrupts come; then it goes down.
    pub(crate) fn other<T: 'static>(&'static self, work: impl FnOnce() -> T + 'static) -> thread::JoinHandle<T> {
        thread::spawn(move || {
            grant::be(self);
            ON.with(|on| on.set(true));
            let result = work();
            ON.with(|on| on.set(false));
            self.rendezvous.leave(OTHER);
            result
        })
    }

    /// On the first processor, which no interrupt reaches: has the other parked, does `dark`, and lets it go.
    pub(crate) fn suspend(&'static self, dark: impl FnOnce()) {
        grant::be(self);
        self.rendezvous.call();
        self.until(Missing::Wait, || self.rendezvous.all_here());
        DARK.with(|it| it.set(true));
        dark();
        DARK.with(|it| it.set(false));
        self.rendezvous.dismiss();
    }

    /// As [`Machine::suspend`], with a deadline that has passed: the other is here now, or is let go again.
    pub(crate) fn attempt(&self, dark: impl FnOnce()) {
        self.rendezvous.call();
        if self.missing == Missing::Wait || self.rendezvous.all_here() {
            dark();
        }
        self.rendezvous.dismiss();
    }

    /// In the dark: has the other change the pair.
    pub(crate) fn tell(&self) {
        self.rendezvous.order(ORDER);
        self.until(Missing::Done, || self.rendezvous.all_done(ORDER).is_some());
    }

    fn until(&self, twin: Missing, ready: impl Fn() -> bool) {
        while self.missing != twin && !ready() {
            thread::yield_now();
        }
    }

    /// Changes the pair.
    pub(crate) fn advance(&self) {
        let [first, second] = &self.pair;
        let (one, two) = (first.load(Relaxed), second.load(Relaxed));
        assert_eq!(one, two, "half of a section is seen");
        first.store(one + 1, Relaxed);
        self.instant();
        second.store(two + 1, Relaxed);
    }
}

impl Processor for Machine {
    /// The interrupt that parks the processor, if interrupts are on and it is called.
    fn instant(&self) {
        if ON.with(|on| on.replace(false)) {
            self.rendezvous.attend(OTHER, |order| {
                assert_eq!(order, ORDER);
                self.advance();
                Ok(())
            });
            ON.with(|on| on.set(true));
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
