//! The call and its witnesses, for HVM and PVH guests.

use core::fmt;

use xen_hypercall::op::event_channel::{self, Binding, Status};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::{Errno, Hypercall, Vcpu};

use super::Canary;
use crate::{ArchOps, Class, Dark, Fatal, Witness, Witnesses};

/// How often the call that ends the domain is made before it is given up.
const ATTEMPTS: u8 = 3;

/// What the machine does around the call.
pub trait Platform {
    /// Adapts to the processor of a new domain, before any hypercall there: chooses the instruction anew.
    fn moved(&mut self);

    /// Prints a message without any service, as the guest is about to crash.
    fn last_words(&mut self, fatal: Fatal);
}

/// Makes the suspend call and hears the witnesses of the resume, by hypercalls alone.
pub struct XenArch<'a, H, P> {
    hook: H,
    canary: &'a Canary,
    platform: P,
}

impl<'a, H: Hypercall, P: Platform> XenArch<'a, H, P> {
    /// Puts hook, canary and platform together.
    pub const fn new(hook: H, canary: &'a Canary, platform: P) -> Self {
        Self { hook, canary, platform }
    }

    fn hear_canary(&self) -> Witness {
        let Some(port) = self.canary.port() else { return Witness::Silent };
        match event_channel::status(&self.hook, port) {
            Ok(Status { binding: Binding::Ipi, vcpu: Vcpu(0) }) => Witness::Same,
            Ok(_) | Err(Errno::EINVAL | Errno::ENOENT) => Witness::New,
            Err(_) => Witness::Silent,
        }
    }

    fn hear_callback(&self) -> Witness {
        match hvm::param(&self.hook, Param::CALLBACK_IRQ) {
            Ok(0) => Witness::New,
            Ok(_) => Witness::Same,
            Err(_) => Witness::Silent,
        }
    }
}

impl<H: Hypercall, P: Platform> ArchOps for XenArch<'_, H, P> {
    fn pre(&mut self, _dark: &Dark<'_>) {}

    fn call(&mut self, _dark: &Dark<'_>) -> isize {
        sched::shutdown(&self.hook, Reason::SUSPEND)
    }

    fn probe(&mut self, _dark: &Dark<'_>) -> Witnesses {
        // The probe itself makes hypercalls, and the processor may be another one already.
        self.platform.moved();
        Witnesses { canary: self.hear_canary(), callback: self.hear_callback() }
    }

    fn post(&mut self, _class: Class, _dark: &Dark<'_>) {}

    fn crash(&mut self, fatal: Fatal) {
        self.platform.last_words(fatal);
        // On a real Xen it returns only when it failed. A guest half rebuilt is not to go on for one refusal.
        for _ in 0..ATTEMPTS {
            if sched::shutdown(&self.hook, Reason::CRASH) == 0 {
                return;
            }
        }
    }
}

impl<H, P> fmt::Debug for XenArch<'_, H, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XenArch").field("canary", self.canary).finish_non_exhaustive()
    }
}
