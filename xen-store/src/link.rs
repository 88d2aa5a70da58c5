//! The seam between the facade and the embedder.

use xen_hypercall::Nanos;

/// How the facade reaches the server's attention and the clock.
///
/// A guest implements it with the event port of the store: `notify` sends on it, `wait` polls it (`SCHEDOP_poll`) and
/// clears what was pending.
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
