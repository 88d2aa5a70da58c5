//! The seam of the facade by an event port of Xen, for HVM and PVH guests.

use core::fmt;
use core::task::{Context, Poll};

use spin::Mutex;
use xen_evtchn::{BindError, BoundPort, Events, PortError};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::{Clock, Cpu, Errno, Gfn, Hypercall, IrqGate, Nanos, Port};

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
#[doc(alias = "HVM_PARAM_STORE_PFN")]
pub fn ring_gfn<H: Hypercall + ?Sized>(hook: &H) -> Result<Gfn, LinkError> {
    match hvm::param(hook, Param::STORE_PFN) {
        Ok(0 | u64::MAX) => Err(LinkError::Missing),
        Ok(gfn) => Ok(Gfn(gfn)),
        Err(errno) => Err(LinkError::Xen(errno)),
    }
}

/// A [`Link`] by which a Xen host is asked for the server again in each new domain.
pub trait HostLink: Link {
    /// Returns the frame of the server's ring: see [`ring_gfn`].
    ///
    /// # Errors
    /// As [`ring_gfn`].
    fn ring_gfn(&self) -> Result<Gfn, LinkError>;

    /// Asks for the port: see [`PortLink::connect`].
    ///
    /// # Errors
    /// As [`PortLink::connect`].
    fn connect(&self) -> Result<(), LinkError>;
}

impl<L: HostLink> HostLink for &L {
    fn ring_gfn(&self) -> Result<Gfn, LinkError> {
        (**self).ring_gfn()
    }

    fn connect(&self) -> Result<(), LinkError> {
        (**self).connect()
    }
}

/// Reaches the server by the port that the toolstack made, and waits by `SCHEDOP_poll`.
///
/// That parks the whole processor: right for a loader or a unikernel. A kernel with a scheduler implements [`Link`] itself.
/// Tasks of an executor wait by it as soon as it has an alarm: see [`WithAlarm`](crate::future::WithAlarm).
pub struct PortLink<'e, H: Hypercall, G: IrqGate, C> {
    events: &'e Events<'e, H, G>,
    clock: &'e Clock<'e, C>,
    port: Mutex<Option<BoundPort<'e, H, G>>>,
}

impl<'e, H: Hypercall, G: IrqGate, C: Cpu> PortLink<'e, H, G, C> {
    /// Makes a link that is not connected: it notifies nobody and waits until the deadline.
    ///
    /// Every look at the port is one section of the events' gate.
    #[must_use]
    pub const fn new(events: &'e Events<'e, H, G>, clock: &'e Clock<'e, C>) -> Self {
        Self { events, clock, port: Mutex::new(None) }
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
        let number = hvm::param(self.events.hook(), Param::STORE_EVTCHN).map_err(LinkError::Xen)?;
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
    /// For a guest that waits for other things besides. What is dispatched meanwhile is to be told by [`Events::wake`], with
    /// a [`Sleeper`](xen_evtchn::Sleeper) for the port: then tasks wait by it. An upcall handler itself must leave the event
    /// alone as long as somebody waits by [`Link::wait`], which would not see it.
    ///
    /// # Errors
    /// [`PortError`]; there are no upcalls, and the link waits as before.
    ///
    /// # Xen
    /// `EVTCHNOP_unmask`, if an event is pending.
    pub fn unmask(&self) -> Result<(), PortError> {
        self.locked(|port| port.as_ref().map_or(Ok(()), BoundPort::unmask))
    }

    /// Tells whether the server has notified since this was last ready; if not, `cx` is woken when it has.
    ///
    /// Pending for ever without a connection, or without a [`Sleeper`](xen_evtchn::Sleeper) for its port.
    pub fn poll_event(&self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        // What goes is dropped behind the lock.
        let polled = self.locked(|port| port.as_ref().map(|port| port.poll_event_with(waker)));
        match polled {
            Some((Poll::Ready(Ok(())), _)) => Poll::Ready(()),
            // Of an earlier epoch: woken when there is a port again, as all are.
            _ => Poll::Pending,
        }
    }

    fn locked<R>(&self, section: impl FnOnce(&mut Option<BoundPort<'e, H, G>>) -> R) -> R {
        self.events.gate().run(|| section(&mut self.port.lock()))
    }

    /// Tells whether the server has notified, and forgets it.
    fn take_event(&self) -> bool {
        self.locked(|port| port.as_ref().is_some_and(|port| port.take_event() == Ok(true)))
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
        if self.take_event() {
            return;
        }
        let port = self.port();
        let ports = port.as_slice();
        // An early return is allowed, so an error is harmless: the deadline is looked at by the caller.
        let _ = self.events.wait(ports, Some(self.clock.to_system(deadline)));
        self.take_event();
    }
}

impl<H: Hypercall, G: IrqGate, C: Cpu> HostLink for PortLink<'_, H, G, C> {
    fn ring_gfn(&self) -> Result<Gfn, LinkError> {
        ring_gfn(self.events.hook())
    }

    fn connect(&self) -> Result<(), LinkError> {
        Self::connect(self)
    }
}

impl<H: Hypercall, G: IrqGate, C> fmt::Debug for PortLink<'_, H, G, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortLink").finish_non_exhaustive()
    }
}
