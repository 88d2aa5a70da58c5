//! The local APIC of the calling processor, as x2APIC: Xen offers it to every HVM and PVH guest.
#![expect(unsafe_code, reason = "model specific registers")]

use xen_hypercall::Cpu as _;
use xen_hypercall::x86_64::Native;

/// CPUID leaf 1, ECX: x2APIC.
const X2APIC: u32 = 1 << 21;

/// IA32_APIC_BASE, and in it: the APIC is on, as x2APIC.
const BASE: u32 = 0x1B;
const ON: u64 = 0b11 << 10;

/// The processor's own number among the APICs, and the register that sends interrupts to others.
const ID: u32 = 0x802;
const COMMAND: u32 = 0x830;

/// End of interrupt.
const EOI: u32 = 0x80B;

/// Spurious interrupts: their vector, and that the APIC takes any.
const SPURIOUS: u32 = 0x80F;
const TAKES: u64 = 1 << 8;

/// The vector of spurious interrupts.
pub(super) const SPURIOUS_VECTOR: u8 = 0xFF;

/// There is no x2APIC.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoApic;

/// Has the processor take interrupts from its APIC.
///
/// # Errors
/// [`NoApic`].
pub(super) fn enable() -> Result<(), NoApic> {
    if Native.cpuid(1, 0).ecx & X2APIC == 0 {
        return Err(NoApic);
    }
    // SAFETY: the register exists where there is an APIC.
    let base = unsafe { Native.read_msr(BASE) };
    // SAFETY: turns the APIC on, which disturbs nothing.
    unsafe { Native.write_msr(BASE, base | ON) }
    // SAFETY: the APIC is an x2APIC by the line above; the vector has a gate.
    unsafe { Native.write_msr(SPURIOUS, TAKES | u64::from(SPURIOUS_VECTOR)) }
    Ok(())
}

/// Returns the number by which others reach this processor; after [`enable`].
pub(super) fn id() -> u32 {
    // SAFETY: the register exists, since the APIC is an x2APIC.
    let id = unsafe { Native.read_msr(ID) };
    id as u32
}

/// Interrupts another processor; after [`enable`].
pub(super) fn send(id: u32, vector: u8) {
    // SAFETY: the register exists, since the APIC is an x2APIC; the vector has a gate on every processor.
    unsafe { Native.write_msr(COMMAND, u64::from(id) << 32 | u64::from(vector)) }
}

/// Acknowledges the interrupt that is being served, if it came by the APIC; without effect otherwise.
pub(super) fn acknowledge() {
    // SAFETY: called where `enable` was.
    unsafe { Native.write_msr(EOI, 0) }
}
