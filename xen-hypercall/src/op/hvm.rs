//! `hvm_op`: parameters of HVM and PVH guests (`hvm/hvm_op.h`, `hvm/params.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number, Vcpu};

/// A parameter that the toolstack or the guest sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Param(pub u32);

impl Param {
    /// How Xen tells the guest of events; not saved with a guest.
    #[doc(alias = "HVM_PARAM_CALLBACK_IRQ")]
    pub const CALLBACK_IRQ: Self = Self(0);
    /// Guest frame of the xenstore ring.
    #[doc(alias = "HVM_PARAM_STORE_PFN")]
    pub const STORE_PFN: Self = Self(1);
    /// Our port to xenstored.
    #[doc(alias = "HVM_PARAM_STORE_EVTCHN")]
    pub const STORE_EVTCHN: Self = Self(2);
    /// Guest frame of the console ring.
    #[doc(alias = "HVM_PARAM_CONSOLE_PFN")]
    pub const CONSOLE_PFN: Self = Self(17);
    /// Our port to the console daemon.
    #[doc(alias = "HVM_PARAM_CONSOLE_EVTCHN")]
    pub const CONSOLE_EVTCHN: Self = Self(18);
}

/// The kind of callback, and where in the parameter it stands.
const CALLBACK_GSI: u64 = 0;
const CALLBACK_PCI_INTX: u64 = 1;
const CALLBACK_VECTOR: u64 = 2;
const CALLBACK_KIND_SHIFT: u32 = 56;

/// A value of [`Param::CALLBACK_IRQ`]: an interrupt vector on vCPU 0, without acknowledgement at a LAPIC.
///
/// # Xen
/// `HVM_PARAM_CALLBACK_TYPE_VECTOR` in the top byte.
#[doc(alias("HVM_PARAM_CALLBACK_TYPE_VECTOR", "HVM_CALLBACK_VECTOR"))]
#[must_use]
pub const fn callback_vector(vector: u8) -> u64 {
    #[expect(clippy::as_conversions, reason = "widening in a constant function, where From is not to be had")]
    let vector = vector as u64;
    CALLBACK_VECTOR << CALLBACK_KIND_SHIFT | vector
}

/// A value of [`Param::CALLBACK_IRQ`]: a global system interrupt, raised while vCPU 0 has events that it was not told of.
///
/// A guest whose processors have vectors of their own ([`set_upcall_vector`]) gives one that it does not use, such as 1:
/// what counts then is that the parameter is not 0.
///
/// # Xen
/// `HVM_PARAM_CALLBACK_TYPE_GSI` in the top byte.
#[doc(alias = "HVM_PARAM_CALLBACK_TYPE_GSI")]
#[must_use]
pub const fn callback_gsi(gsi: u8) -> u64 {
    #[expect(clippy::as_conversions, reason = "widening in a constant function, where From is not to be had")]
    let gsi = gsi as u64;
    CALLBACK_GSI << CALLBACK_KIND_SHIFT | gsi
}

/// A value of [`Param::CALLBACK_IRQ`]: the interrupt line of a PCI device's pin.
///
/// It is raised while vCPU 0 has events that it was not told of. `devfn` is device and function on the first bus, and pin 0 is INTA.
///
/// The device is Xen's platform device, whose line nothing else uses. The guest routes it as that of any device.
///
/// # Xen
/// `HVM_PARAM_CALLBACK_TYPE_PCI_INTX` in the top byte; `hvm/params.h` has the other fields.
#[doc(alias = "HVM_PARAM_CALLBACK_TYPE_PCI_INTX")]
#[must_use]
pub const fn callback_pci_intx(devfn: u8, pin: u8) -> u64 {
    #[expect(clippy::as_conversions, reason = "widening in a constant function, where From is not to be had")]
    let (devfn, pin) = (devfn as u64, (pin & 3) as u64);
    CALLBACK_PCI_INTX << CALLBACK_KIND_SHIFT | devfn << 8 | pin
}

#[repr(C)]
struct Set {
    domid: u16,
    pad: u16,
    index: u32,
    value: u64,
}

#[repr(transparent)]
struct Get(Set);

const_assert_eq!(size_of::<Set>(), 16);

// SAFETY: laid out as `xen_hvm_param`; Xen reads the block only.
unsafe impl Command for Set {
    const NUMBER: Number = Number::HVM_OP;
    const CMD: usize = 0;
}

// SAFETY: laid out as `xen_hvm_param`; Xen writes the block only.
unsafe impl Command for Get {
    const NUMBER: Number = Number::HVM_OP;
    const CMD: usize = 1;
}

const fn block(param: Param, value: u64) -> Set {
    Set { domid: DomId::SELF.0, pad: 0, index: param.0, value }
}

/// Returns a parameter of this domain.
///
/// # Errors
/// What Xen said; `EINVAL` for an unknown one.
///
/// # Xen
/// `HVMOP_get_param`.
#[doc(alias("HVMOP_get_param", "hvm_get_parameter"))]
pub fn param<H: Hypercall + ?Sized>(hook: &H, param: Param) -> Result<u64, Errno> {
    let mut get = Get(block(param, 0));
    Errno::exact(issue(hook, &mut get))?;
    Ok(get.0.value)
}

/// Sets a parameter of this domain.
///
/// # Errors
/// What Xen said; `EPERM` or `EINVAL` for one that the guest may not set.
///
/// # Xen
/// `HVMOP_set_param`.
#[doc(alias("HVMOP_set_param", "hvm_set_parameter"))]
pub fn set_param<H: Hypercall + ?Sized>(hook: &H, param: Param, value: u64) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut block(param, value)))
}

#[repr(C)]
struct SetUpcallVector {
    vcpu: u32,
    vector: u8,
    pad: [u8; 3],
}

const_assert_eq!(size_of::<SetUpcallVector>(), 8);

// SAFETY: laid out as `xen_hvm_evtchn_upcall_vector`, with its padding named; Xen reads the block only.
unsafe impl Command for SetUpcallVector {
    const NUMBER: Number = Number::HVM_OP;
    const CMD: usize = 23;
}

/// Has a processor told of its events by an interrupt of its own, which its local APIC delivers and must acknowledge.
///
/// Not saved with a guest. If events are pending Xen interrupts at once.
///
/// # Errors
/// What Xen said; `EINVAL` for a vector below 16, `ENOENT` for a processor that there is not.
///
/// # Xen
/// `HVMOP_set_evtchn_upcall_vector`, Xen 4.5.
#[doc(alias("HVMOP_set_evtchn_upcall_vector", "xen_set_upcall_vector"))]
pub fn set_upcall_vector<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu, vector: u8) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut SetUpcallVector { vcpu: vcpu.0, vector, pad: [0; 3] }))
}

#[cfg(test)]
mod tests {
    use super::{callback_gsi, callback_pci_intx, callback_vector};

    #[test]
    fn a_callback_has_its_kind_in_the_top_byte() {
        assert_eq!(callback_gsi(28), 28);
        assert_eq!(callback_vector(0xF3), 0x0200_0000_0000_00F3);
        assert_eq!(callback_pci_intx(3 << 3, 1), 0x0100_0000_0000_1801);
    }
}
