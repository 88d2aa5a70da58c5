//! `event_channel_op`: event channels (`event_channel.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

mod control;
mod fifo;
mod reset;

use static_assertions::const_assert_eq;

use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number, Port, Vcpu};

pub use control::{ControlBlock, Priority};
pub use fifo::{expand_array, init_control, set_priority};
pub use reset::reset;

/// A virtual interrupt.
///
/// # Xen
/// `VIRQ_*` of `xen.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Virq(pub u32);

impl Virq {
    /// The timer of each processor.
    #[doc(alias = "VIRQ_TIMER")]
    pub const TIMER: Self = Self(0);
    /// A debug request.
    #[doc(alias = "VIRQ_DEBUG")]
    pub const DEBUG: Self = Self(1);
    /// An overflow in a profile.
    #[doc(alias = "VIRQ_XENOPROF")]
    pub const XENOPROF: Self = Self(7);
    /// An overflow of a performance counter.
    #[doc(alias = "VIRQ_XENPMU")]
    pub const XENPMU: Self = Self(13);

    /// Tells whether each processor has it for itself; of any other the domain has one, bound on vCPU 0.
    ///
    /// # Xen
    /// `V.` in the comments of `VIRQ_*` in `xen.h`.
    #[must_use]
    pub const fn is_per_vcpu(self) -> bool {
        matches!(self, Self::TIMER | Self::DEBUG | Self::XENOPROF | Self::XENPMU)
    }
}

const CLOSED: u32 = 0;
const UNBOUND: u32 = 1;
const INTERDOMAIN: u32 = 2;
const PIRQ: u32 = 3;
const VIRQ: u32 = 4;
const IPI: u32 = 5;

/// What a port is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Nothing: the port is free.
    Closed,
    /// Waits for the other domain.
    Unbound(DomId),
    /// A port of another domain.
    Interdomain(DomId, Port),
    /// A physical interrupt, by number.
    Pirq(u32),
    /// A virtual interrupt.
    Virq(Virq),
    /// Messages between our processors.
    Ipi,
    /// A state that this library does not know.
    Other(u32),
}

/// The answer about one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// What it is bound to.
    pub binding: Binding,
    /// The processor that is told of its events.
    pub vcpu: Vcpu,
}

macro_rules! command {
    ($cmd:literal, $size:literal, $header:literal, $name:ident { $($field:ident: $type:ty),* }) => {
        #[repr(C)]
        struct $name { $($field: $type),* }
        const_assert_eq!(size_of::<$name>(), $size);
        #[doc = concat!("Laid out as `", $header, "`.")]
        // SAFETY: laid out as the header says; Xen reads and writes the block only.
        unsafe impl Command for $name {
            const NUMBER: Number = Number::EVENT_CHANNEL_OP;
            const CMD: usize = $cmd;
        }
    };
}

command!(
    0,
    12,
    "evtchn_bind_interdomain",
    BindInterdomain { remote_dom: u16, pad: u16, remote_port: u32, local_port: u32 }
);
command!(1, 12, "evtchn_bind_virq", BindVirq { virq: u32, vcpu: u32, port: u32 });
command!(2, 12, "evtchn_bind_pirq", BindPirq { pirq: u32, flags: u32, port: u32 });
command!(3, 4, "evtchn_close", Close { port: u32 });
command!(4, 4, "evtchn_send", Send { port: u32 });
command!(5, 24, "evtchn_status", GetStatus { dom: u16, pad: u16, port: u32, status: u32, vcpu: u32, u0: u32, u1: u32 });
command!(6, 8, "evtchn_alloc_unbound", AllocUnbound { dom: u16, remote_dom: u16, port: u32 });
command!(7, 8, "evtchn_bind_ipi", BindIpi { vcpu: u32, port: u32 });
command!(8, 8, "evtchn_bind_vcpu", BindVcpu { port: u32, vcpu: u32 });
command!(9, 4, "evtchn_unmask", Unmask { port: u32 });

/// Makes a port that `remote` may bind to.
///
/// # Errors
/// What Xen said; `ENOSPC` when no port is free.
///
/// # Xen
/// `EVTCHNOP_alloc_unbound`.
#[doc(alias = "EVTCHNOP_alloc_unbound")]
pub fn alloc_unbound<H: Hypercall + ?Sized>(hook: &H, remote: DomId) -> Result<Port, Errno> {
    let mut block = AllocUnbound { dom: DomId::SELF.0, remote_dom: remote.0, port: 0 };
    Errno::exact(issue(hook, &mut block))?;
    Ok(Port(block.port))
}

/// Makes a port bound to the unbound port `port` of `remote`.
///
/// # Errors
/// What Xen said; `EINVAL` when `port` does not wait for us, `ESRCH` when there is no such domain.
///
/// # Xen
/// `EVTCHNOP_bind_interdomain`.
#[doc(alias = "EVTCHNOP_bind_interdomain")]
pub fn bind_interdomain<H: Hypercall + ?Sized>(hook: &H, remote: DomId, port: Port) -> Result<Port, Errno> {
    let mut block = BindInterdomain { remote_dom: remote.0, pad: 0, remote_port: port.0, local_port: 0 };
    Errno::exact(issue(hook, &mut block))?;
    Ok(Port(block.local_port))
}

/// Makes a port for a virtual interrupt of one processor.
///
/// # Errors
/// What Xen said; `EEXIST` when it is bound already, `ENOENT` for a processor that there is not.
///
/// # Xen
/// `EVTCHNOP_bind_virq`.
#[doc(alias = "EVTCHNOP_bind_virq")]
pub fn bind_virq<H: Hypercall + ?Sized>(hook: &H, virq: Virq, vcpu: Vcpu) -> Result<Port, Errno> {
    let mut block = BindVirq { virq: virq.0, vcpu: vcpu.0, port: 0 };
    Errno::exact(issue(hook, &mut block))?;
    Ok(Port(block.port))
}

/// Whether other domains may be told of the same physical interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Share {
    /// It is this domain's alone.
    Alone,
    /// Other domains may bind it, too.
    Others,
}

const WILL_SHARE: u32 = 1;

/// Makes a port for a physical interrupt that this domain was given.
///
/// # Errors
/// What Xen said; `EPERM` for one that the domain was not given, `EEXIST` when it is bound already.
///
/// # Xen
/// `EVTCHNOP_bind_pirq`.
#[doc(alias = "EVTCHNOP_bind_pirq")]
pub fn bind_pirq<H: Hypercall + ?Sized>(hook: &H, pirq: u32, share: Share) -> Result<Port, Errno> {
    let flags = if share == Share::Others { WILL_SHARE } else { 0 };
    let mut block = BindPirq { pirq, flags, port: 0 };
    Errno::exact(issue(hook, &mut block))?;
    Ok(Port(block.port))
}

/// Makes a port by which our processors call `vcpu`.
///
/// # Errors
/// What Xen said; `ENOENT` for a processor that there is not.
///
/// # Xen
/// `EVTCHNOP_bind_ipi`.
#[doc(alias = "EVTCHNOP_bind_ipi")]
pub fn bind_ipi<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu) -> Result<Port, Errno> {
    let mut block = BindIpi { vcpu: vcpu.0, port: 0 };
    Errno::exact(issue(hook, &mut block))?;
    Ok(Port(block.port))
}

/// Has another processor told of a port's events.
///
/// # Errors
/// What Xen said; `EINVAL` for a port of one processor's own (IPI, timer), `ENOENT` for a processor that there is not.
///
/// # Xen
/// `EVTCHNOP_bind_vcpu`.
#[doc(alias = "EVTCHNOP_bind_vcpu")]
pub fn bind_vcpu<H: Hypercall + ?Sized>(hook: &H, port: Port, vcpu: Vcpu) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut BindVcpu { port: port.0, vcpu: vcpu.0 }))
}

/// Closes a port; its number may be given out anew.
///
/// # Errors
/// What Xen said; `EINVAL` when it is not open.
///
/// # Xen
/// `EVTCHNOP_close`.
#[doc(alias = "EVTCHNOP_close")]
pub fn close<H: Hypercall + ?Sized>(hook: &H, port: Port) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut Close { port: port.0 }))
}

/// Tells the other end of a port.
///
/// # Errors
/// What Xen said; `EINVAL` when it is not bound.
///
/// # Xen
/// `EVTCHNOP_send`.
#[doc(alias = "EVTCHNOP_send")]
pub fn send<H: Hypercall + ?Sized>(hook: &H, port: Port) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut Send { port: port.0 }))
}

/// Unmasks a port and has a pending event delivered.
///
/// # Errors
/// What Xen said; `EINVAL` for a number out of range.
///
/// # Xen
/// `EVTCHNOP_unmask`.
#[doc(alias = "EVTCHNOP_unmask")]
pub fn unmask<H: Hypercall + ?Sized>(hook: &H, port: Port) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut Unmask { port: port.0 }))
}

/// Returns what a port of this domain is bound to.
///
/// # Errors
/// What Xen said; `EINVAL` for a number out of range.
///
/// # Xen
/// `EVTCHNOP_status`.
#[doc(alias = "EVTCHNOP_status")]
pub fn status<H: Hypercall + ?Sized>(hook: &H, port: Port) -> Result<Status, Errno> {
    let mut block = GetStatus { dom: DomId::SELF.0, pad: 0, port: port.0, status: 0, vcpu: 0, u0: 0, u1: 0 };
    Errno::exact(issue(hook, &mut block))?;
    let [low, high, ..] = block.u0.to_le_bytes();
    let dom = DomId(u16::from_le_bytes([low, high]));
    let binding = match block.status {
        CLOSED => Binding::Closed,
        UNBOUND => Binding::Unbound(dom),
        INTERDOMAIN => Binding::Interdomain(dom, Port(block.u1)),
        PIRQ => Binding::Pirq(block.u0),
        VIRQ => Binding::Virq(Virq(block.u0)),
        IPI => Binding::Ipi,
        other => Binding::Other(other),
    };
    Ok(Status { binding, vcpu: Vcpu(block.vcpu) })
}
