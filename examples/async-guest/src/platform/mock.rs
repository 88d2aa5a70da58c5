//! The mock host, on which one thread is the guest's processor.

use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::{Gfn, NoGate, SharedPage};
use xen_mock::Host;
use xen_suspend::Fatal;
use xen_suspend::services::Platform;

/// The way to Xen.
pub(crate) type Hook = &'static xen_mock::Hook;
/// The processor.
pub(crate) type Cpu = xen_mock::MockCpu;
/// There are no interrupts.
pub(crate) type Gate = NoGate;

/// The machine.
#[derive(Debug, Clone)]
pub struct Machine {
    host: Host,
    hook: Hook,
}

impl Machine {
    /// The gate.
    pub(crate) const GATE: Gate = NoGate;

    /// Makes the machine of a host.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        Self { host: host.clone(), hook: Box::leak(Box::new(host.guest().hook())) }
    }

    pub(crate) const fn hook(&self) -> Hook {
        self.hook
    }

    pub(crate) fn cpu(&self) -> Cpu {
        self.host.guest().cpu()
    }

    pub(crate) fn page(&self) -> SharedPage {
        self.host.guest().page()
    }

    pub(crate) fn map(&self, gfn: Gfn) -> SharedPage {
        self.host.guest().map(gfn)
    }

    pub(crate) fn keep<T>(&self, value: T) -> &'static mut T {
        Box::leak(Box::new(value))
    }

    pub(crate) fn sleep(&self) {
        let _ = sched::block(self.hook);
    }

    pub(crate) fn end(&self, reason: Reason) {
        sched::shutdown(self.hook, reason);
    }
}

impl Platform for Machine {
    fn moved(&mut self) {}

    fn last_words(&mut self, fatal: Fatal) {
        panic!("{fatal:?}");
    }
}
