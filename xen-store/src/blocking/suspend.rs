//! The connection across a suspend.

use xen_hypercall::Nanos;

use super::Store;
use crate::{Link, StoreError, Transport};

/// How often a watch is registered that the server refuses.
const ATTEMPTS: u8 = 3;

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Store<'_, L, REQUESTS, WATCHES, T> {
    /// Admits no new request and waits until the connection is quiet: all answered, and the server has taken all bytes.
    ///
    /// # Errors
    /// [`StoreError::TimedOut`] at the deadline, [`StoreError::Poisoned`]: the fence is open again, do not suspend.
    #[doc(alias = "xs_suspend")]
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
    #[doc(alias = "xs_suspend_cancel")]
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
    #[doc(alias = "xs_resume")]
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
