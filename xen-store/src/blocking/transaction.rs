//! Transactions.

use super::Store;
use crate::{End, EndError, Link, Nodes, Refusal, Reply, Request, Ring, StoreError, Transaction, Transport};

/// How often a transaction is tried before its `EAGAIN` is handed on; 0 counts as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts(pub u16);

/// The nodes as an open transaction sees them.
#[derive(Debug)]
pub struct Within<'t, 'a, L, const REQUESTS: usize, const WATCHES: usize, T = Ring<'a>> {
    store: &'t mut Store<'a, L, REQUESTS, WATCHES, T>,
    transaction: &'t Transaction,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Nodes
    for Within<'_, '_, L, REQUESTS, WATCHES, T>
{
    fn perform(&mut self, request: Request<'_>) -> Result<Reply<'_>, StoreError> {
        self.store.ask(request, Some(self.transaction))
    }
}

impl<'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Store<'a, L, REQUESTS, WATCHES, T> {
    /// Begins a transaction.
    ///
    /// # Errors
    /// As [`Nodes::perform`].
    #[doc(alias("XS_TRANSACTION_START", "xenbus_transaction_start"))]
    pub fn begin(&mut self) -> Result<Transaction, StoreError> {
        self.ask(Request::Begin, None)?.into_transaction()
    }

    /// Shows the nodes as an open transaction sees them.
    pub const fn within<'t>(&'t mut self, transaction: &'t Transaction) -> Within<'t, 'a, L, REQUESTS, WATCHES, T> {
        Within { store: self, transaction }
    }

    /// Commits a transaction: all of it takes effect, or on an error nothing does.
    ///
    /// # Errors
    /// `EAGAIN` if it collided with another or its connection was replaced; [`StoreError::TransactionGone`];
    /// [`StoreError::TimedOut`], and nobody knows. The error gives the transaction back if nothing was sent.
    #[doc(alias("XS_TRANSACTION_END", "xenbus_transaction_end"))]
    pub fn commit(&mut self, transaction: Transaction) -> Result<(), EndError> {
        self.end(transaction, End::Commit)
    }

    /// Abandons a transaction: nothing of it takes effect.
    ///
    /// # Errors
    /// As [`commit`](Self::commit), save that one of an earlier connection is abandoned already.
    #[doc(alias("XS_TRANSACTION_END", "xenbus_transaction_end"))]
    pub fn abandon(&mut self, transaction: Transaction) -> Result<(), EndError> {
        self.end(transaction, End::Abandon)
    }

    /// Does `body` in a transaction, again from its beginning as long as the server says `EAGAIN`.
    ///
    /// If `body` fails the transaction is abandoned.
    ///
    /// Does not compile: the body reaches the nodes as the transaction sees them, and not around it.
    /// ```compile_fail,E0500
    /// # use xen_store::{Attempts, Link, Nodes, Path, Store, StoreError};
    /// # fn wrong<L: Link>(store: &mut Store<'_, L>) -> Result<(), StoreError> {
    /// store.transaction(Attempts(3), |_| store.write(Path::literal("data/a"), b"1"))
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `body` or the server said; `EAGAIN` if no attempt is left.
    #[doc(alias("xenbus_transaction_start", "xenbus_transaction_end"))]
    pub fn transaction<V>(
        &mut self,
        attempts: Attempts,
        mut body: impl FnMut(&mut Within<'_, 'a, L, REQUESTS, WATCHES, T>) -> Result<V, StoreError>,
    ) -> Result<V, StoreError> {
        for _ in 0..attempts.0.max(1) {
            let transaction = self.begin()?;
            let done = body(&mut self.within(&transaction));
            match self.close(transaction, done) {
                Err(error) if error.is_again() => {}
                closed => return closed,
            }
        }
        Err(StoreError::Said(Refusal::Again))
    }

    /// Commits what was done, or abandons what was not.
    fn close<V>(&mut self, transaction: Transaction, done: Result<V, StoreError>) -> Result<V, StoreError> {
        let (failed, open) = match done {
            Ok(value) => match self.commit(transaction) {
                Ok(()) => return Ok(value),
                Err(failed) => (failed.error, failed.transaction),
            },
            Err(error) => (error, Some(transaction)),
        };
        if let Some(transaction) = open {
            // The first error counts; if this fails too the server ends the transaction with the connection.
            let _second = self.abandon(transaction);
        }
        Err(failed)
    }

    fn end(&mut self, transaction: Transaction, how: End) -> Result<(), EndError> {
        let stale = self.core.is_stale(&transaction);
        match self.core.end(&transaction, how) {
            Ok(None) => Ok(()),
            Ok(Some(ticket)) => self.wait_for(ticket).map(drop).map_err(|error| EndError { error, transaction: None }),
            Err(error) => Err(EndError { error, transaction: if stale { None } else { Some(transaction) } }),
        }
    }
}
