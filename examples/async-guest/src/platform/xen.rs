//! The bare machine on Xen: boot code, interrupts and pages are the toy kernel's.
#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "the toy kernel's files, which are made for the bare machine"
)]

#[path = "../../../toy-kernel/src/machine.rs"]
#[allow(dead_code, reason = "this guest has one processor")]
mod machine;
#[path = "../../../toy-kernel/src/pages.rs"]
mod pages;

use core::fmt::Write as _;

use xen_hypercall::op::sched::Reason;
use xen_hypercall::x86_64::{DebugPort, Direct, Native};
use xen_hypercall::{Gfn, IrqGate as _, SharedPage, detect};
use xen_suspend::Fatal;
use xen_suspend::services::Platform;

use crate::guest::Guest;

/// The way to Xen.
pub(crate) type Hook = &'static Direct;
/// The processor.
pub(crate) type Cpu = Native;
/// Interrupts off.
pub(crate) type Gate = machine::Gate;

/// The machine.
#[derive(Debug, Clone)]
pub struct Machine {
    hook: Hook,
}

/// Where the boot code leads, with interrupts off.
#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    machine::set_handlers();
    machine::start_interrupts();
    detect(&Native).expect("Xen");
    let guest = Guest::start(Machine { hook: pages::keep(Direct::new(&Native)) });
    Machine::GATE.restore(true);
    guest.run(|_| false);
    unreachable!("a guest that runs until it is ended")
}

impl Machine {
    /// The gate.
    pub(crate) const GATE: Gate = machine::Gate;

    pub(crate) const fn hook(&self) -> Hook {
        self.hook
    }

    pub(crate) const fn cpu(&self) -> Cpu {
        Native
    }

    pub(crate) fn page(&self) -> SharedPage {
        pages::page()
    }

    pub(crate) fn map(&self, gfn: Gfn) -> SharedPage {
        pages::map(gfn)
    }

    pub(crate) fn keep<T>(&self, value: T) -> &'static mut T {
        pages::keep(value)
    }

    pub(crate) fn sleep(&self) {
        machine::sleep();
    }

    pub(crate) fn end(&self, reason: Reason) -> ! {
        machine::end(reason)
    }
}

impl Platform for Machine {
    fn moved(&mut self) {
        self.hook.choose(&Native);
    }

    fn last_words(&mut self, fatal: Fatal) {
        let _ = writeln!(DebugPort, "async-guest: {fatal:?}");
    }
}
