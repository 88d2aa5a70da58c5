//! The domain's part of xenstore, as libxl makes it.

use xen_hypercall::DomId;

use crate::config::{ControlNodes, Device, Kind};
use crate::domain::{CONSOLE_EVTCHN, STORE_EVTCHN};
use crate::world::World;
use crate::xenstored::path::{absolute, home};
use crate::xenstored::tree::{Access, Permission};

const READ_ONLY: [&str; 4] = ["cpu", "memory", "device", "control"];
const GUESTS_OWN: [&str; 6] = ["data", "drivers", "feature", "attr", "error", "device/suspend/event-channel"];
const CONTROL_OWN: [&str; 5] = ["shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"];
const CONTROL_HVM: [&str; 2] = ["feature-s3", "feature-s4"];
const CONTROL_PLATFORM: [&str; 2] = ["platform-feature-multiprocessor-suspend", "platform-feature-xs_reset_watches"];

impl World {
    /// Makes the domain's nodes.
    pub(crate) fn build_tree(&mut self) {
        let id = self.domain.id;
        let vm = self.vm_path();
        self.node("", "", Rights::GuestReads);
        self.node(&vm, "", Rights::GuestReads);
        self.node(&format!("{vm}/name"), &self.config.name.clone(), Rights::Inherited);
        for path in READ_ONLY {
            self.node(path, "", Rights::GuestReads);
        }
        for path in GUESTS_OWN {
            self.node(path, "", Rights::GuestOwns);
        }
        self.build_control();
        self.node("name", &self.config.name.clone(), Rights::Inherited);
        self.node("domid", &id.to_string(), Rights::Inherited);
        self.node("vm", &vm, Rights::Inherited);
        self.node("memory/target", "65536", Rights::Inherited);
        self.build_extra();
    }

    fn build_control(&mut self) {
        if self.config.control == ControlNodes::Absent {
            self.remove_node("control");
            return;
        }
        let hvm: &[&str] = if self.config.kind == Kind::Hvm { &CONTROL_HVM } else { &[] };
        for name in CONTROL_OWN.iter().chain(hvm) {
            self.node(&format!("control/{name}"), "", Rights::GuestOwns);
        }
        for name in CONTROL_PLATFORM {
            self.node(&format!("control/{name}"), "1", Rights::Inherited);
        }
    }

    /// Makes the nodes that the test asked for, each the guest's to read.
    fn build_extra(&mut self) {
        for (path, value) in self.config.nodes.clone() {
            self.node(&path, &value, Rights::Inherited);
        }
        for device in self.config.devices.clone() {
            self.build_device(&device);
        }
    }

    fn build_device(&mut self, device: &Device) {
        let id = self.domain.id;
        let (front, back) = (device.front_path(), device.back_path(id));
        self.node(&front, "", Rights::Frontend);
        self.node(&back, "", Rights::GuestReads);
        let (number, home) = (id.to_string(), absolute(id, &front));
        let fronts = [("backend", back.as_str()), ("backend-id", "0"), ("state", "1")];
        for (name, value) in fronts.into_iter().chain(pairs(&device.front)) {
            self.node(&format!("{front}/{name}"), value, Rights::Inherited);
        }
        let backs = [("frontend", home.as_str()), ("frontend-id", &number), ("online", "1"), ("state", "1")];
        for (name, value) in backs.into_iter().chain(pairs(&device.back)) {
            self.node(&format!("{back}/{name}"), value, Rights::Inherited);
        }
    }

    /// Writes where the rings are; libxl does so once the ports are known.
    pub(crate) fn publish_rings(&mut self) {
        for (name, param) in [("store", STORE_EVTCHN), ("console", CONSOLE_EVTCHN)] {
            let port = self.domain.params[param];
            if port != 0 {
                self.node(&format!("{name}/port"), &port.to_string(), Rights::Inherited);
            }
        }
    }

    /// Removes all nodes of the domain.
    pub(crate) fn remove_tree(&mut self) {
        let vm = self.vm_path();
        self.remove_node(&vm);
        for device in self.config.devices.clone() {
            self.remove_node(&device.back_path(self.domain.id));
        }
        self.remove_node(&home(self.domain.id));
    }

    fn vm_path(&self) -> String {
        format!("/vm/00000000-0000-0000-0000-{:012x}", self.domain.id.0)
    }

    fn remove_node(&mut self, path: &str) {
        let path = absolute(self.domain.id, path);
        drop(self.store.as_dom0(|view| view.remove(&path)));
    }

    fn node(&mut self, path: &str, value: &str, rights: Rights) {
        let id = self.domain.id;
        let path = if path.is_empty() { home(id) } else { absolute(id, path) };
        let made = self.store.as_dom0(|view| view.make(&path, value.as_bytes(), rights.permissions(id)));
        made.unwrap_or_else(|error| panic!("dom0 may make {path}: {error}"));
    }
}

fn pairs(nodes: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    nodes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Who may do what with a node that the toolstack makes.
#[derive(Clone, Copy)]
enum Rights {
    GuestReads,
    GuestOwns,
    /// The guest owns it and dom0, the backend's domain, reads.
    Frontend,
    Inherited,
}

impl Rights {
    fn permissions(self, guest: DomId) -> Option<Vec<Permission>> {
        let owned = |domain| Permission { domain, access: Access::None };
        match self {
            Self::GuestReads => Some(vec![owned(DomId::DOM0), Permission { domain: guest, access: Access::Read }]),
            Self::GuestOwns => Some(vec![owned(guest)]),
            Self::Frontend => Some(vec![owned(guest), Permission { domain: DomId::DOM0, access: Access::Read }]),
            Self::Inherited => None,
        }
    }
}
