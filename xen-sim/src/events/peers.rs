//! What other domains do, and Xen as far as it keeps the rules.

use xen_hypercall::{DomId, Port};

use super::book::Kind;
use super::life::Life;
use crate::fuzz::Script;

/// A domain besides the guest and dom0. The guest is another domain after each restore: no script is as long as this is far.
pub(super) const OTHER: DomId = DomId(1000);

impl Life<'_> {
    /// Does what a byte says of a peer.
    pub(super) fn peers(&mut self, act: u8, script: &mut Script<'_>) {
        match act {
            23..26 => self.far_notifies(script),
            26 => {
                if let Some(at) = self.choose(script) {
                    self.raise(self.book.held[at].number());
                }
            }
            27 => self.far_closes(script),
            28 => self.storm(script),
            _ if script.byte() < Some(32) => self.far_dies(),
            _ => self.calm(),
        }
    }

    /// Has an event come in, for no reason.
    pub(super) fn raise(&mut self, port: Port) {
        self.machine.host.events().raise(port);
        self.book.raised(port);
    }

    /// Makes a port that a domain may bind to, which it may do.
    pub(super) fn offer(&mut self, domain: DomId, detail: u8) {
        let offered = self.events.alloc_unbound(domain);
        let Some(port) = self.bound(offered, (Kind::Channel, xen_hypercall::Vcpu(0))) else { return };
        if detail & 4 != 0 {
            let far = self.machine.host.dom0().bind_as(domain, port);
            assert!(far.is_some(), "it waits for {domain}");
            self.connected(port, (domain, far));
        }
    }

    /// Binds to a port of another domain's, that is offered or was.
    pub(super) fn accept(&mut self, domain: DomId, detail: u8) {
        let known = usize::from(detail >> 3).checked_rem(self.fars.len());
        let far = match known.filter(|_| detail & 4 != 0) {
            Some(at) => self.fars[at].1,
            None => self.machine.host.dom0().offer_as(domain),
        };
        let bound = self.events.bind_interdomain(domain, far);
        let Some(port) = self.bound(bound, (Kind::Channel, xen_hypercall::Vcpu(0))) else { return };
        self.book.raised(port);
        self.connected(port, (domain, Some(far)));
    }

    fn connected(&mut self, port: Port, (domain, far): (DomId, Option<Port>)) {
        if let Some(held) = self.book.find(port) {
            held.far = far;
        }
        self.fars.extend(far.map(|far| (domain, far)));
    }

    fn far(&self, script: &mut Script<'_>) -> Option<(DomId, Port)> {
        let byte = usize::from(script.byte()?);
        byte.checked_rem(self.fars.len()).map(|at| self.fars[at])
    }

    /// A far end notifies; it reaches nobody if it is not bound to a port of ours any more.
    fn far_notifies(&mut self, script: &mut Script<'_>) {
        let Some((_, far)) = self.far(script) else { return };
        self.machine.host.dom0().notify(far);
        let near = self.book.held.iter().find(|held| held.far == Some(far)).map(super::book::Held::number);
        if let Some(port) = near {
            self.book.raised(port);
        }
    }

    fn far_closes(&mut self, script: &mut Script<'_>) {
        let Some((_, far)) = self.far(script) else { return };
        self.machine.host.dom0().close(far);
        self.cut(|end| end == far);
    }

    fn far_dies(&mut self) {
        self.machine.host.dom0().die(OTHER);
        let gone: Vec<_> = self.fars.iter().filter(|(domain, _)| *domain == OTHER).map(|(_, far)| *far).collect();
        self.cut(|end| gone.contains(&end));
    }

    /// Notes which ends are gone.
    fn cut(&mut self, is_gone: impl Fn(Port) -> bool) {
        self.fars.retain(|(_, far)| !is_gone(*far));
        for held in &mut self.book.held {
            held.far = held.far.filter(|far| !is_gone(*far));
        }
    }

    /// Has events come in without end by some ports.
    fn storm(&mut self, script: &mut Script<'_>) {
        self.calm();
        let [first, step] = script.bytes().map(usize::from);
        let ports = self.book.held.iter().skip(first % 4).step_by(step % 4 + 1);
        self.book.storm = ports.map(super::book::Held::number).collect();
        self.machine.host.events().storm(&self.book.storm);
    }

    pub(super) fn calm(&mut self) {
        self.machine.host.events().calm();
        for port in std::mem::take(&mut self.book.storm) {
            self.book.perhaps(port);
        }
    }
}
