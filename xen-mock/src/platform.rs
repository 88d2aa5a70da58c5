//! The platform device of an HVM guest, by which it unplugs what the device model emulates.

use xen_hypercall::PlatformPorts;

use crate::config::Kind;
use crate::host::Host;
use crate::violation::Violation;
use crate::world::World;

const MAGIC: u16 = 0x49D2;
const DISKS: u16 = 1;
const NICS: u16 = 1 << 1;

/// What the device model of one domain emulates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Emulated {
    /// The devices that are still there, by the bits of the protocol.
    plugged: u16,
    /// The drivers have said who they are.
    named: bool,
}

impl Emulated {
    /// A domain begins with a disk and a network card, if it has a device model.
    pub(crate) fn new(kind: Kind) -> Self {
        Self { plugged: if kind == Kind::Hvm { DISKS | NICS } else { 0 }, named: false }
    }
}

impl World {
    /// A guest that unplugged its devices in one domain has them again in the next, and must unplug them there too.
    pub(crate) fn watch_emulated(&mut self) {
        if self.unplugs && self.emulated.plugged != 0 && !self.violations.contains(&Violation::EmulatedAgain) {
            self.violation(Violation::EmulatedAgain);
        }
    }
}

/// The ports of the platform device; a guest that is not HVM has none behind them.
#[derive(Debug, Clone)]
pub struct PlatformDevice {
    host: Host,
}

impl PlatformDevice {
    pub(crate) const fn new(host: Host) -> Self {
        Self { host }
    }

    /// Tells how many disks and how many network cards are emulated at the moment.
    #[must_use]
    pub fn emulated(&self) -> (u32, u32) {
        let plugged = self.host.world().emulated.plugged;
        (u32::from(plugged & DISKS != 0), u32::from(plugged & NICS != 0))
    }

    fn is_there(&self) -> bool {
        self.host.world().config.kind == Kind::Hvm
    }

    fn is_refused(&self) -> bool {
        let world = self.host.world();
        world.emulated.named && world.faults.refuses_drivers
    }
}

impl PlatformPorts for PlatformDevice {
    fn magic(&self) -> u16 {
        match (self.is_there(), self.is_refused()) {
            (false, _) => u16::MAX,
            (true, false) => MAGIC,
            (true, true) => MAGIC.swap_bytes(),
        }
    }

    fn version(&self) -> u8 {
        if self.is_there() { 1 } else { u8::MAX }
    }

    fn product(&self, _product: u16) {}

    fn build(&self, _build: u32) {
        self.host.world().emulated.named = true;
    }

    fn unplug(&self, devices: u16) {
        let mut world = self.host.world();
        if world.config.kind == Kind::Hvm && !world.faults.refuses_drivers {
            world.emulated.plugged &= !devices;
            world.unplugs = true;
        }
    }
}
