//! Transactions.

use super::Client;
use super::ask::ACK;
use crate::{Attempts, End, Link, Refusal, Reply, Request, StoreError, Transaction, Transport};

/// The nodes as an open transaction sees them.
#[derive(Debug)]
pub struct Inside<'t, 'a, L, const REQUESTS: usize, const WATCHES: usize, T> {
    client: &'t Client<'a, L, REQUESTS, WATCHES, T>,
    transaction: &'t Transaction,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Inside<'_, '_, L, REQUESTS, WATCHES, T> {
    /// Does as [`Client::perform`] within the transaction.
    ///
    /// # Errors
    /// As [`Client::perform`].
    pub async fn perform<'b>(&self, request: Request<'_>, buffer: &'b mut [u8]) -> Result<Reply<'b>, StoreError> {
        self.client.ask(request, Some(self.transaction), buffer).await
    }
}

/// A transaction that is open; one that is not ended is abandoned by the driver.
struct Open<'c, 'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> {
    client: &'c Client<'a, L, REQUESTS, WATCHES, T>,
    transaction: Option<Transaction>,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Drop
    for Open<'_, '_, L, T, REQUESTS, WATCHES>
{
    fn drop(&mut self) {
        let Some(transaction) = self.transaction.take() else { return self.client.close() };
        // There is a place for each that may be open.
        let mut orphans = self.client.orphans.borrow_mut();
        if let Some(place) = orphans.iter_mut().find(|orphan| orphan.is_none()) {
            *place = Some(transaction);
        }
        drop(orphans);
        self.client.urge();
    }
}

impl<'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'a, L, REQUESTS, WATCHES, T> {
    /// Does `body` in a transaction, again from its beginning as long as the server says `EAGAIN`.
    ///
    /// If `body` fails, or the future is dropped, the transaction is abandoned. As many may be open as there are slots.
    ///
    /// # Errors
    /// What `body` or the server said; `EAGAIN` if no attempt is left; [`StoreError::Full`] if too many are open.
    pub async fn transaction<R>(
        &self,
        attempts: Attempts,
        mut body: impl AsyncFnMut(&Inside<'_, 'a, L, REQUESTS, WATCHES, T>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        for _ in 0..attempts.0.max(1) {
            let mut open = self.open()?;
            open.transaction = Some(self.ask(Request::Begin, None, &mut [0; ID]).await?.into_transaction()?);
            let Some(transaction) = &open.transaction else { break };
            let done = body(&Inside { client: self, transaction }).await?;
            match open.commit().await {
                Err(error) if error.is_again() => {}
                committed => return committed.map(|()| done),
            }
        }
        Err(StoreError::Said(Refusal::Again))
    }

    /// Counts one more that is open.
    fn open(&self) -> Result<Open<'_, 'a, L, T, REQUESTS, WATCHES>, StoreError> {
        let open = self.open.get();
        if open >= REQUESTS {
            return Err(StoreError::Full);
        }
        self.open.set(open.saturating_add(1));
        Ok(Open { client: self, transaction: None })
    }
}

/// The longest answer to the beginning of a transaction: a number of 32 bits.
const ID: usize = 16;

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Open<'_, '_, L, T, REQUESTS, WATCHES> {
    async fn commit(&mut self) -> Result<(), StoreError> {
        let client = self.client;
        let Some(transaction) = &self.transaction else { return Ok(()) };
        let ticket = client.with_room(|core| core.end(transaction, End::Commit)).await;
        match ticket {
            Ok(ticket) => {
                // Whatever comes of it, it is over.
                self.transaction = None;
                match ticket {
                    Some(ticket) => client.answer(ticket, &mut [0; ACK]).await.map(drop),
                    None => Ok(()),
                }
            }
            Err(error) => Err(error),
        }
    }
}
