//! What the guest holds, and what it is owed.

use std::collections::{BTreeMap, BTreeSet};
use xen_evtchn::LatePort;
use xen_hypercall::op::event_channel::Virq;
use xen_hypercall::{Port, Vcpu};
use xen_mock::Hook;

use super::debt::{Debt, When};

/// More numbers than there are ports.
const NUMBERS: u32 = 128;

/// The guard of a port, which is acknowledged late if need be.
pub(super) type Guard<'e> = LatePort<'e, &'e Hook>;

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// To another domain.
    Channel,
    /// From a processor of ours.
    Ipi,
    /// From a virtual interrupt.
    Virq(Virq),
    /// Of the toolstack.
    Adopted,
}

/// An open port with its guard.
pub(super) struct Held<'e> {
    pub(super) guard: Guard<'e>,
    pub(super) kind: Kind,
    /// The processor that is told.
    pub(super) vcpu: Vcpu,
    /// It was told to another processor than before, while an event was perhaps in a queue.
    pub(super) moved: bool,
    /// Whether it is not masked.
    pub(super) open: bool,
    /// The other end.
    pub(super) far: Option<Port>,
    pub(super) debt: Debt,
}

impl Held<'_> {
    pub(super) fn number(&self) -> Port {
        self.guard.port().number()
    }
}

/// How far what is in memory can be relied on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    #[default]
    /// It was Xen that wrote there, and it keeps its rules.
    Exact,
    /// It lied in ways that the guest can notice, or that hide nothing.
    Noticed,
    /// It may have hidden events for good.
    Hidden,
}

/// Everything that is known of the ports.
#[derive(Default)]
pub(super) struct Book<'e> {
    pub(super) held: Vec<Held<'e>>,
    /// A port that was moved lost its guard, its word perhaps in the other queue still.
    pub(super) astray: bool,
    /// Numbers without a guard on which an event may lie.
    dirty: BTreeSet<Port>,
    /// The processor that was told of each number last, and whether that of any was another one before: then a head of that
    /// one's queues may name a word that is in the other's.
    homes: BTreeMap<Port, Vcpu>,
    wandered: bool,
    /// A queue was named that has nothing: its head of before is believed, and what it names taken out.
    misnamed: bool,
    /// Ports on which events come all the time.
    pub(super) storm: Vec<Port>,
    pub(super) when: When,
    pub(super) trust: Trust,
    /// How many events were handed out.
    pub(super) through: usize,
}

impl<'e> Book<'e> {
    pub(super) fn find(&mut self, port: Port) -> Option<&mut Held<'e>> {
        self.held.iter_mut().find(|held| held.number() == port)
    }

    /// Notes a new guard; what it may find is of an event that nobody had.
    pub(super) fn enter(&mut self, mut held: Held<'e>) {
        let port = held.number();
        assert!(self.find(port).is_none(), "E19: port {port} has two owners");
        self.lives_on(port, held.vcpu);
        if self.dirty.remove(&port) || self.trust != Trust::Exact {
            held.debt.perhaps();
        }
        self.held.push(held);
    }

    /// Notes on which processor a number is told.
    pub(super) fn lives_on(&mut self, port: Port, vcpu: Vcpu) {
        self.wandered |= self.homes.insert(port, vcpu).is_some_and(|before| before != vcpu);
        self.judge_names();
    }

    /// Notes that a head names what may come to be in another queue.
    pub(super) fn wanders(&mut self) {
        self.wandered = true;
        self.judge_names();
    }

    /// Notes that Xen named a queue that has nothing.
    pub(super) fn misnames(&mut self) {
        self.misnamed = true;
        self.lied(Trust::Noticed);
        self.judge_names();
    }

    /// One processor may take out of the other's queue what it is named, so that what stands before it is never found.
    fn judge_names(&mut self) {
        if self.wandered && self.misnamed {
            self.lied(Trust::Hidden);
        }
    }

    /// Takes a guard out, to be closed, dropped or forgotten.
    pub(super) fn leave(&mut self, at: usize) -> Held<'e> {
        let held = self.held.remove(at);
        self.astray |= held.moved;
        held
    }

    /// Notes an event on a port, whoever has it.
    pub(super) fn raised(&mut self, port: Port) {
        let when = self.when;
        match self.find(port) {
            Some(held) => held.debt.raised(when),
            None => _ = self.dirty.insert(port),
        }
    }

    /// Notes that an event may lie on a number.
    pub(super) fn perhaps(&mut self, port: Port) {
        match self.find(port) {
            Some(held) => held.debt.perhaps(),
            None => _ = self.dirty.insert(port),
        }
    }

    /// Notes a lie.
    pub(super) fn lied(&mut self, trust: Trust) {
        self.trust = self.trust.max(trust);
        self.held.iter_mut().for_each(|held| held.debt.doubt());
    }

    /// Notes that a port was handed out on a processor, which must be to its owner.
    pub(super) fn told(&mut self, port: Port, vcpu: Vcpu) {
        self.through += 1;
        let (exact, storms) = (self.trust == Trust::Exact, self.storm.contains(&port));
        let held = self.find(port).unwrap_or_else(|| unreachable!("port {port} has no owner and was handed out"));
        assert_eq!(held.vcpu, vcpu, "port {port} is another processor's");
        let due = held.debt.paid();
        held.moved = false;
        assert!(!exact || held.open, "port {port} is masked and was handed out");
        assert!(!exact || due || storms, "port {port} has no event and was handed out");
    }

    /// Notes that an event may lie on any number.
    pub(super) fn doubt_numbers(&mut self) {
        self.dirty.extend((0..NUMBERS).map(Port));
        self.held.iter_mut().for_each(|held| held.debt.perhaps());
    }

    /// A new domain: nothing of this is there.
    pub(super) fn forget(&mut self) {
        self.dirty.clear();
        self.storm.clear();
        self.homes.clear();
        (self.astray, self.wandered, self.misnamed) = (false, false, false);
        self.trust = Trust::Exact;
    }
}
