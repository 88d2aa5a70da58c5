//! A connection that somebody had before.

use super::Core;
use crate::watch::Watch;
use crate::{MessageType, StoreError, Ticket};

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Has the server forget all watches and transactions that whoever had the connection before left there: a firmware, a
    /// loader, or a kernel that crashed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a transaction or a watch of ours is there, so that it never takes one of those away, nor
    /// comes within a transaction. Otherwise as [`submit`](Self::submit).
    ///
    /// # Xen
    /// `XS_RESET_WATCHES` of `io/xs_wire.h`; within a transaction it once stopped the server for everybody (XSA-484).
    pub fn reset(&mut self) -> Result<Ticket, StoreError> {
        self.admit()?;
        let mut exchanges = self.slots.iter().map(|slot| &slot.exchange);
        let beginning = exchanges.any(|it| it.kind == MessageType::TransactionStart && !it.is_idle());
        if self.open > 0 || beginning || !self.watches.iter().all(Watch::is_free) {
            return Err(StoreError::InUse);
        }
        let place = self.free_slot()?;
        let slot = self.slots.get_mut(place).ok_or(StoreError::Full)?;
        slot.body.fill(|body| body.text("")).ok_or(StoreError::TooLong)?;
        self.stage(place, MessageType::ResetWatches, 0)
    }
}
