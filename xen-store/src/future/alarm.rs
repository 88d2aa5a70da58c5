//! A port link by which tasks wait.

use core::task::{Context, Poll};

use xen_hypercall::{Cpu, Gfn, Hypercall, IrqGate, Nanos};

use super::TaskLink;
use crate::{HostLink, Link, LinkError, PortLink};

/// The executor's clock.
pub trait Alarm {
    /// Tells whether `deadline`, in the link's time, has come; if not, the task is woken when it has. Ready too early does
    /// no harm.
    ///
    /// One task waits by it, and for the last deadline that it named.
    fn poll_until(&self, cx: &mut Context<'_>, deadline: Nanos) -> Poll<()>;
}

impl<A: Alarm> Alarm for &A {
    fn poll_until(&self, cx: &mut Context<'_>, deadline: Nanos) -> Poll<()> {
        (**self).poll_until(cx, deadline)
    }
}

/// A link and the executor's clock: with a [`PortLink`], a [`TaskLink`].
///
/// The port is [unmasked](PortLink::unmask), and what is dispatched is told by [`Events::wake`](xen_evtchn::Events::wake),
/// with a [`Sleeper`](xen_evtchn::Sleeper) for the port.
#[derive(Debug, Clone, Copy)]
pub struct WithAlarm<L, A> {
    link: L,
    alarm: A,
}

impl<L, A> WithAlarm<L, A> {
    /// Puts the two together.
    pub const fn new(link: L, alarm: A) -> Self {
        Self { link, alarm }
    }
}

impl<L: Link, A> Link for WithAlarm<L, A> {
    fn notify(&self) {
        self.link.notify();
    }

    fn now(&self) -> Nanos {
        self.link.now()
    }

    fn wait(&self, deadline: Nanos) {
        self.link.wait(deadline);
    }
}

impl<L: HostLink, A> HostLink for WithAlarm<L, A> {
    fn ring_gfn(&self) -> Result<Gfn, LinkError> {
        self.link.ring_gfn()
    }

    fn connect(&self) -> Result<(), LinkError> {
        self.link.connect()
    }
}

impl<H: Hypercall, G: IrqGate, C: Cpu, A: Alarm> TaskLink for WithAlarm<&PortLink<'_, H, G, C>, A> {
    fn poll_wait(&self, cx: &mut Context<'_>, deadline: Option<Nanos>) -> Poll<()> {
        if self.link.poll_event(cx).is_ready() {
            return Poll::Ready(());
        }
        deadline.map_or(Poll::Pending, |deadline| self.alarm.poll_until(cx, deadline))
    }
}
