//! How a processor is told that an event is there.

use crate::domain::{CALLBACK_IRQ, Domain};

/// Where the kind of callback stands in its parameter, and the kinds.
const CALLBACK_KIND: u32 = 56;
const BY_GSI: u64 = 0;
const BY_INTX: u64 = 1;
const BY_VECTOR: u64 = 2;
/// Lines that the interrupt controller of an HVM guest has.
const LINES: u8 = 48;

/// How Xen tells a processor of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Not at all: it has to look.
    Nothing,
    /// By its own vector, of `HVMOP_set_evtchn_upcall_vector`, through its local APIC.
    Own(u8),
    /// By the vector of all processors, of `HVM_PARAM_CALLBACK_IRQ`.
    Callback(u8),
    /// By a line of the emulated interrupt controller, which vCPU 0 alone has.
    Gsi(u8),
    /// By the interrupt line of an emulated device, which vCPU 0 alone has.
    Intx {
        /// The device's number on the bus.
        device: u8,
        /// Its line, A to D.
        line: u8,
    },
}

impl Domain {
    /// Returns how a processor is told.
    pub(crate) fn delivery(&self, vcpu: u32) -> Delivery {
        let callback = self.params[CALLBACK_IRQ];
        let low = callback.to_le_bytes()[0];
        let own = self.vcpus.get(vcpu as usize).and_then(|state| state.vector);
        match (own, callback >> CALLBACK_KIND) {
            (Some(vector), _) => Delivery::Own(vector),
            (None, BY_VECTOR) => Delivery::Callback(low),
            (None, BY_GSI) if self.has_lines(vcpu) && (1..LINES).contains(&low) => Delivery::Gsi(low),
            (None, BY_INTX) if self.has_lines(vcpu) => {
                Delivery::Intx { device: (callback >> 11) as u8 & 31, line: low & 3 }
            }
            _ => Delivery::Nothing,
        }
    }

    const fn has_lines(&self, vcpu: u32) -> bool {
        vcpu == 0 && self.has_lines
    }

    /// Tells whether an upcall is pending on a processor.
    pub(crate) fn upcall_pending(&self, vcpu: u32) -> bool {
        let (frame, base) = self.vcpu_info(vcpu);
        frame.u8(base) != 0
    }

    /// Has an upcall pending, of which the processor is told if there was none before.
    pub(crate) fn mark_upcall(&mut self, vcpu: u32) {
        let (frame, base) = self.vcpu_info(vcpu);
        let before = frame.u8(base);
        if before & 1 == 0 {
            frame.write(base, &[before | 1]);
            self.interrupt(vcpu);
        }
    }

    /// Interrupts a processor, if it is to be told of events at all.
    pub(crate) fn interrupt(&mut self, vcpu: u32) {
        if self.delivery(vcpu) != Delivery::Nothing {
            self.vcpus[vcpu as usize].upcalls += 1;
        }
    }

    /// The callback was changed: who has an upcall pending is told anew. A vector of a processor's own comes in any case.
    pub(crate) fn tell_again(&mut self) {
        for vcpu in 0..self.vcpus.len() as u32 {
            let state = self.vcpus[vcpu as usize];
            if state.up && (state.vector.is_some() || self.upcall_pending(vcpu)) {
                self.interrupt(vcpu);
            }
        }
    }
}
