//! `sched_op`: yield, wait for events, shut down (`sched.h`).
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use core::marker::PhantomData;

use static_assertions::const_assert_eq;

use crate::command::{Command, issue, issue_plain};
use crate::{Errno, Hypercall, Number, Port, SystemTime};

/// Why the domain shuts down.
///
/// # Xen
/// `SHUTDOWN_*` of `sched.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(pub u32);

impl Reason {
    /// Clean and for good.
    #[doc(alias = "SHUTDOWN_poweroff")]
    pub const POWEROFF: Self = Self(0);
    /// Clean, to start anew.
    #[doc(alias = "SHUTDOWN_reboot")]
    pub const REBOOT: Self = Self(1);
    /// To be saved, and resumed here or elsewhere.
    #[doc(alias = "SHUTDOWN_suspend")]
    pub const SUSPEND: Self = Self(2);
    /// The guest is broken.
    #[doc(alias = "SHUTDOWN_crash")]
    pub const CRASH: Self = Self(3);
}

#[repr(C)]
struct Shutdown {
    reason: u32,
}

const_assert_eq!(size_of::<Shutdown>(), 4);

// SAFETY: laid out as `sched_shutdown`; Xen reads the block only.
unsafe impl Command for Shutdown {
    const NUMBER: Number = Number::SCHED_OP;
    const CMD: usize = 2;
}

/// Shuts the domain down and returns Xen's raw result, if it returns at all.
///
/// For [`Reason::SUSPEND`] the result alone does not tell what happened: 0 in a new domain, but also in the old one after
/// a slow resume; 1 after a cancelled suspend; a negative code when nothing happened.
///
/// # Xen
/// `SCHEDOP_shutdown`.
#[doc(alias("SCHEDOP_shutdown", "HYPERVISOR_shutdown", "HYPERVISOR_suspend"))]
pub fn shutdown<H: Hypercall + ?Sized>(hook: &H, reason: Reason) -> isize {
    issue(hook, &mut Shutdown { reason: reason.0 })
}

const YIELD: usize = 0;

/// Lets other domains run.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `SCHEDOP_yield`.
#[doc(alias = "SCHEDOP_yield")]
pub fn yield_now<H: Hypercall + ?Sized>(hook: &H) -> Result<(), Errno> {
    Errno::exact(issue_plain(hook, Number::SCHED_OP, YIELD))
}

const BLOCK: usize = 1;

/// Sleeps until an event that is not masked comes to this processor, whose record then says that upcalls may come.
///
/// A guest with interrupts of its own halts instead.
///
/// # Errors
/// What Xen said.
///
/// # Xen
/// `SCHEDOP_block`.
#[doc(alias = "SCHEDOP_block")]
pub fn block<H: Hypercall + ?Sized>(hook: &H) -> Result<(), Errno> {
    Errno::exact(issue_plain(hook, Number::SCHED_OP, BLOCK))
}

#[repr(C)]
struct Poll<'a> {
    ports: *const Port,
    nr_ports: u32,
    pad: u32,
    timeout: u64,
    borrowed: PhantomData<&'a [Port]>,
}

const_assert_eq!(size_of::<Poll<'_>>(), 24);

// SAFETY: laid out as `sched_poll`; Xen reads the block and the ports that it borrows.
unsafe impl Command for Poll<'_> {
    const NUMBER: Number = Number::SCHED_OP;
    const CMD: usize = 3;
}

/// Sleeps until one of the ports is pending, or until `deadline`; returns at once if one is.
///
/// Masked ports count too, and interrupts may be off. It may return early: look again.
///
/// # Errors
/// What Xen said; `EINVAL` for more than 128 ports or one that does not exist.
///
/// # Xen
/// `SCHEDOP_poll`; a timeout of 0 is for ever to Xen, so that a deadline of 0 is sent as 1.
#[doc(alias = "SCHEDOP_poll")]
pub fn poll<H: Hypercall + ?Sized>(hook: &H, ports: &[Port], deadline: Option<SystemTime>) -> Result<(), Errno> {
    let nr_ports = u32::try_from(ports.len()).map_err(|_| Errno::EINVAL)?;
    let timeout = deadline.map_or(0, |at| at.0.max(1));
    let mut block = Poll { ports: ports.as_ptr(), nr_ports, pad: 0, timeout, borrowed: PhantomData };
    Errno::exact(issue(hook, &mut block))
}
