//! The seam of the facade by an event port of Xen, for HVM and PVH guests.

use core::fmt;

use spin::Mutex;
use xen_evtchn::{BindError, BoundPort, Events, PortError};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::{Clock, Cpu, Errno, Gfn, Hypercall, IrqGate, Nanos, NoGate, Port};

use crate::Link;

/// Why there is no way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The toolstack gave the domain no page or no port of xenstore.
    Missing,
    /// Xen did not tell its parameters.
    Xen(Errno),
    /// The port could not be had.
    Port(BindError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the domain has no xenstore"),
            Self::Xen(errno) => errno.fmt(f),
            Self::Port(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LinkError {}

/// Returns the frame of the server's ring.
///
/// # Errors
/// [`LinkError::Missing`] if there is none: the parameter is 0, or all ones where the server comes later; what Xen said.
///
/// # Xen
/// `HVM_PARAM_STORE_PFN`.
pub fn ring_gfn<H: Hypercall + ?Sized>(hook: &H) -> Result<Gfn, LinkError> {
    match hvm::param(hook, Param::STORE_PFN) {
        Ok(0 | u64::MAX) => Err(LinkError::Missing),
        Ok(gfn) => Ok(Gfn(gfn)),
        Err(errno) => Err(LinkError::Xen(errno)),
    }
}

/// Reaches the server by the port that the toolstack made, and waits by `SCHEDOP_poll`.
///
/// That parks the whole processor: right for a loader or a unikernel. A kernel with a scheduler implements [`Link`] itself.
pub struct PortLink<'e, H: Hypercall, G: IrqGate, C> {
    hook: &'e H,
    events: &'e Events<'e, &'e H, G>,
    clock: &'e Clock<'e, C>,
    gate: G,
    port: Mutex<Option<BoundPort<'e, &'e H, G>>>,
}

impl<'e, H: Hypercall, C: Cpu> PortLink<'e, H, NoGate, C> {
    /// Makes a link that is not connected: it notifies nobody and waits until the deadline.
    #[must_use]
    pub const fn new(hook: &'e H, events: &'e Events<'e, &'e H>, clock: &'e Clock<'e, C>) -> Self {
        Self { hook, events, clock, gate: NoGate, port: Mutex::new(None) }
    }
}

impl<'e, H: Hypercall, G: IrqGate, C: Cpu> PortLink<'e, H, G, C> {
    /// Makes a link as [`PortLink::new`] does, with a gate around every look at the port.
    #[must_use]
    pub const fn with_gate(hook: &'e H, events: &'e Events<'e, &'e H, G>, clock: &'e Clock<'e, C>, gate: G) -> Self {
        Self { hook, events, clock, gate, port: Mutex::new(None) }
    }

    /// Asks for the port, at the start and again in each new domain.
    ///
    /// # Errors
    /// [`LinkError`]; the link is not connected then.
    ///
    /// # Xen
    /// `HVM_PARAM_STORE_EVTCHN`.
    pub fn connect(&self) -> Result<(), LinkError> {
        self.locked(|port| *port = None);
        let number = hvm::param(self.hook, Param::STORE_EVTCHN).map_err(LinkError::Xen)?;
        let number = u32::try_from(number).ok().filter(|&number| number != 0).ok_or(LinkError::Missing)?;
        let port = self.events.adopt(Port(number)).map_err(LinkError::Port)?;
        self.locked(|link| *link = Some(port));
        Ok(())
    }

    /// Returns the port's number, to wait for it together with others; none of an earlier epoch, which may be a
    /// stranger's by now.
    pub fn port(&self) -> Option<Port> {
        self.locked(|port| port.as_ref().filter(|port| port.is_pending().is_ok()).map(BoundPort::number))
    }

    /// Lets the server's events make upcalls, which a fresh connection does not: to be called after each one. Without a
    /// connection it does nothing.
    ///
    /// For a guest that waits for other things besides. An upcall handler must leave this port's event alone as long as
    /// somebody waits by this link; between two waits it may be taken by [`Events::dispatch`].
    ///
    /// # Errors
    /// [`PortError`]; there are no upcalls, and the link waits as before.
    ///
    /// # Xen
    /// `EVTCHNOP_unmask`, if an event is pending.
    pub fn unmask(&self) -> Result<(), PortError> {
        self.locked(|port| port.as_ref().map_or(Ok(()), BoundPort::unmask))
    }

    fn locked<R>(&self, section: impl FnOnce(&mut Option<BoundPort<'e, &'e H, G>>) -> R) -> R {
        self.gate.run(|| section(&mut self.port.lock()))
    }

    /// Tells whether the server has notified, and forgets it.
    fn take_pending(&self) -> bool {
        self.locked(|port| port.as_ref().is_some_and(|port| port.take_pending() == Ok(true)))
    }
}

impl<H: Hypercall, G: IrqGate, C: Cpu> Link for PortLink<'_, H, G, C> {
    fn notify(&self) {
        // Stale, or refused by Xen: then no answer comes, and the deadline ends the wait.
        self.locked(|port| port.as_ref().map(BoundPort::notify).map(drop));
    }

    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn wait(&self, deadline: Nanos) {
        if self.take_pending() {
            return;
        }
        let port = self.port();
        let ports = port.as_slice();
        // An early return is allowed, so an error is harmless: the deadline is looked at by the caller.
        let _ = self.events.wait(ports, Some(self.clock.to_system(deadline)));
        self.take_pending();
    }
}

impl<H: Hypercall, G: IrqGate, C> fmt::Debug for PortLink<'_, H, G, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortLink").finish_non_exhaustive()
    }
}
