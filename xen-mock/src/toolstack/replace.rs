//! One domain after the other: restore, destroy, create.

use xen_hypercall::DomId;

use super::Destination;
use crate::config::Vendor;
use crate::domain::{Domain, State};
use crate::events::Channel;
use crate::grants::Tracks;
use crate::memory::{Frame, Memory};
use crate::platform::Emulated;
use crate::world::World;

impl World {
    fn next_domid(&mut self) -> DomId {
        let last = self.operations.last_domid.max(self.domain.id);
        self.operations.last_domid = DomId(last.0 + 1);
        self.operations.last_domid
    }

    /// Makes a new domain that goes on with the guest's memory; nothing else of the old one remains.
    pub(super) fn restore(&mut self, to: Destination) -> DomId {
        let next = self.next_domid();
        self.leave_holes();
        let id = to.domid.unwrap_or(next);
        self.vendor = to.vendor.map_or(self.vendor, Vendor::name);
        self.version = to.version.unwrap_or(self.version);
        self.fifo = to.fifo.unwrap_or(self.fifo);
        to.limit(&mut self.config.shape.grants);
        self.clock.move_to_host(to.uptime);
        self.incarnation += 1;
        let vcpus: Vec<_> = self.domain.vcpus.iter().map(|vcpu| vcpu.saved()).collect();
        self.replace_domain(id, to.ports_before);
        self.domain.vcpus = vcpus;
        self.operations.resume_code = Some(0);
        id
    }

    /// Takes out of the image what Xen had shared: `shared_info` and the grant table are Xen's own pages, which are not
    /// saved. In their place the new domain has nothing, which reads as all ones, until the guest maps the new ones there.
    fn leave_holes(&self) {
        if self.domain.shared_info_mapped {
            self.domain.shared_info.vanish();
        }
        self.domain.grants.mapped_frames().for_each(Frame::vanish);
    }

    fn replace_domain(&mut self, id: DomId, ports_before: u32) {
        self.remove_tree();
        self.forget_guest();
        self.cancel_all();
        self.domain = Domain::new(id, &self.config);
        self.emulated = Emulated::new(self.config.kind);
        for _ in 0..ports_before {
            self.domain.open_port(Channel::Reserved);
        }
        self.introduce();
    }

    /// The domain is no more: what others had of it goes, and what it had of others.
    fn forget_guest(&mut self) {
        self.ends.forget_guest();
        (self.storm, self.cut_off) = (Vec::new(), Vec::new());
        self.peers.forget_guest();
        self.memory.mirrors.detach_all();
        self.tracks = Tracks::new(self.config.shape.grants.mappings);
    }

    /// Destroys the domain: the guest's run ends.
    pub(crate) fn destroy(&mut self) {
        self.remove_tree();
        self.forget_guest();
        self.cancel_all();
        self.operations.abandon();
        self.domain.state = State::Gone;
    }

    /// Makes the domain anew, with fresh memory.
    pub(crate) fn create(&mut self) -> DomId {
        assert!(self.domain.state != State::Running, "the domain still runs");
        self.operations.abandon();
        let id = self.next_domid();
        self.memory = Memory::new();
        self.incarnation = 0;
        self.unplugs = false;
        self.replace_domain(id, 0);
        id
    }
}
