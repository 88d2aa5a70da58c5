//! Emulated devices taken away, so that the guest does not meet its disks twice.

use core::fmt;

/// The I/O ports of Xen's platform device.
///
/// The real ones are [`x86_64::Native`](crate::x86_64::Native). A machine without the device answers all ones and takes
/// writes without effect.
///
/// # Xen
/// Ports 0x10 and 0x12 of `docs/misc/hvm-emulated-unplug`.
pub trait PlatformPorts {
    /// Reads two bytes of port 0x10: the magic number.
    fn magic(&self) -> u16;

    /// Reads one byte of port 0x12: the version of the protocol.
    fn version(&self) -> u8;

    /// Writes two bytes to port 0x12: who drives the devices.
    fn product(&self, product: u16);

    /// Writes four bytes to port 0x10: which build of the drivers it is.
    fn build(&self, build: u32);

    /// Writes two bytes to port 0x10: what is to go.
    fn unplug(&self, devices: u16);
}

impl<P: PlatformPorts + ?Sized> PlatformPorts for &P {
    fn magic(&self) -> u16 {
        (**self).magic()
    }

    fn version(&self) -> u8 {
        (**self).version()
    }

    fn product(&self, product: u16) {
        (**self).product(product);
    }

    fn build(&self, build: u32) {
        (**self).build(build);
    }

    fn unplug(&self, devices: u16) {
        (**self).unplug(devices);
    }
}

/// A machine that has no platform device.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPlatform;

impl PlatformPorts for NoPlatform {
    fn magic(&self) -> u16 {
        u16::MAX
    }

    fn version(&self) -> u8 {
        u8::MAX
    }

    fn product(&self, _product: u16) {}

    fn build(&self, _build: u32) {}

    fn unplug(&self, _devices: u16) {}
}

/// Who asks for the devices, so that dom0 can refuse drivers that it knows to be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drivers {
    /// A number of Xen's register of products.
    pub product: u16,
    /// The build of the drivers.
    pub build: u32,
}

impl Drivers {
    /// Drivers without a number of their own.
    ///
    /// # Xen
    /// `experimental` of `hvm/pvdrivers.h`.
    pub const EXPERIMENTAL: Self = Self { product: 0xFFFF, build: 0 };
}

/// A set of emulated devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Devices(u16);

impl Devices {
    /// All IDE and SCSI disks, but no CD drive.
    pub const DISKS: Self = Self(1);
    /// All network cards.
    pub const NICS: Self = Self(1 << 1);
    /// All IDE disks but the first one, from which firmware may still want to read.
    pub const FURTHER_DISKS: Self = Self(1 << 2);
    /// All NVMe disks.
    pub const NVME_DISKS: Self = Self(1 << 3);

    /// Returns the devices of either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Why nothing was unplugged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUnplugged {
    /// There is no platform device: a PVH guest, or one configured so.
    NoPlatform,
    /// dom0 does not want these drivers to be used: the emulated devices are those to use.
    Refused,
}

impl fmt::Display for NotUnplugged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPlatform => "there is no platform device",
            Self::Refused => "dom0 refuses these drivers",
        })
    }
}

impl core::error::Error for NotUnplugged {}

/// What port 0x10 says to drivers that are welcome.
const MAGIC: u16 = 0x49D2;

/// Takes emulated devices away for good, before anybody looks for devices. In a new domain they are there again.
///
/// # Errors
/// [`NotUnplugged`], and all devices are still there.
///
/// # Xen
/// `docs/misc/hvm-emulated-unplug`.
#[doc(alias = "xen_unplug_emulated_devices")]
pub fn unplug<P: PlatformPorts + ?Sized>(ports: &P, drivers: Drivers, devices: Devices) -> Result<(), NotUnplugged> {
    if ports.magic() != MAGIC {
        return Err(NotUnplugged::NoPlatform);
    }
    if ports.version() > 0 {
        ports.product(drivers.product);
        ports.build(drivers.build);
        if ports.magic() != MAGIC {
            return Err(NotUnplugged::Refused);
        }
    }
    ports.unplug(devices.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use core::cell::{Cell, RefCell};
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::{Devices, Drivers, MAGIC, NoPlatform, NotUnplugged, PlatformPorts, unplug};

    /// A platform device that writes down what it is told.
    struct Fake {
        magic: Cell<u16>,
        version: u8,
        /// What the magic number is once the drivers have said who they are.
        answer: u16,
        told: RefCell<Vec<String>>,
    }

    impl Fake {
        fn new(version: u8, answer: u16) -> Self {
            Self { magic: Cell::new(MAGIC), version, answer, told: RefCell::default() }
        }
    }

    impl PlatformPorts for Fake {
        fn magic(&self) -> u16 {
            self.magic.get()
        }

        fn version(&self) -> u8 {
            self.version
        }

        fn product(&self, product: u16) {
            self.told.borrow_mut().push(format!("product {product:#x}"));
        }

        fn build(&self, build: u32) {
            self.told.borrow_mut().push(format!("build {build}"));
            self.magic.set(self.answer);
        }

        fn unplug(&self, devices: u16) {
            self.told.borrow_mut().push(format!("unplug {devices}"));
        }
    }

    const ALL: Devices = Devices::DISKS.and(Devices::NICS);
    const DRIVERS: Drivers = Drivers { build: 7, ..Drivers::EXPERIMENTAL };

    #[test]
    fn drivers_introduce_themselves_and_unplug() {
        let fake = Fake::new(1, MAGIC);
        assert_eq!(unplug(&fake, DRIVERS, ALL), Ok(()));
        assert_eq!(*fake.told.borrow(), ["product 0xffff", "build 7", "unplug 3"]);
    }

    #[test]
    fn version_0_knows_no_drivers() {
        let fake = Fake::new(0, !MAGIC);
        assert_eq!(unplug(&fake, DRIVERS, Devices::FURTHER_DISKS), Ok(()));
        assert_eq!(*fake.told.borrow(), ["unplug 4"]);
    }

    #[test]
    fn refused_drivers_unplug_nothing() {
        let fake = Fake::new(1, MAGIC.swap_bytes());
        assert_eq!(unplug(&fake, DRIVERS, ALL), Err(NotUnplugged::Refused));
        assert_eq!(*fake.told.borrow(), ["product 0xffff", "build 7"]);
    }

    #[test]
    fn without_the_device_nothing_is_written() {
        let fake = Fake::new(1, MAGIC);
        fake.magic.set(0x1234);
        assert_eq!(unplug(&fake, DRIVERS, ALL), Err(NotUnplugged::NoPlatform));
        assert!(fake.told.borrow().is_empty());
        assert_eq!(unplug(&NoPlatform, DRIVERS, ALL), Err(NotUnplugged::NoPlatform));
    }
}
