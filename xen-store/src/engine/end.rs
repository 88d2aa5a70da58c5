//! The end of transactions.

use super::Core;
use crate::{End, MessageType, Reject, StoreError, Ticket, Transaction};

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Ends a transaction; `None` if there is nothing to send, because an abandoned one went with its connection.
    ///
    /// # Errors
    /// `EAGAIN`, if a transaction of an earlier connection is to be committed: nothing was sent, do it again.
    /// [`StoreError::Rejected`], if an answer within it was credited to another transaction: abandon it. Otherwise as
    /// [`submit`](Self::submit).
    pub fn end(&mut self, transaction: &Transaction, how: End) -> Result<Option<Ticket>, StoreError> {
        if self.is_stale(transaction) {
            return match how {
                End::Commit => Err(StoreError::Said(crate::Refusal::Again)),
                End::Abandon => Ok(None),
            };
        }
        self.admit()?;
        let place = self.free_slot()?;
        match self.doomed.iter_mut().find(|id| **id == transaction.id) {
            Some(_) if how == End::Commit => {
                return Err(StoreError::Rejected(Reject::WrongTransaction(transaction.id)));
            }
            Some(id) => *id = 0,
            None => {}
        }
        let slot = self.slots.get_mut(place).ok_or(StoreError::Full)?;
        slot.body.fill(|body| body.text(how.letter())).ok_or(StoreError::TooLong)?;
        self.open = self.open.saturating_sub(1);
        self.stage(place, MessageType::TransactionEnd, transaction.id).map(Some)
    }

    /// Tells whether a transaction is of an earlier connection, and so is over.
    #[must_use]
    pub const fn is_stale(&self, transaction: &Transaction) -> bool {
        transaction.session != self.session
    }

    /// Remembers that a transaction must not be committed.
    pub(super) const fn doom(&mut self, transaction: u32) {
        let [_, b, c, d] = self.doomed;
        self.doomed = [b, c, d, transaction];
    }
}
