//! How Xen interrupts a processor for its events.

use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::{Errno, Hypercall, Vcpu};

/// A kind of interrupt by which processors are told of events.
///
/// Set up once for the domain and once for each processor; both are gone in a new domain, and done again there. The handler
/// of each calls [`Events::dispatch`](crate::Events::dispatch), and acknowledges the interrupt as [`Delivery::acknowledge`] says.
pub trait Delivery {
    /// Has the domain told of events in this way.
    ///
    /// # Errors
    /// What Xen said.
    ///
    /// # Xen
    /// `HVMOP_set_param` of `HVM_PARAM_CALLBACK_IRQ`.
    fn start(&self, hook: &dyn Hypercall) -> Result<(), Errno>;

    /// Has one processor told of its events in this way.
    ///
    /// # Errors
    /// What Xen said.
    fn join(&self, hook: &dyn Hypercall, vcpu: Vcpu) -> Result<(), Errno>;

    /// Says who has to be told that the interrupt was taken.
    fn acknowledge(&self) -> Acknowledge;
}

/// Who has to be told that an interrupt was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledge {
    /// Nobody: Xen injects it past all controllers.
    Nobody,
    /// The processor's own interrupt controller.
    Local,
    /// The controller of the line; it is raised until no event is pending, so that the events are taken first.
    Line,
}

/// Each processor has a vector of its own, by its local APIC: what a guest of several processors wants.
///
/// # Xen
/// `HVMOP_set_evtchn_upcall_vector`, Xen 4.5.
#[doc(alias = "HVMOP_set_evtchn_upcall_vector")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VcpuVector(pub u8);

/// A line that nobody looks at: the parameter must not be 0, for the toolstack to know that the guest can be told of a
/// cancelled suspend.
const UNUSED_LINE: u8 = 1;

impl Delivery for VcpuVector {
    fn start(&self, hook: &dyn Hypercall) -> Result<(), Errno> {
        hvm::set_param(hook, Param::CALLBACK_IRQ, hvm::callback_gsi(UNUSED_LINE))
    }

    fn join(&self, hook: &dyn Hypercall, vcpu: Vcpu) -> Result<(), Errno> {
        hvm::set_upcall_vector(hook, vcpu, self.0)
    }

    fn acknowledge(&self) -> Acknowledge {
        Acknowledge::Local
    }
}

/// Every processor is interrupted by one vector, past its local APIC.
///
/// # Xen
/// `HVM_PARAM_CALLBACK_TYPE_VECTOR`.
#[doc(alias = "HVM_PARAM_CALLBACK_TYPE_VECTOR")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallbackVector(pub u8);

impl Delivery for CallbackVector {
    fn start(&self, hook: &dyn Hypercall) -> Result<(), Errno> {
        hvm::set_param(hook, Param::CALLBACK_IRQ, hvm::callback_vector(self.0))
    }

    fn join(&self, _hook: &dyn Hypercall, _vcpu: Vcpu) -> Result<(), Errno> {
        Ok(())
    }

    fn acknowledge(&self) -> Acknowledge {
        Acknowledge::Nobody
    }
}

/// A line is raised for the events of vCPU 0, and of no other processor.
///
/// # Xen
/// `HVM_PARAM_CALLBACK_TYPE_GSI`, `HVM_PARAM_CALLBACK_TYPE_PCI_INTX`.
#[doc(alias("HVM_PARAM_CALLBACK_TYPE_GSI", "HVM_PARAM_CALLBACK_TYPE_PCI_INTX"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackLine {
    /// A global system interrupt.
    Gsi(u8),
    /// Device and function on the first bus, and its pin, of which 0 is INTA.
    Intx(u8, u8),
}

impl Delivery for CallbackLine {
    fn start(&self, hook: &dyn Hypercall) -> Result<(), Errno> {
        let value = match *self {
            Self::Gsi(gsi) => hvm::callback_gsi(gsi),
            Self::Intx(devfn, pin) => hvm::callback_pci_intx(devfn, pin),
        };
        hvm::set_param(hook, Param::CALLBACK_IRQ, value)
    }

    fn join(&self, _hook: &dyn Hypercall, vcpu: Vcpu) -> Result<(), Errno> {
        if vcpu == Vcpu(0) { Ok(()) } else { Err(Errno::EINVAL) }
    }

    fn acknowledge(&self) -> Acknowledge {
        Acknowledge::Line
    }
}

/// On Arm, each processor has the same private interrupt, which the toolstack chose.
///
/// # Xen
/// `HVM_PARAM_CALLBACK_TYPE_PPI`; read, and not set, by the guest.
#[doc(alias = "HVM_PARAM_CALLBACK_TYPE_PPI")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ppi {
    /// Its number among the private interrupts.
    pub number: u8,
    /// How it is signalled.
    pub trigger: Trigger,
}

/// How a private interrupt is signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// By a change.
    Edge,
    /// As long as the line is high.
    LevelHigh,
    /// As long as the line is low.
    LevelLow,
}

/// The kind that stands in the top byte; the header has it on Arm only.
const PPI: u64 = 2;
const EDGE: u64 = 1 << 8;
const LOW: u64 = 1 << 9;

impl Ppi {
    /// Asks which one the toolstack chose; `None` if the parameter says something else.
    ///
    /// # Errors
    /// What Xen said.
    ///
    /// # Xen
    /// `HVMOP_get_param` of `HVM_PARAM_CALLBACK_IRQ`.
    pub fn ask(hook: &dyn Hypercall) -> Result<Option<Self>, Errno> {
        hvm::param(hook, Param::CALLBACK_IRQ).map(Self::decode)
    }

    /// Reads a value of the parameter.
    #[must_use]
    pub fn decode(value: u64) -> Option<Self> {
        let trigger = match value & (EDGE | LOW) {
            0 => Trigger::LevelHigh,
            LOW => Trigger::LevelLow,
            _ => Trigger::Edge,
        };
        let number = u8::try_from(value & 0xFF).ok()?;
        (value >> 56 == PPI && value << 8 >> 24 == 0).then_some(Self { number, trigger })
    }
}

impl Delivery for Ppi {
    fn start(&self, hook: &dyn Hypercall) -> Result<(), Errno> {
        if Self::ask(hook)? == Some(*self) { Ok(()) } else { Err(Errno::EINVAL) }
    }

    fn join(&self, _hook: &dyn Hypercall, _vcpu: Vcpu) -> Result<(), Errno> {
        Ok(())
    }

    fn acknowledge(&self) -> Acknowledge {
        if self.trigger == Trigger::Edge { Acknowledge::Local } else { Acknowledge::Line }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ppi, Trigger};

    #[test]
    fn a_private_interrupt_is_read_out_of_the_parameter() {
        let ppi = |number, trigger| Some(Ppi { number, trigger });
        assert_eq!(Ppi::decode(0x0200_0000_0000_001F), ppi(31, Trigger::LevelHigh));
        assert_eq!(Ppi::decode(0x0200_0000_0000_021F), ppi(31, Trigger::LevelLow));
        assert_eq!(Ppi::decode(0x0200_0000_0000_011F), ppi(31, Trigger::Edge));
        for other in [0, 31, 0x0100_0000_0000_001F, 0x0200_0000_0001_001F, 0x0200_8000_0000_001F, u64::MAX] {
            assert_eq!(Ppi::decode(other), None, "{other:x}");
        }
    }
}
