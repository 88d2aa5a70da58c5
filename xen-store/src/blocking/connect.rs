//! The connection of a guest: its beginning, a new one, and one that is mended.

use xen_hypercall::{Nanos, SharedPage};

use super::Store;
use crate::{Core, Fault, Features, Link, Ring, StoreError, Transport};

impl<'a, L: Link, const REQUESTS: usize, const WATCHES: usize> Store<'a, L, REQUESTS, WATCHES> {
    /// Connects over the page of the store.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if the indices in the page are impossible, or the server has stopped; with
    /// [`Fault::Reconnecting`] if it has not begun yet: see [`attach_by`](Self::attach_by).
    #[doc(alias("xb_init_comms", "init_xenbus"))]
    pub fn attach(page: &'a SharedPage, core: &'a mut Core<REQUESTS, WATCHES>, link: L) -> Result<Self, StoreError> {
        let ring = Ring::attach(page).map_err(StoreError::Poisoned)?;
        core.follow(ring.messages_before());
        let mut store = Self::over(ring, core, link);
        store.take_offer()?;
        Ok(store)
    }

    /// Connects over the page of the store, and waits for a server that begins after its domain.
    ///
    /// # Errors
    /// As [`attach`](Self::attach), `Reconnecting` not before the deadline.
    pub fn attach_by(
        page: &'a SharedPage,
        core: &'a mut Core<REQUESTS, WATCHES>,
        link: L,
        deadline: Nanos,
    ) -> Result<Self, StoreError> {
        match ready(page, &link, deadline) {
            Ok(_) | Err(StoreError::TimedOut) => Self::attach(page, core, link),
            Err(error) => Err(error),
        }
    }

    /// Goes over to a new connection, whose page Xen may have zeroed or kept; no message is sent.
    ///
    /// Everything of the old one is over: see [`Core::epoch_changed`]. A fence stays closed.
    /// Then come [`reregister`](Self::reregister) and [`unfence`](Self::unfence).
    ///
    /// # Errors
    /// As [`attach`](Self::attach); the session is over then.
    pub fn rebuild(&mut self, page: &'a SharedPage) -> Result<(), StoreError> {
        self.core.epoch_changed();
        match Ring::attach(page) {
            Ok(ring) => {
                self.transport = ring;
                self.take_offer()
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// Has the server connect the rings anew, whatever state they are in, and waits for that.
    ///
    /// Everything of the old connection is over, as with [`rebuild`](Self::rebuild), and the server has forgotten watches
    /// and transactions: then comes [`reregister`](Self::reregister).
    ///
    /// # Errors
    /// [`StoreError::NotOffered`] if the server does not do that: nothing was done. [`StoreError::TimedOut`] if it has not
    /// by the deadline; the session is over, but may be waited for again. [`StoreError::Poisoned`].
    ///
    /// # Xen
    /// `XENSTORE_SERVER_FEATURE_RECONNECTION` of `io/xs_wire.h`: the xenstored in OCaml offers it, the one in C does not. A
    /// client that has once written impossible indices is served by neither, until the toolstack introduces it anew.
    pub fn reconnect(&mut self, deadline: Nanos) -> Result<(), StoreError> {
        if !self.core.features().contains(Features::RECONNECTION) {
            return Err(StoreError::NotOffered(Features::RECONNECTION));
        }
        self.core.handle_fault(Fault::Reconnecting);
        let page = self.transport.reconnect().map_err(StoreError::Poisoned)?;
        self.link.notify();
        ready(page, &self.link, deadline)?;
        self.rebuild(page)
    }

    /// Takes note of what the server offers.
    fn take_offer(&mut self) -> Result<(), StoreError> {
        match self.transport.look() {
            Ok(offered) => {
                self.core.handle_features(offered);
                Ok(())
            }
            Err(fault) => self.fail(fault),
        }
    }

    fn fail(&mut self, fault: Fault) -> Result<(), StoreError> {
        self.core.handle_fault(fault);
        Err(StoreError::Poisoned(fault))
    }
}

/// Waits until the rings are connected, looking at nothing else.
fn ready<L: Link>(page: &SharedPage, link: &L, deadline: Nanos) -> Result<(), StoreError> {
    while Ring::attach(page).err() == Some(Fault::Reconnecting) {
        if link.now() >= deadline {
            return Err(StoreError::TimedOut);
        }
        link.wait(deadline);
    }
    Ok(())
}
