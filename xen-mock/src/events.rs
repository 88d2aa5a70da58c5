//! Event channels: what a port is bound to, and how an event comes in, by either ABI.

mod ends;
mod fifo;
mod ports;
mod two_level;
mod upcall;
mod watch;

use xen_hypercall::{DomId, Port};

pub(crate) use ends::{FarEnds, Service};
pub(crate) use fifo::{Fifo, LINK_BITS, Place, Queue};
pub(crate) use ports::Ports;
pub(crate) use two_level::CHANNELS;
pub use upcall::Delivery;

use crate::domain::Domain;

/// The lowest priority, by its number.
pub(crate) const PRIORITY_MIN: u32 = 15;
const PRIORITY_DEFAULT: u8 = 7;

/// What a port is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Free,
    Reserved,
    /// Xen itself is at this end: how the device model tells it that an access was emulated. The guest can but ask for its state.
    Attached {
        port: Port,
    },
    Unbound {
        remote: DomId,
    },
    Interdomain {
        remote: DomId,
        port: Port,
    },
    Pirq {
        pirq: u32,
    },
    Virq {
        virq: u32,
        vcpu: u32,
    },
    Ipi {
        vcpu: u32,
    },
}

impl Channel {
    /// Tells whether events come in by it, to the guest.
    pub(crate) const fn is_usable(self) -> bool {
        !matches!(self, Self::Free | Self::Reserved | Self::Attached { .. })
    }
}

impl Domain {
    /// Takes the lowest port that is free, as Xen does; none that a queue still has, or the next owner would hear of the last.
    pub(crate) fn open_port(&mut self, channel: Channel) -> Option<Port> {
        let (limit, fifo) = (if self.fifo.is_some() { fifo::CHANNELS } else { CHANNELS }, self.fifo.as_ref());
        let lingers = |port| fifo.is_some_and(|fifo| fifo.is_linked(port));
        self.ports.open(channel, limit, lingers)
    }

    pub(crate) fn is_pending(&self, port: Port) -> bool {
        match &self.fifo {
            Some(fifo) => fifo.is_pending(port),
            None => self.is_pending_bit(port),
        }
    }

    /// Tells whether events come in by a port, and whether one is pending.
    pub(crate) fn look_at(&self, port: Port) -> (bool, bool) {
        let is_usable = self.ports.is_usable(port);
        (is_usable, is_usable && self.is_pending(port))
    }

    /// Makes an event come in, be the port bound or not.
    pub(crate) fn raise(&mut self, port: Port) {
        if self.fifo.is_some() { self.raise_word(port) } else { self.raise_bit(port) }
    }

    /// Forgets an event: what closing a port does. In a queue the port stays.
    pub(crate) fn clear_pending(&mut self, port: Port) {
        match &mut self.fifo {
            Some(fifo) => fifo.clear_pending(port),
            None => self.clear_bit(port),
        }
    }

    /// Clears the mask, and delivers what came meanwhile.
    pub(crate) fn unmask(&mut self, port: Port) {
        if self.fifo.is_some() { self.unmask_word(port) } else { self.unmask_bit(port) }
    }

    /// Returns the processor that is told of a port's events.
    pub(crate) fn notified(&self, port: Port) -> u32 {
        self.ports.slot(port).vcpu
    }
}
