//! Interrupts off and back.
#![expect(unsafe_code, reason = "the processor's interrupt flag")]

use core::arch::asm;

use xen_hypercall::IrqGate;

/// The interrupt flag of the calling processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct InterruptFlag;

/// The flag in RFLAGS.
const ENABLED: u64 = 1 << 9;

impl IrqGate for InterruptFlag {
    /// RFLAGS.
    type Saved = u64;

    fn off(&self) -> u64 {
        let saved: u64;
        // SAFETY: interrupts may be off at any time. It counts as touching memory, so that nothing moves out of the section.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) saved) }
        saved
    }

    fn restore(&self, saved: u64) {
        if saved & ENABLED != 0 {
            on();
        }
    }
}

/// Turns interrupts on.
pub(super) fn on() {
    // SAFETY: the table of gates is loaded before the first call. It counts as touching memory.
    unsafe { asm!("sti") }
}

/// Sleeps until an interrupt comes, with interrupts off before and after; none that comes before the sleep is missed.
pub(super) fn sleep() {
    // SAFETY: as above; the instruction after STI still runs with interrupts held back.
    unsafe { asm!("sti", "hlt", "cli") }
}
