//! The barrier at which all processors but vCPU 0 wait while it is dark.

use core::fmt;

use xen_hypercall::{Errno, Vcpu};

use crate::sync::{AtomicBool, AtomicIsize, AtomicU32, Ordering, constructor, fence};
use crate::{Class, Fatal, Stage};

/// What each processor is to rebuild for itself, while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The part of the rebuild.
    pub stage: Stage,
    /// [`Class::New`] or [`Class::InPlace`].
    pub class: Class,
}

impl Order {
    const ALL: [Self; 4] = [
        Self { stage: Stage::PerVcpu, class: Class::New },
        Self { stage: Stage::PerVcpu, class: Class::InPlace },
        Self { stage: Stage::Timers, class: Class::New },
        Self { stage: Stage::Timers, class: Class::InPlace },
    ];
}

/// What a processor is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Nothing: it goes on with its own work.
    Go,
    /// Wait with interrupts off, without a hypercall, and ask again.
    Stay,
    /// Carry this out, then say so by [`Rendezvous::done`].
    Do(Order),
}

/// The storage for one processor; the seat at index `n` is vCPU `n`'s, and that of vCPU 0 stays empty.
#[derive(Debug)]
pub struct Seat {
    joined: AtomicBool,
    /// The round for which its processor has come.
    round: AtomicU32,
    /// The order that it carried out last.
    done: AtomicU32,
    /// Why it could not: 0, Xen's code, or [`NO_ERRNO`].
    failed: AtomicIsize,
}

/// It failed, and not by Xen's word.
const NO_ERRNO: isize = isize::MAX;

impl Seat {
    constructor! {
        /// Makes an empty seat.
        pub fn new() -> Self {
            let (joined, round, done) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(NOTHING));
            Self { joined, round, done, failed: AtomicIsize::new(0) }
        }
    }

    fn failure(&self) -> Option<Option<Errno>> {
        match self.failed.load(Ordering::Relaxed) {
            0 => None,
            NO_ERRNO => Some(None),
            raw => Some(Errno::exact(raw).err()),
        }
    }
}

impl Default for Seat {
    fn default() -> Self {
        Self::new()
    }
}

/// No order: nothing to do but wait.
const NOTHING: u32 = 0;
/// Bits of an order's number below those that tell it from the one before.
const ORDER_BITS: u32 = 8;
const ORDER: u32 = (1 << ORDER_BITS) - 1;

/// Brings all processors together for a suspend: vCPU 0 [calls](Rendezvous::call), the others come, and each does for
/// itself what it is [told](Rendezvous::order) until it is [dismissed](Rendezvous::dismiss).
///
/// It needs no lock and no allocation, and its size is the caller's: as many seats as there are processors. Nobody waits
/// in here; [`Rendezvous::attend`] is the loop for a processor that has nothing else to do.
///
/// A processor looks at its [duty](Rendezvous::duty) with interrupts off, from the interrupt by which it is called or
/// between two pieces of work, and outside of every section of the gate: so it is never parked in the middle of one. The
/// state that vCPU 0 touches meanwhile must be changed within such sections only.
#[doc(alias = "stop_machine")]
#[derive(Debug)]
pub struct Rendezvous<'s> {
    seats: &'s [Seat],
    /// Odd while everybody is to come.
    round: AtomicU32,
    /// Number of the order, and above it a count.
    order: AtomicU32,
}

impl<'s> Rendezvous<'s> {
    constructor! {
        /// Makes a barrier to which nobody is called.
        pub fn new(seats: &'s [Seat]) -> Self {
            Self { seats, round: AtomicU32::new(0), order: AtomicU32::new(NOTHING) }
        }
    }

    fn seat(&self, vcpu: Vcpu) -> Option<&Seat> {
        self.seats.get(usize::try_from(vcpu.0).ok()?)
    }

    /// Takes part from now on; to be called by a processor that has come up, before it touches anything shared.
    ///
    /// # Errors
    /// [`NoSeat`] if there are fewer seats: then it must not run.
    pub fn join(&self, vcpu: Vcpu) -> Result<(), NoSeat> {
        let seat = self.seat(vcpu).ok_or(NoSeat(vcpu))?;
        seat.done.store(NOTHING, Ordering::Relaxed);
        // Pairs with `call`: either vCPU 0 finds us among those who are to come, or we find the round when we look for
        // our duty, before anything else.
        seat.joined.store(true, Ordering::Release);
        fence();
        Ok(())
    }

    /// Takes no part any more; to be called by a processor that goes down, as the last thing.
    pub fn leave(&self, vcpu: Vcpu) {
        if let Some(seat) = self.seat(vcpu) {
            // Pairs with `absent`: what we changed before is seen by vCPU 0.
            seat.joined.store(false, Ordering::Release);
        }
    }

    /// Tells a processor what to do. With interrupts off, until it says [`Duty::Go`].
    pub fn duty(&self, vcpu: Vcpu) -> Duty {
        let Some(seat) = self.seat(vcpu) else { return Duty::Go };
        // Pairs with `call` and `dismiss`: what vCPU 0 changed while we waited is seen after.
        let round = self.round.load(Ordering::Acquire);
        if round & 1 == 0 {
            return Duty::Go;
        }
        // Pairs with `all_here`: what we changed before is seen by vCPU 0.
        seat.round.store(round, Ordering::Release);
        // Pairs with `order`.
        let order = self.order.load(Ordering::Acquire);
        if order == seat.done.load(Ordering::Relaxed) {
            return Duty::Stay;
        }
        let number = usize::try_from(order & ORDER).ok().and_then(|number| number.checked_sub(1));
        number.and_then(|number| Order::ALL.get(number)).map_or(Duty::Stay, |order| Duty::Do(*order))
    }

    /// Reports that the order was carried out, or why it could not be.
    pub fn done(&self, vcpu: Vcpu, result: Result<(), Fatal>) {
        let Some(seat) = self.seat(vcpu) else { return };
        let code = |fatal: Fatal| fatal.errno.map_or(NO_ERRNO, Errno::raw);
        seat.failed.store(result.err().map_or(0, code), Ordering::Relaxed);
        // The order cannot have changed: vCPU 0 waits for us. Pairs with `all_done`.
        seat.done.store(self.order.load(Ordering::Relaxed), Ordering::Release);
    }

    /// Waits as long as it must, and carries out what it is told. With interrupts off.
    pub fn attend(&self, vcpu: Vcpu, mut carry_out: impl FnMut(Order) -> Result<(), Fatal>) {
        loop {
            match self.duty(vcpu) {
                Duty::Go => return,
                Duty::Stay => crate::sync::pause(),
                Duty::Do(order) => self.done(vcpu, carry_out(order)),
            }
        }
    }

    /// Calls all other processors; how they learn of it is the caller's: by an interrupt to [each](Rendezvous::absent).
    pub fn call(&self) {
        let round = self.round.load(Ordering::Relaxed);
        if round & 1 == 0 {
            // The count goes on, so that no seat takes a new order for one that it has carried out.
            self.order.fetch_and(!ORDER, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            // Pairs with `join`: we find who has joined, or it finds the round.
            fence();
        }
    }

    /// Names those that have been called and have not come.
    pub fn absent(&self) -> impl Iterator<Item = Vcpu> {
        let round = self.round.load(Ordering::Relaxed);
        // Pairs with `leave` and `duty`.
        let absent =
            move |seat: &Seat| seat.joined.load(Ordering::Acquire) && seat.round.load(Ordering::Acquire) != round;
        (0..).map(Vcpu).zip(self.seats).skip(1).filter(move |(_, seat)| absent(seat)).map(|(vcpu, _)| vcpu)
    }

    /// Tells whether all that take part have come.
    pub fn all_here(&self) -> bool {
        self.absent().next().is_none()
    }

    /// Tells each processor to carry something out; only when all are here, and the order before is done.
    pub fn order(&self, order: Order) {
        let number = (1..).zip(Order::ALL).find(|(_, known)| *known == order);
        let Some((number, _)) = number else { return };
        let count = (self.order.load(Ordering::Relaxed) >> ORDER_BITS).wrapping_add(1);
        // Pairs with `duty`.
        self.order.store(count << ORDER_BITS | number, Ordering::Release);
    }

    /// Returns how the order ended, once all have carried it out.
    pub fn all_done(&self, order: Order) -> Option<Result<(), Fatal>> {
        let wanted = self.order.load(Ordering::Relaxed);
        let taking_part = || self.seats.iter().skip(1).filter(|seat| seat.joined.load(Ordering::Relaxed));
        // Pairs with `done`.
        let all = taking_part().all(|seat| seat.done.load(Ordering::Acquire) == wanted);
        all.then(|| match taking_part().find_map(Seat::failure) {
            None => Ok(()),
            Some(errno) => Err(Fatal { stage: order.stage, errno }),
        })
    }

    /// Lets everybody go, also those that come too late; harmless if nobody was called.
    pub fn dismiss(&self) {
        let round = self.round.load(Ordering::Relaxed);
        if round & 1 != 0 {
            // Pairs with `duty`.
            self.round.store(round.wrapping_add(1), Ordering::Release);
        }
    }
}

/// There is no seat for a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSeat(pub Vcpu);

impl fmt::Display for NoSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rendezvous has no seat for vCPU {}", self.0)
    }
}

impl core::error::Error for NoSeat {}
