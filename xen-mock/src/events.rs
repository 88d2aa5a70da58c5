//! Event channels, 2-level: the port table and the delivery of events.

use xen_hypercall::{DomId, Port};

use crate::domain::Domain;

/// Bytes of `shared_info` before the pending bits, and before the mask bits.
const PENDING: usize = 2048;
const MASK: usize = 2560;
/// `evtchn_pending_sel` in `vcpu_info`; `evtchn_upcall_pending` is its first byte.
const SELECT: usize = 8;
/// Xen makes room for ports in steps of this many.
const BUCKET: usize = 64;

/// What a port is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Free,
    Reserved,
    Unbound { remote: DomId },
    Interdomain { remote: DomId, port: Port },
    Virq { virq: u32, vcpu: u32 },
    Ipi { vcpu: u32 },
}

/// The port table of a domain.
#[derive(Debug)]
pub(crate) struct Ports {
    table: Vec<Channel>,
    /// Which processor is told, where the channel itself does not say.
    told: std::collections::BTreeMap<u32, u32>,
    max: usize,
}

impl Ports {
    /// Makes a table for ports 1 to `max`.
    pub(crate) fn new(max: usize) -> Self {
        let mut table = vec![Channel::Free; BUCKET];
        table[0] = Channel::Reserved;
        Self { table, told: Default::default(), max }
    }

    /// Returns the channel of a port, `None` for a number out of range.
    pub(crate) fn at(&self, port: Port) -> Option<Channel> {
        self.table.get(port.0 as usize).copied()
    }

    pub(crate) fn set(&mut self, port: Port, channel: Channel) {
        self.table[port.0 as usize] = channel;
        if channel == Channel::Free {
            self.told.remove(&port.0);
        }
    }

    /// Has a processor told of a port's events.
    pub(crate) fn tell(&mut self, port: Port, vcpu: u32) {
        self.told.insert(port.0, vcpu);
    }

    /// Takes the lowest free port, as Xen does.
    pub(crate) fn open(&mut self, channel: Channel) -> Option<Port> {
        let at = self.table.iter().position(|found| *found == Channel::Free).unwrap_or(self.table.len());
        if at > self.max {
            return None;
        }
        if at == self.table.len() {
            self.table.resize(at + BUCKET, Channel::Free);
        }
        self.table[at] = channel;
        Some(Port(at as u32))
    }

    /// Returns all ports in use.
    pub(crate) fn in_use(&self) -> impl Iterator<Item = (Port, Channel)> + '_ {
        let used = |channel: &Channel| !matches!(channel, Channel::Free | Channel::Reserved);
        let numbered = self.table.iter().enumerate().map(|(at, channel)| (Port(at as u32), *channel));
        numbered.filter(move |(_, channel)| used(channel))
    }

    /// Returns the port of a virtual interrupt.
    pub(crate) fn of_virq(&self, wanted: u32, of: u32) -> Option<Port> {
        let is = |channel: Channel| channel == Channel::Virq { virq: wanted, vcpu: of };
        self.in_use().find(|(_, channel)| is(*channel)).map(|(port, _)| port)
    }
}

const fn word_and_bit(port: Port) -> (usize, u64) {
    let port = port.0 as usize;
    (port / 64 * 8, 1 << (port % 64))
}

impl Domain {
    pub(crate) fn is_pending(&self, port: Port) -> bool {
        let (at, bit) = word_and_bit(port);
        self.shared_info.u64(PENDING + at) & bit != 0
    }

    pub(crate) fn is_masked(&self, port: Port) -> bool {
        let (at, bit) = word_and_bit(port);
        self.shared_info.u64(MASK + at) & bit != 0
    }

    /// Makes an event come in: the bit, and where it is not masked, the selector and the upcall.
    pub(crate) fn raise(&mut self, port: Port) {
        if self.is_pending(port) {
            return;
        }
        let (at, bit) = word_and_bit(port);
        self.shared_info.set_u64(PENDING + at, self.shared_info.u64(PENDING + at) | bit);
        if !self.is_masked(port) {
            self.select(port);
        }
    }

    fn select(&self, port: Port) {
        let (frame, base) = self.vcpu_info(self.notified(port));
        let selector = frame.u64(base + SELECT);
        let bit = 1 << (port.0 / 64);
        if selector & bit == 0 {
            frame.set_u64(base + SELECT, selector | bit);
            frame.write(base, &[1]);
        }
    }

    /// Returns the processor that is told of a port's events.
    pub(crate) fn notified(&self, port: Port) -> u32 {
        match self.ports.at(port) {
            Some(Channel::Virq { vcpu, .. } | Channel::Ipi { vcpu }) => vcpu,
            _ => self.ports.told.get(&port.0).copied().unwrap_or(0),
        }
    }

    /// Forgets an event: what closing a port does.
    pub(crate) fn clear_pending(&mut self, port: Port) {
        let (at, bit) = word_and_bit(port);
        self.shared_info.set_u64(PENDING + at, self.shared_info.u64(PENDING + at) & !bit);
    }

    /// Clears the mask, and delivers what came meanwhile.
    pub(crate) fn unmask(&mut self, port: Port) {
        let (at, bit) = word_and_bit(port);
        let was_masked = self.is_masked(port);
        self.shared_info.set_u64(MASK + at, self.shared_info.u64(MASK + at) & !bit);
        if was_masked && self.is_pending(port) {
            self.select(port);
        }
    }

    /// Marks every word as worth a look, as Xen does when a `vcpu_info` moves.
    pub(crate) fn mark_all(&self, vcpu: u32) {
        let (frame, base) = self.vcpu_info(vcpu);
        frame.set_u64(base + SELECT, u64::MAX);
        frame.write(base, &[1]);
    }

    /// Tells whether Xen would make an upcall to a processor now.
    pub(crate) fn upcall_pending(&self, vcpu: u32) -> bool {
        let (frame, base) = self.vcpu_info(vcpu);
        frame.u8(base) != 0
    }
}
