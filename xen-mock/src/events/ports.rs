//! The table of ports, which both ABIs share.

use xen_hypercall::Port;

use super::{Channel, PRIORITY_DEFAULT, Queue};

/// Xen makes room for ports in steps of this many.
const BUCKET: usize = 64;

/// What Xen knows of one port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) channel: Channel,
    /// Which processor is told.
    pub(crate) vcpu: u32,
    pub(crate) priority: u8,
    /// The queue that it was in last. Stays when the port is closed.
    pub(crate) last: Queue,
    /// An event came while there was no word for it. Stays, too.
    pub(crate) saved: bool,
}

impl Slot {
    const FREE: Self = Self {
        channel: Channel::Free,
        vcpu: 0,
        priority: PRIORITY_DEFAULT,
        last: Queue { vcpu: 0, priority: 0 },
        saved: false,
    };

    /// Begins a new binding: what closing the one before left is forgotten, all but the queue and the saved event.
    fn bind(&mut self, channel: Channel) {
        let vcpu = match channel {
            Channel::Virq { vcpu, .. } | Channel::Ipi { vcpu } => vcpu,
            _ => 0,
        };
        *self = Self { channel, vcpu, priority: PRIORITY_DEFAULT, ..*self };
    }
}

/// The port table of a domain.
#[derive(Debug)]
pub(crate) struct Ports {
    slots: Vec<Slot>,
    /// The highest port that the toolstack allows.
    max: usize,
    /// Below, no port is free.
    lowest: usize,
}

impl Ports {
    /// Makes a table for ports 1 to `max`.
    pub(crate) fn new(max: usize) -> Self {
        let mut slots = vec![Slot::FREE; BUCKET];
        slots[0].channel = Channel::Reserved;
        Self { slots, max, lowest: 1 }
    }

    /// Returns the channel of a port, `None` for a number out of range.
    pub(crate) fn at(&self, port: Port) -> Option<Channel> {
        self.slots.get(port.0 as usize).map(|slot| slot.channel)
    }

    /// Tells whether events come in by a port.
    pub(crate) fn is_usable(&self, port: Port) -> bool {
        self.at(port).is_some_and(Channel::is_usable)
    }

    /// Returns what is known of a port; of one out of range, what is known of a fresh one.
    pub(crate) fn slot(&self, port: Port) -> Slot {
        self.slots.get(port.0 as usize).copied().unwrap_or(Slot::FREE)
    }

    pub(crate) fn slot_mut(&mut self, port: Port) -> Option<&mut Slot> {
        self.slots.get_mut(port.0 as usize)
    }

    /// Puts another channel in the place of one that is open; the processor that is told stays.
    pub(crate) fn set(&mut self, port: Port, channel: Channel) {
        self.slots[port.0 as usize].channel = channel;
    }

    pub(crate) fn free(&mut self, port: Port) {
        self.slots[port.0 as usize].bind(Channel::Free);
        self.lowest = self.lowest.min(port.0 as usize);
    }

    /// Opens the lowest port that is free and does not linger in a queue. The ABI has ports below `limit` only.
    pub(super) fn open(&mut self, channel: Channel, limit: usize, lingers: impl Fn(Port) -> bool) -> Option<Port> {
        let mut skipped = false;
        for at in self.lowest..=self.max.min(limit - 1) {
            if at >= self.slots.len() {
                self.slots.resize(at + BUCKET, Slot::FREE);
            }
            let is_free = self.slots[at].channel == Channel::Free;
            if is_free && !lingers(Port(at as u32)) {
                self.slots[at].bind(channel);
                if !skipped {
                    self.lowest = at + 1;
                }
                return Some(Port(at as u32));
            }
            skipped |= is_free;
        }
        None
    }

    /// Returns all numbers that Xen has made room for.
    pub(crate) fn all(&self) -> impl Iterator<Item = Port> + use<> {
        (1..self.slots.len()).map(|at| Port(at as u32))
    }

    /// Returns all ports in use.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = (Port, Channel)> + '_ {
        let numbered = self.slots.iter().enumerate().map(|(at, slot)| (Port(at as u32), slot.channel));
        numbered.filter(|(_, channel)| channel.is_usable())
    }

    /// Returns the port of a virtual interrupt.
    pub(crate) fn of_virq(&self, wanted: u32, of: u32) -> Option<Port> {
        let is = |channel: Channel| channel == Channel::Virq { virq: wanted, vcpu: of };
        self.in_use().find(|(_, channel)| is(*channel)).map(|(port, _)| port)
    }

    /// Returns the port of a physical interrupt.
    pub(crate) fn of_pirq(&self, pirq: u32) -> Option<Port> {
        self.in_use().find(|(_, channel)| *channel == Channel::Pirq { pirq }).map(|(port, _)| port)
    }
}
