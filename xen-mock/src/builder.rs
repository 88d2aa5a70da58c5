//! Builds a host.

use xen_hypercall::{DomId, Nanos};

use crate::config::{Config, ControlNodes, Daemon, Device, FifoAbi, GrantOps, Kind, Leaves, Vendor};
use crate::grants::Version;
use crate::host::Host;
use crate::xenstored::{Offers, Quotas};

/// Says what the host and its guest are like; each has a default that suits most tests.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Builder {
    config: Config,
}

impl Builder {
    /// Makes the host and creates the domain, ready to run.
    #[must_use]
    pub fn build(self) -> Host {
        Host::new(self.config)
    }

    /// Sets the name of the domain; `guest` by default.
    pub fn name(mut self, name: &str) -> Self {
        self.config.name = name.into();
        self
    }

    /// Sets the kind of the guest; [`Kind::Pvh`] by default.
    pub const fn kind(mut self, kind: Kind) -> Self {
        self.config.kind = kind;
        self
    }

    /// Sets the number of the first domain; 1 by default.
    pub const fn domid(mut self, domid: DomId) -> Self {
        self.config.domid = domid;
        self
    }

    /// Sets how many processors the guest has; 1 by default. Only the first makes hypercalls.
    ///
    /// # Panics
    /// If there are none.
    pub fn vcpus(mut self, vcpus: u32) -> Self {
        assert!(vcpus > 0, "a domain has a processor");
        self.config.shape.vcpus = vcpus;
        self
    }

    /// Sets the highest port that the toolstack allows; 1023 by default, as libxl does. The ABI in use has a limit of its own:
    /// ports below 4096 or, with FIFO, below 131072.
    pub const fn max_port(mut self, port: u32) -> Self {
        self.config.shape.max_ports = port as usize;
        self
    }

    /// Sets what the host has of the FIFO ABI of event channels; all by default. A guest begins with 2-level in any case.
    pub const fn fifo(mut self, fifo: FifoAbi) -> Self {
        self.config.fifo = fifo;
        self
    }

    /// Sets how many frames the grant table may have; 64 by default.
    ///
    /// # Panics
    /// If there are none.
    pub fn max_grant_frames(mut self, frames: u16) -> Self {
        assert!(frames > 0, "a grant table has a frame");
        self.config.shape.grants.frames = usize::from(frames);
        self
    }

    /// Sets the highest version that the grant table may have, 1 or 2; 2 by default.
    ///
    /// # Panics
    /// If there is no such version.
    pub fn max_grant_version(mut self, version: u32) -> Self {
        self.config.shape.grants.version = Version::from_number(version).expect("grant tables have version 1 or 2");
        self
    }

    /// Sets how many pages of others the guest may have mapped at a time; 1024 by default.
    pub fn max_mappings(mut self, mappings: u32) -> Self {
        self.config.shape.grants.mappings = mappings as usize;
        self
    }

    /// Sets which operations on grants the guest may ask for; [`GrantOps::Hvm`] by default.
    pub const fn grant_ops(mut self, ops: GrantOps) -> Self {
        self.config.grant_ops = ops;
        self
    }

    /// Sets who made the processor; Intel by default.
    pub const fn vendor(mut self, vendor: Vendor) -> Self {
        self.config.vendor = vendor.name();
        self
    }

    /// Sets the version of Xen; 4.19 by default.
    pub const fn version(mut self, major: u16, minor: u16) -> Self {
        self.config.version = (major, minor);
        self
    }

    /// Sets where Xen's CPUID leaves stand; first by default.
    pub const fn leaves(mut self, leaves: Leaves) -> Self {
        self.config.leaves = leaves;
        self
    }

    /// Sets how long the host has been up, which is Xen's system time; 5000 s by default.
    pub const fn uptime(mut self, uptime: Nanos) -> Self {
        self.config.uptime = uptime;
        self
    }

    /// Sets the time of day, since 1970.
    pub const fn wall_clock(mut self, since_1970: Nanos) -> Self {
        self.config.wall = since_1970;
        self
    }

    /// Sets what xenstored does; it works by default.
    pub const fn store(mut self, daemon: Daemon) -> Self {
        self.config.store = daemon;
        self
    }

    /// Sets what the console daemon does; it works by default.
    pub const fn console(mut self, daemon: Daemon) -> Self {
        self.config.console = daemon;
        self
    }

    /// Sets the limits that xenstored sets to the guest.
    pub const fn quotas(mut self, quotas: Quotas) -> Self {
        self.config.quotas = quotas;
        self
    }

    /// Sets what xenstored offers the guest.
    pub const fn offers(mut self, offers: Offers) -> Self {
        self.config.offers = offers;
        self
    }

    /// Sets whether the nodes below `control` exist; they do by default.
    pub const fn control(mut self, nodes: ControlNodes) -> Self {
        self.config.control = nodes;
        self
    }

    /// Has the toolstack make a node of its own at each creation and restore, below the domain's home if relative.
    pub fn node(mut self, path: &str, value: &str) -> Self {
        self.config.nodes.push((path.into(), value.into()));
        self
    }

    /// Gives the guest a device.
    pub fn device(mut self, device: Device) -> Self {
        self.config.devices.push(device);
        self
    }

    /// Sets how long a suspended guest stands still before it goes on, here or elsewhere; 100 ms by default.
    pub const fn blackout(mut self, time: Nanos) -> Self {
        self.config.blackout = time;
        self
    }

    /// Sets how many hypercalls the guest may make before it counts as an endless loop; 5 million by default.
    pub const fn budget(mut self, hypercalls: u64) -> Self {
        self.config.budget = hypercalls;
        self
    }
}
