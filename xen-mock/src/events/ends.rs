//! The far ends of the guest's ports: those of dom0 and of other domains.

use std::collections::BTreeMap;

use xen_hypercall::{DomId, Port};

/// Who holds the far end of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Store,
    Console,
    Test,
}

/// A port of another domain.
#[derive(Debug, Clone, Copy)]
struct End {
    owner: DomId,
    guest: DomId,
    /// The guest's port, once bound.
    peer: Option<Port>,
    service: Service,
    /// Events since it was last looked at.
    events: u64,
}

/// All that other domains hold of event channels. Their ports have numbers of one row, whosever they are.
#[derive(Debug)]
pub(crate) struct FarEnds {
    ends: BTreeMap<u32, End>,
    next: u32,
}

impl FarEnds {
    pub(crate) const fn new() -> Self {
        Self { ends: BTreeMap::new(), next: 40 }
    }

    /// Makes an end bound to a port of the guest.
    pub(crate) fn connect(&mut self, owner: DomId, (guest, peer): (DomId, Port), service: Service) -> Port {
        self.add(End { owner, guest, peer: Some(peer), service, events: 0 })
    }

    /// Makes an end that the guest may bind to.
    pub(crate) fn offer(&mut self, owner: DomId, guest: DomId) -> Port {
        self.add(End { owner, guest, peer: None, service: Service::Test, events: 0 })
    }

    fn add(&mut self, end: End) -> Port {
        let port = Port(self.next);
        self.next += 1;
        self.ends.insert(port.0, end);
        port
    }

    pub(crate) fn offers(&self, owner: DomId, port: Port, guest: DomId) -> bool {
        let waits = |end: &End| end.owner == owner && end.guest == guest && end.peer.is_none();
        self.ends.get(&port.0).is_some_and(waits)
    }

    pub(crate) fn accept(&mut self, port: Port, peer: Port) {
        if let Some(end) = self.ends.get_mut(&port.0) {
            end.peer = Some(peer);
        }
    }

    pub(crate) fn peer(&self, port: Port) -> Option<Port> {
        self.ends.get(&port.0)?.peer
    }

    /// Returns the guest's port of a daemon.
    pub(crate) fn of_service(&self, service: Service) -> Option<Port> {
        self.ends.values().find(|end| end.service == service)?.peer
    }

    /// The guest closed its end: ours waits again.
    pub(crate) fn peer_closed(&mut self, port: Port) {
        if let Some(end) = self.ends.get_mut(&port.0) {
            end.peer = None;
        }
    }

    /// Takes an end away; its owner, and the guest's port that it was bound to.
    pub(crate) fn close(&mut self, port: Port) -> Option<(DomId, Port)> {
        let end = self.ends.remove(&port.0)?;
        Some((end.owner, end.peer?))
    }

    /// A domain ends, and with it its ports; those of the guest that they were bound to. Of dom0 only the test's own.
    pub(crate) fn die(&mut self, domain: DomId) -> Vec<Port> {
        let is_its = |end: &End| end.owner == domain && end.service == Service::Test;
        let peers = self.ends.values().filter(|end| is_its(end)).filter_map(|end| end.peer).collect();
        self.ends.retain(|_, end| !is_its(end));
        peers
    }

    /// The guest sent an event; whom it woke.
    pub(crate) fn event(&mut self, port: Port) -> Service {
        self.ends.get_mut(&port.0).map_or(Service::Test, |end| {
            end.events += 1;
            end.service
        })
    }

    /// Returns how many events came since the last look.
    pub(crate) fn take_events(&mut self, port: Port) -> u64 {
        self.ends.get_mut(&port.0).map_or(0, |end| std::mem::take(&mut end.events))
    }

    /// The guest's domain is no more, nor are the ends that were its.
    pub(crate) fn forget_guest(&mut self) {
        self.ends.clear();
    }
}
