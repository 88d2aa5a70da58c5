//! How events come in, and what may go wrong there.

use xen_hypercall::{Port, Vcpu};

use super::handle;
use crate::events::{Delivery, Fifo, Queue};

handle! {
    /// Events as Xen delivers them, and a Xen or a peer that does it wrong.
    ///
    /// Where a port, a word or a queue is named, nothing is checked: it need not be bound, nor make sense.
    Events
}

impl Events {
    /// Tells whether the guest uses the FIFO ABI now.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.host.world().domain.fifo.is_some()
    }

    /// Returns how a processor is told of events now.
    #[must_use]
    pub fn delivery(&self, vcpu: Vcpu) -> Delivery {
        self.host.world().domain.delivery(vcpu.0)
    }

    /// Returns how often Xen has interrupted a processor in this domain: whenever an upcall became pending, and when that
    /// processor's vector was set.
    #[must_use]
    pub fn upcalls(&self, vcpu: Vcpu) -> u64 {
        self.host.world().domain.vcpus.get(vcpu.0 as usize).map_or(0, |state| state.upcalls)
    }

    /// Makes an event come in by a port, for no reason.
    pub fn raise(&self, port: Port) {
        self.host.world().domain.raise(port);
    }

    /// Makes events come in by all of these ports between any two hypercalls or looks at the TSC, until [`Events::calm`].
    pub fn storm(&self, ports: &[Port]) {
        self.host.world().storm.extend(ports);
    }

    /// Ends all storms.
    pub fn calm(&self) {
        self.host.world().storm.clear();
    }

    /// Has Xen say that the next port which the guest opens has this number, 0 or one that is in use. No port is opened.
    pub fn next_port(&self, port: Port) {
        self.host.world().faults.wrong_ports.push_back(port);
    }

    /// Has `EVTCHNOP_status` answer this state for a port, until the faults are cleared.
    pub fn claim_state(&self, port: Port, state: u32) {
        self.host.world().faults.wrong_states.insert(port.0, state);
    }

    /// Has an upcall pending on a processor, with this selector of the 2-level ABI, whatever events there are.
    pub fn set_selector(&self, vcpu: Vcpu, selector: u64) {
        let mut world = self.host.world();
        world.domain.set_selector(vcpu.0, selector);
        world.domain.mark_upcall(vcpu.0);
    }

    /// Returns the event word of a port; `None` without FIFO, or beyond its pages.
    #[must_use]
    pub fn word(&self, port: Port) -> Option<u32> {
        self.host.world().domain.fifo.as_ref()?.word(port)
    }

    /// Writes an event word.
    ///
    /// # Panics
    /// If the guest does not use FIFO.
    pub fn set_word(&self, port: Port, word: u32) {
        self.change(|fifo| fifo.set_word(port, word));
    }

    /// Returns the ready bits of a processor.
    #[must_use]
    pub fn ready(&self, vcpu: Vcpu) -> Option<u32> {
        self.host.world().domain.fifo.as_ref()?.ready(vcpu.0)
    }

    /// Writes the ready bits of a processor, and has an upcall pending there.
    ///
    /// # Panics
    /// If the guest does not use FIFO.
    pub fn set_ready(&self, vcpu: Vcpu, ready: u32) {
        self.change(|fifo| fifo.set_ready(vcpu.0, ready));
        self.host.world().domain.mark_upcall(vcpu.0);
    }

    /// Returns the head of a queue.
    #[must_use]
    pub fn head(&self, vcpu: Vcpu, priority: u8) -> Option<u32> {
        self.host.world().domain.fifo.as_ref()?.head(Queue { vcpu: vcpu.0, priority })
    }

    /// Writes the head of a queue.
    ///
    /// # Panics
    /// If the guest does not use FIFO, or there is no such queue.
    pub fn set_head(&self, (vcpu, priority): (Vcpu, u8), port: u32) {
        assert!(priority < 16, "there is no queue {priority}");
        self.change(|fifo| fifo.set_head(Queue { vcpu: vcpu.0, priority }, port));
    }

    fn change(&self, work: impl FnOnce(&mut Fifo)) {
        let mut world = self.host.world();
        work(world.domain.fifo.as_mut().expect("the guest uses the FIFO ABI"));
    }
}
