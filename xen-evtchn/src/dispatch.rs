//! The body of an upcall handler.

use xen_hypercall::{Hypercall, IrqGate, Port};

use crate::fifo::Trail;
use crate::scan::{Seat, words_of};
use crate::{Events, Fifo, Scanner};

impl<H: Hypercall, G: IrqGate> Events<'_, H, G> {
    /// Calls `handler` with each port of vCPU 0's on which an event has come, at most `budget` times, and returns how often.
    ///
    /// The body of an upcall handler. Bitmaps are taken in whole words, by one locked instruction for up to 64 events; a queue of the
    /// FIFO ABI by one an event. It is one pass: for what comes meanwhile there is a new upcall. For what the budget leaves there is
    /// none: see [`Events::may_have_more`]; the next call begins where this one ended.
    ///
    /// Ports without a guard are masked and counted, as by [`Events::poll_pending`]. A handler may bind, mask and close any
    /// port. It must not wait for the event of another one, which may have been taken together with its own: who does that
    /// takes them one by one, by [`Events::poll_pending`].
    #[inline]
    pub fn dispatch(&self, budget: usize, handler: impl FnMut(Port)) -> usize {
        self.dispatch_of(self.seat(), budget, handler)
    }

    /// Does as [`Events::dispatch`] on another processor, with the ports of which that one is told.
    #[inline]
    pub fn dispatch_on(&self, scanner: &Scanner<'_>, budget: usize, handler: impl FnMut(Port)) -> usize {
        self.dispatch_of(scanner.seat(), budget, handler)
    }

    #[inline]
    fn dispatch_of(&self, seat: Seat<'_>, budget: usize, handler: impl FnMut(Port)) -> usize {
        match self.gate.run(|| self.begin(seat)) {
            None => self.dispatch_words(seat, budget, handler),
            Some(fifo) => self.dispatch_queues((fifo, seat), budget, handler),
        }
    }

    /// No more is claimed than is handed out before this returns: an event that waits here is seen by nobody else.
    #[inline(always)]
    fn dispatch_words(&self, seat: Seat<'_>, budget: usize, mut handler: impl FnMut(Port)) -> usize {
        // What is claimed is handed out, or turns out not to be for anybody.
        let (mut left, mut withheld) = (budget, 0_usize);
        while left != 0 && seat.scan.two.is_ready() {
            let Some(claim) = self.gate.run(|| self.claim(seat, left)) else { break };
            for port in claim.ports() {
                left = left.wrapping_sub(1);
                if claim.is_undisturbed(port) || self.gate.run(|| self.reconsider(port, claim, seat.vcpu)) {
                    handler(port);
                } else {
                    withheld = withheld.wrapping_add(1);
                }
            }
        }
        budget.wrapping_sub(left).wrapping_sub(withheld)
    }

    #[inline(always)]
    fn dispatch_queues(
        &self,
        (fifo, seat): (&Fifo<'_>, Seat<'_>),
        budget: usize,
        mut handler: impl FnMut(Port),
    ) -> usize {
        let Some(control) = seat.control.map(words_of) else { return 0 };
        let trail = Trail::new(fifo);
        for done in 0..budget {
            // It looks at the ABI each time: a handler may be where the domain is resumed in the other one.
            let next = self.gate.run(|| self.next_queued(&trail, seat, control));
            let Some(port) = next else { return done };
            handler(port);
        }
        budget
    }
}
