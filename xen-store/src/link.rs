//! The seam between the facade and the embedder.

use xen_hypercall::Nanos;

/// How the facade reaches the server's attention and the clock.
///
/// A guest implements it with the event port of the store: `notify` sends on it, `wait` polls it (`SCHEDOP_poll`) and
/// clears what was pending. [`PortLink`](crate::PortLink) does, by the crates of this family.
///
/// # Example
/// By hypercalls alone, on the mock host:
/// ```
/// use xen_hypercall::op::{event_channel, sched};
/// use xen_hypercall::{Nanos, Port, SystemTime};
/// use xen_mock::{Guest, Hook};
/// use xen_store::Link;
///
/// struct StorePort(Guest, Hook, Port);
///
/// impl Link for StorePort {
///     fn notify(&self) {
///         event_channel::send(&self.1, self.2).expect("our port");
///     }
///     fn now(&self) -> Nanos {
///         Nanos(self.0.system_time().0)
///     }
///     fn wait(&self, deadline: Nanos) {
///         sched::poll(&self.1, &[self.2], Some(SystemTime(deadline.0))).expect("our port"); // and clear what was pending
///     }
/// }
/// # let host = xen_mock::Host::builder().build();
/// # let (guest, xen) = (host.guest(), host.guest().hook());
/// # use xen_hypercall::op::hvm::{self, Param};
/// # let port = Port(u32::try_from(hvm::param(&xen, Param::STORE_EVTCHN)?)?);
/// # let page = guest.map(xen_store::ring_gfn(&xen)?);
/// # let mut core: xen_store::Core = xen_store::Core::new();
/// # let mut store = xen_store::Store::attach(&page, &mut core, StorePort(guest, xen, port))?;
/// # use xen_store::{Nodes, Path};
/// # assert_eq!(store.read(Path::literal("domid"), &mut [0; 8])?, b"1");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub trait Link {
    /// Tells the server to look at the ring.
    fn notify(&self);

    /// Returns the time, of any clock that goes on without a pause.
    fn now(&self) -> Nanos;

    /// Returns once the server has notified since the last wait returned, or at the deadline; too early does no harm.
    fn wait(&self, deadline: Nanos);
}

impl<L: Link> Link for &L {
    fn notify(&self) {
        (**self).notify();
    }

    fn now(&self) -> Nanos {
        (**self).now()
    }

    fn wait(&self, deadline: Nanos) {
        (**self).wait(deadline);
    }
}
