//! Emulated devices across a suspend.

use xen_hypercall::{Devices, Drivers, NotUnplugged, PlatformPorts, unplug};

use crate::{Class, CoreService, Dark, Fatal, Stage};

/// Keeps emulated devices away: a new domain has them again. As a service it is shared: a rebuild changes nothing in it.
#[doc(alias = "xen_unplug_emulated_devices")]
#[derive(Debug)]
pub struct UnplugService<P> {
    ports: P,
    drivers: Drivers,
    devices: Devices,
    result: Result<(), NotUnplugged>,
}

impl<P: PlatformPorts> UnplugService<P> {
    /// Unplugs `devices` in the name of `drivers`.
    pub fn start(ports: P, drivers: Drivers, devices: Devices) -> Self {
        let result = unplug(&ports, drivers, devices);
        Self { ports, drivers, devices, result }
    }

    /// Tells whether the devices are gone; where they are not, a rebuild does not touch them either.
    ///
    /// # Errors
    /// Why they are still there.
    pub const fn result(&self) -> Result<(), NotUnplugged> {
        self.result
    }
}

impl<P: PlatformPorts> CoreService for &UnplugService<P> {
    fn rebuild(&mut self, stage: Stage, class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if (stage, class, self.result) != (Stage::Platform, Class::New, Ok(())) {
            return Ok(());
        }
        match unplug(&self.ports, self.drivers, self.devices) {
            Ok(()) | Err(NotUnplugged::NoPlatform) => Ok(()),
            // The guest uses drivers that are not welcome here, beside the devices that it would have to use instead.
            Err(NotUnplugged::Refused) => Err(Fatal { stage, errno: None }),
        }
    }
}
