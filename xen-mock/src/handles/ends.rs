//! The far ends of the guest's ports, as backends use them.

use xen_hypercall::{DomId, Port};

use super::Dom0;
use crate::events::{Channel, Service};

impl Dom0 {
    /// Binds to a port of the guest that waits for dom0, and returns dom0's end; `None` if it does not wait for us.
    #[must_use]
    pub fn bind(&self, guest_port: Port) -> Option<Port> {
        self.bind_as(DomId::DOM0, guest_port)
    }

    /// Binds to a port of the guest as `domain`, a driver domain.
    #[must_use]
    pub fn bind_as(&self, domain: DomId, guest_port: Port) -> Option<Port> {
        let mut world = self.host.world();
        if world.domain.ports.at(guest_port) != Some(Channel::Unbound { remote: domain }) {
            return None;
        }
        let guest = world.domain.id;
        world.peers.meet(domain);
        let end = world.ends.connect(domain, (guest, guest_port), Service::Test);
        world.domain.ports.set(guest_port, Channel::Interdomain { remote: domain, port: end });
        Some(end)
    }

    /// Makes a port of dom0 that the guest may bind to.
    #[must_use]
    pub fn offer(&self) -> Port {
        self.offer_as(DomId::DOM0)
    }

    /// Makes a port of `domain`, a driver domain, that the guest may bind to.
    #[must_use]
    pub fn offer_as(&self, domain: DomId) -> Port {
        let mut world = self.host.world();
        let guest = world.domain.id;
        world.peers.meet(domain);
        world.ends.offer(domain, guest)
    }

    /// Sends an event by the far end `port`; it is lost if the guest has closed its own.
    pub fn notify(&self, port: Port) {
        let mut world = self.host.world();
        if let Some(peer) = world.ends.peer(port) {
            world.notify_guest(peer);
        }
    }

    /// Returns how many events the guest has sent to the far end `port` since the last look.
    #[must_use]
    pub fn take_events(&self, port: Port) -> u64 {
        self.host.world().ends.take_events(port)
    }

    /// Closes a far end; the guest's waits for that domain again.
    pub fn close(&self, port: Port) {
        self.host.world().close_far_end(port);
    }

    /// A driver domain ends, as by [`Peer::die`](crate::Peer::die). Of dom0 only the test's backends end; the daemons stay.
    pub fn die(&self, domain: DomId) {
        self.host.peer(domain).die();
    }
}
