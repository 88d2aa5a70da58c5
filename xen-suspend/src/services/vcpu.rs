//! What each processor registers with Xen for itself.

use core::fmt;

use xen_hypercall::op::{hvm, vcpu};
use xen_hypercall::{Errno, Hypercall, Vcpu, VcpuInfo};

use crate::{Class, CoreService, Dark, Fatal, Stage};

/// What one processor has registered; Xen forgets it with the domain.
#[derive(Debug, Clone, Copy, Default)]
pub struct Registration {
    /// Where its record is; `None`: in its place in `shared_info`.
    pub record: Option<VcpuInfo<'static>>,
    /// The interrupt vector by which it learns of events; `None`: by the domain's callback, or not at all.
    pub upcall: Option<u8>,
}

impl Registration {
    /// Registers all of it, at the start and in the rebuild; to be called on the processor itself.
    ///
    /// # Errors
    /// What Xen said, unless it was, for [`Class::InPlace`], that the record is registered already.
    ///
    /// # Xen
    /// `VCPUOP_register_vcpu_info`, `HVMOP_set_evtchn_upcall_vector`.
    pub fn make<H: Hypercall>(&self, hook: &H, vcpu: Vcpu, class: Class) -> Result<(), Errno> {
        if let Some(record) = self.record {
            match vcpu::register_vcpu_info(hook, vcpu, record) {
                // Older versions of Xen say EINVAL.
                Err(Errno::EBUSY | Errno::EINVAL) if class == Class::InPlace => {}
                done => done?,
            }
        }
        self.upcall.map_or(Ok(()), |vector| hvm::set_upcall_vector(hook, vcpu, vector))
    }
}

/// vCPU 0's registration across a suspend. Its record stays in `shared_info`, where the clock and the scan look for it.
#[doc(alias = "xen_vcpu_restore")]
pub struct VcpuService<H> {
    hook: H,
    registration: Registration,
}

impl<H: Hypercall> VcpuService<H> {
    /// Registers the upcall vector of vCPU 0, if it has one of its own; to be called there.
    ///
    /// # Errors
    /// What Xen said.
    pub fn start(hook: H, upcall: Option<u8>) -> Result<Self, Errno> {
        let registration = Registration { record: None, upcall };
        registration.make(&hook, Vcpu(0), Class::New)?;
        Ok(Self { hook, registration })
    }
}

impl<H: Hypercall> CoreService for VcpuService<H> {
    fn rebuild(&mut self, stage: Stage, class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage != Stage::PerVcpu {
            return Ok(());
        }
        let made = self.registration.make(&self.hook, Vcpu(0), class);
        made.map_err(|errno| Fatal { stage, errno: Some(errno) })
    }
}

impl<H> fmt::Debug for VcpuService<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VcpuService").field("registration", &self.registration).finish_non_exhaustive()
    }
}
