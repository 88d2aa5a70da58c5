//! The interrupt of Xen's platform device: an INTx line of PCI, through the I/O APIC to a vector of vCPU 0.
#![expect(unsafe_code, reason = "registers in memory")]

use core::ptr::with_exposed_provenance_mut;

use xen_hypercall::op::hvm::callback_pci_intx;

use super::devices;

/// Vendor and device number of the platform device.
const PLATFORM: u32 = 0x0001_5853;

/// The I/O APIC of every HVM guest: which register, and its value.
const SELECT: usize = 0xFEC0_0000;
const WINDOW: usize = 0xFEC0_0010;

/// The first of the two registers of an input.
const FIRST_INPUT: u32 = 0x10;
/// Raised as long as the line is low; to the processor whose APIC has number 0.
const LEVEL: u32 = 1 << 15;
const ACTIVE_LOW: u32 = 1 << 13;

/// Routes the interrupt to a vector and returns the callback parameter for it; `None` if there is no such device.
pub(super) fn route(vector: u8) -> Option<u64> {
    let device = devices::find(PLATFORM)?;
    let pin = devices::interrupt_pin(device)?;
    let input = FIRST_INPUT + 2 * input(device, pin);
    write(input + 1, 0);
    write(input, LEVEL | ACTIVE_LOW | u32::from(vector));
    Some(callback_pci_intx(device << 3, pin))
}

/// The input of the I/O APIC that a pin of a device on the first bus is wired to: the tables of an HVM domain's ACPI
/// (`_PRT`) name these, 32 behind those of ISA.
fn input(device: u8, pin: u8) -> u32 {
    let (device, pin) = (u32::from(device), u32::from(pin));
    16 + (((device << 2) + (device >> 3) + pin) & 31)
}

fn write(register: u32, value: u32) {
    // SAFETY: every HVM guest has the registers there, mapped as all addresses are; nothing is written to memory by them.
    unsafe { with_exposed_provenance_mut::<u32>(SELECT).write_volatile(register) }
    // SAFETY: as above.
    unsafe { with_exposed_provenance_mut::<u32>(WINDOW).write_volatile(value) }
}
