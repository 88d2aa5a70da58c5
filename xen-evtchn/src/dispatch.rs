//! The body of an upcall handler.

use core::num::NonZeroU64;

use xen_hypercall::{Hypercall, IrqGate, Port};

use crate::fifo::Ahead;
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
    #[doc(alias("xen_evtchn_do_upcall", "do_hypervisor_callback"))]
    #[inline(always)]
    pub fn dispatch(&self, budget: usize, handler: impl FnMut(Port)) -> usize {
        self.dispatch_of(self.seat(), budget, handler)
    }

    /// Does as [`Events::dispatch`] on another processor, with the ports of which that one is told.
    #[inline]
    pub fn dispatch_on(&self, scanner: &Scanner<'_>, budget: usize, handler: impl FnMut(Port)) -> usize {
        self.dispatch_of(self.seat_of(scanner), budget, handler)
    }

    #[inline(always)]
    fn dispatch_of(&self, seat: Seat<'_>, budget: usize, handler: impl FnMut(Port)) -> usize {
        // Sections are written without closures here: the compiler would not be sure to see through them.
        let saved = self.gate.off();
        let Some(fifo) = self.in_fifo() else { return self.dispatch_words((seat, saved), budget, handler) };
        Self::begin_queues(seat);
        self.gate.restore(saved);
        self.dispatch_queues((fifo, seat), budget, handler)
    }

    /// Begins in a section of the gate. No more is claimed than is handed out before this returns: an event that waits here is
    /// seen by nobody else.
    #[inline(always)]
    fn dispatch_words(
        &self,
        (seat, mut saved): (Seat<'_>, G::Saved),
        budget: usize,
        mut handler: impl FnMut(Port),
    ) -> usize {
        let two = &seat.scan.two;
        // What is claimed is handed out, or turns out not to be for anybody.
        let (mut left, mut withheld) = (budget, 0_usize);
        let mut selected = two.select(seat.record);
        loop {
            let claimed = self.claim(seat, left, selected);
            self.gate.restore(saved);
            let Some(claim) = claimed else { break };
            let mut next = Some(claim.bits);
            while let Some(bits) = next {
                let port = claim.lowest(bits);
                left = left.wrapping_sub(1);
                if self.is_undisturbed(seat.maps, claim, bits) || self.reconsider(port, claim) {
                    handler(port);
                } else {
                    withheld = withheld.wrapping_add(1);
                }
                next = NonZeroU64::new(bits.get() & bits.get().wrapping_sub(1));
            }
            // Looked at out of the gate, since as a rule there is no more.
            if !two.is_ready() {
                break;
            }
            saved = self.gate.off();
            selected = two.selected();
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
        let mut ahead = Ahead::default();
        for done in 0..budget {
            let saved = self.gate.off();
            let next = self.next_queued((fifo, &mut ahead), seat, control);
            self.gate.restore(saved);
            let Some(port) = next else { return done };
            handler(port);
        }
        budget
    }
}
