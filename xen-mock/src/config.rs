//! What the test asks for, before the host is built.

use xen_hypercall::{DomId, Nanos};

use crate::domain::Shape;
use crate::grants::{Limits, Version};
use crate::xenstored::{Offers, Quotas};

/// What kind of guest the toolstack believes to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With emulated devices: frozen without being asked while `CALLBACK_IRQ` is 0.
    Hvm,
    /// Without: always asked.
    Pvh,
}

/// Who made the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// `GenuineIntel`.
    Intel,
    /// `AuthenticAMD`.
    Amd,
}

impl Vendor {
    pub(crate) const fn name(self) -> [u8; 12] {
        match self {
            Self::Intel => *b"GenuineIntel",
            Self::Amd => *b"AuthenticAMD",
        }
    }
}

/// Where Xen's CPUID leaves stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// At 0x4000_0000.
    First,
    /// This many steps of 0x100 later, behind another hypervisor's interface (Viridian).
    Behind(u8),
    /// Nowhere: this is not Xen.
    Absent,
}

/// Whether a daemon of dom0 is there and does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// It works.
    Working,
    /// It is there by its parameters, and never reads nor writes its ring.
    Stuck,
    /// Its parameters are 0.
    Absent,
}

impl Daemon {
    pub(crate) fn is_present(self) -> bool {
        self != Self::Absent
    }

    pub(crate) fn is_working(self) -> bool {
        self == Self::Working
    }
}

/// Whether the toolstack makes the nodes below `control`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlNodes {
    /// As libxl does.
    Present,
    /// None of them.
    Absent,
}

/// Which operations on grants a guest may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantOps {
    /// Those that Xen lets HVM and PVH guests of x86 make: neither `GNTTABOP_get_status_frames` nor `GNTTABOP_cache_flush`.
    Hvm,
    /// These two as well, as PV guests and those of Arm may.
    All,
}

/// A device of the guest, as the toolstack announces it in xenstore: a frontend's node and a backend's in dom0.
///
/// Both begin in state 1 at each creation and each restore. The backend's part is played by the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its class, such as `vbd`.
    pub class: String,
    /// Its number.
    pub id: u32,
    /// Further nodes of the frontend: name and value.
    pub front: Vec<(String, String)>,
    /// Further nodes of the backend.
    pub back: Vec<(String, String)>,
}

impl Device {
    /// Makes a device without further nodes.
    #[must_use]
    pub fn new(class: &str, id: u32) -> Self {
        Self { class: class.into(), id, front: Vec::new(), back: Vec::new() }
    }

    /// Adds a node of the frontend.
    #[must_use]
    pub fn front(mut self, name: &str, value: &str) -> Self {
        self.front.push((name.into(), value.into()));
        self
    }

    /// Adds a node of the backend.
    #[must_use]
    pub fn back(mut self, name: &str, value: &str) -> Self {
        self.back.push((name.into(), value.into()));
        self
    }

    pub(crate) fn front_path(&self) -> String {
        format!("device/{}/{}", self.class, self.id)
    }

    pub(crate) fn back_path(&self, guest: DomId) -> String {
        format!("/local/domain/0/backend/{}/{guest}/{}", self.class, self.id)
    }
}

/// What a host has of the FIFO ABI of event channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FifoAbi {
    /// All of it.
    Present,
    /// Nothing, as before Xen 4.4: its operations are not known, `ENOSYS`.
    Unknown,
    /// Nothing, as a Xen that was built without: `EOPNOTSUPP`.
    Disabled,
}

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) domid: DomId,
    pub(crate) shape: Shape,
    pub(crate) vendor: [u8; 12],
    pub(crate) version: (u16, u16),
    pub(crate) fifo: FifoAbi,
    pub(crate) leaves: Leaves,
    pub(crate) uptime: Nanos,
    pub(crate) wall: Nanos,
    pub(crate) store: Daemon,
    pub(crate) console: Daemon,
    pub(crate) quotas: Quotas,
    pub(crate) offers: Offers,
    pub(crate) control: ControlNodes,
    pub(crate) budget: u64,
    pub(crate) grant_ops: GrantOps,
    /// How long the guest stands still for its image to be written.
    pub(crate) blackout: Nanos,
    /// Nodes below the domain's home, or absolute, that the toolstack makes at each creation and restore.
    pub(crate) nodes: Vec<(String, String)>,
    pub(crate) devices: Vec<Device>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "guest".into(),
            kind: Kind::Pvh,
            domid: DomId(1),
            shape: Shape {
                vcpus: 1,
                max_ports: 1023,
                grants: Limits { frames: 64, version: Version::V2, mappings: 1024 },
            },
            vendor: Vendor::Intel.name(),
            version: (4, 19),
            fifo: FifoAbi::Present,
            leaves: Leaves::First,
            uptime: Nanos::from_secs(5000),
            wall: Nanos::from_secs(1_800_000_000),
            store: Daemon::Working,
            console: Daemon::Working,
            quotas: Quotas::default(),
            offers: Offers::default(),
            control: ControlNodes::Present,
            budget: 5_000_000,
            grant_ops: GrantOps::Hvm,
            blackout: Nanos::from_millis(100),
            nodes: Vec::new(),
            devices: Vec::new(),
        }
    }
}
