//! Parking the other processors.

use core::fmt;

use xen_hypercall::{Nanos, Vcpu};

use crate::rendezvous::{Order, Rendezvous};
use crate::{Class, Clock, Dark, Fatal, Stage, VcpuPark};

/// The only processor there is, vCPU 0: nobody else to park.
#[derive(Debug, Clone, Copy, Default)]
pub struct SoleVcpu;

impl VcpuPark for SoleVcpu {
    fn park(&mut self, _until: Nanos) -> bool {
        true
    }

    fn release(&mut self) {}
}

/// How one processor reaches another, and waits for it.
pub trait Reach {
    /// Interrupts a processor, so that it looks at its duty.
    ///
    /// By the local APIC, where there is one: a guest that was frozen without being asked parks its processors before it
    /// knows whether its event channels still exist. It may be called more than once for one rendezvous.
    fn interrupt(&self, vcpu: Vcpu);

    /// Lets a moment pass.
    fn pause(&self) {
        core::hint::spin_loop();
    }
}

/// How long after an interrupt one that has not come is interrupted again.
const AGAIN: Nanos = Nanos::from_millis(10);

/// How long an order may take: a processor that is never scheduled again is the end of the guest, and not of its log.
const PATIENCE: Nanos = Nanos::from_secs(30);

/// Parks the other processors at a [`Rendezvous`], by an interrupt to each. It runs on vCPU 0, where the suspend call is
/// to be made.
pub struct IpiPark<'a, 's, R> {
    rendezvous: &'a Rendezvous<'s>,
    reach: R,
    clock: &'a dyn Clock,
}

impl<'a, 's, R: Reach> IpiPark<'a, 's, R> {
    /// Puts barrier, interrupts and clock together.
    pub const fn new(rendezvous: &'a Rendezvous<'s>, reach: R, clock: &'a dyn Clock) -> Self {
        Self { rendezvous, reach, clock }
    }

    /// Asks until it says so, or until `until`.
    fn wait<T>(&self, until: Nanos, mut ask: impl FnMut(Nanos) -> Option<T>) -> Option<T> {
        loop {
            let now = self.clock.now();
            let answer = ask(now);
            if answer.is_some() || now >= until {
                return answer;
            }
            self.reach.pause();
        }
    }
}

impl<R: Reach> VcpuPark for IpiPark<'_, '_, R> {
    fn park(&mut self, until: Nanos) -> bool {
        self.rendezvous.call();
        let mut next = Nanos::ZERO;
        let all = self.wait(until, |now| {
            if now >= next {
                self.rendezvous.absent().for_each(|vcpu| self.reach.interrupt(vcpu));
                next = now.after(AGAIN);
            }
            self.rendezvous.all_here().then_some(())
        });
        all.is_some()
    }

    fn on_each(&mut self, stage: Stage, class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        let order = Order { stage, class };
        self.rendezvous.order(order);
        let until = self.clock.now().after(PATIENCE);
        let done = self.wait(until, |_| self.rendezvous.all_done(order));
        done.unwrap_or(Err(Fatal { stage, errno: None }))
    }

    fn release(&mut self) {
        self.rendezvous.dismiss();
    }
}

impl<R> fmt::Debug for IpiPark<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpiPark").field("rendezvous", self.rendezvous).finish_non_exhaustive()
    }
}
