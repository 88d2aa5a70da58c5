//! The connection across a suspend.

use xen_hypercall::{Nanos, SharedPage};

use super::Store;
use crate::{Link, Ring, StoreError, Transport};

/// How often a watch is registered that the server refuses.
const ATTEMPTS: u8 = 3;

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Store<'_, L, REQUESTS, WATCHES, T> {
    /// Admits no new request and waits until the connection is quiet: all answered, and the server has taken all bytes.
    ///
    /// # Errors
    /// [`StoreError::TimedOut`] at the deadline, [`StoreError::Poisoned`]: the fence is open again, do not suspend.
    pub fn fence(&mut self, deadline: Nanos) -> Result<(), StoreError> {
        self.core.fence();
        let quiet = |store: &mut Self| store.core.is_quiet() && store.is_drained();
        let waited = self.until(deadline, quiet);
        if waited.is_err() {
            self.core.unfence();
        }
        waited
    }

    /// Admits requests again: after a cancelled suspend this is all there is to do.
    pub const fn unfence(&mut self) {
        self.core.unfence();
    }

    /// Registers all watches again, in one batch and even while fenced, and waits until the server has answered.
    ///
    /// After [`rebuild`](Self::rebuild), and wherever it is unclear what the server remembers; not after a cancelled
    /// suspend. Each watch has an event then. One that the server refused is tried again, three times in all; after that it
    /// says so in [`Core::watch_status`](crate::Core::watch_status), and
    /// [`Core::rewatch_missing`](crate::Core::rewatch_missing) tries once more.
    ///
    /// # Errors
    /// [`StoreError::TimedOut`] at the deadline, [`StoreError::Poisoned`].
    pub fn reregister(&mut self, deadline: Nanos) -> Result<(), StoreError> {
        self.core.rewatch();
        for _ in 0..ATTEMPTS {
            self.until(deadline, |store| store.core.registering() == 0)?;
            if self.core.rewatch_missing() == 0 {
                return Ok(());
            }
        }
        self.until(deadline, |store| store.core.registering() == 0)
    }

    fn is_drained(&mut self) -> bool {
        self.transport.is_drained().unwrap_or_else(|fault| {
            self.core.handle_fault(fault);
            false
        })
    }
}

impl<'a, L: Link, const REQUESTS: usize, const WATCHES: usize> Store<'a, L, REQUESTS, WATCHES> {
    /// Goes over to a new connection, whose page Xen may have zeroed or kept; no message is sent.
    ///
    /// Everything of the old one is over: see [`Core::epoch_changed`](crate::Core::epoch_changed). A fence stays closed.
    /// Then come [`reregister`](Self::reregister) and [`unfence`](Self::unfence).
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if the indices in the page are impossible; the session is over then.
    pub fn rebuild(&mut self, page: &'a SharedPage) -> Result<(), StoreError> {
        self.core.epoch_changed();
        match Ring::attach(page) {
            Ok(ring) => {
                self.transport = ring;
                Ok(())
            }
            Err(fault) => {
                self.core.handle_fault(fault);
                Err(StoreError::Poisoned(fault))
            }
        }
    }
}
