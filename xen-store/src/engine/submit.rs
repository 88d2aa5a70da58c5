//! Requests, from submission to answer.

use super::Core;
use crate::exchange::place;
use crate::slot::{Left, Slot};
use crate::{Answer, MessageType, Request, StoreError, Ticket, Transaction, WatchId};

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Asks something, within a transaction or without; within, only what is about nodes.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::Poisoned`], [`StoreError::Full`], [`StoreError::TooLong`],
    /// [`StoreError::NotOffered`] if the server must offer something for it and does not, or [`StoreError::EpochChanged`]
    /// if the transaction is of an earlier connection. Nothing was sent.
    pub fn submit(&mut self, request: Request<'_>, within: Option<&Transaction>) -> Result<Ticket, StoreError> {
        self.admit()?;
        let transaction = self.transaction_id(within)?;
        let transaction = if request.is_of_nodes() { transaction } else { 0 };
        self.offered(request.needs())?;
        let place = self.free_slot()?;
        let slot = self.slots.get_mut(place).ok_or(StoreError::Full)?;
        slot.body.fill(|body| request.write(body)).ok_or(StoreError::TooLong)?;
        self.stage(place, request.kind(), transaction)
    }

    /// Returns what came of a request, or its ticket if that is not known yet.
    ///
    /// A ticket of another session gives [`StoreError::Stale`].
    pub fn poll_reply(&mut self, ticket: Ticket) -> Answer<'_> {
        let Some(slot) = find(&mut self.slots, &ticket) else { return Answer::Done(Err(StoreError::Stale)) };
        let Some(outcome) = slot.outcome() else { return Answer::Pending(ticket) };
        slot.take_back();
        Answer::Done(outcome.map(|()| slot.reply()))
    }

    /// Has the answer to a request, which reads a node, make void what a watch of that node told before it: the server reports
    /// a change before it answers what it was asked later. What is told after the answer stands.
    pub(crate) fn supersede(&mut self, ticket: &Ticket, watch: WatchId) {
        if let Some(slot) = find(&mut self.slots, ticket) {
            slot.set_reads(watch);
        }
    }

    /// Tells whether [`poll_reply`](Self::poll_reply) would end the ticket.
    #[must_use]
    pub fn is_done(&mut self, ticket: &Ticket) -> bool {
        find(&mut self.slots, ticket).is_none_or(|slot| slot.outcome().is_some())
    }

    /// Waits no longer for an answer.
    ///
    /// What is not sent yet never will be; the commit of a transaction becomes its end by an abandon. Otherwise the slot stays
    /// in use until the server has answered, so that no other request can be taken for this one; a transaction that begins too
    /// late is abandoned. Once a later request was answered, the slot is given to another request if no other slot is left.
    pub fn give_up(&mut self, ticket: Ticket) {
        let (session, order) = (self.session, self.next_order());
        if find(&mut self.slots, &ticket).is_some_and(|slot| slot.give_up(session, order) == Left::Transaction) {
            self.open = self.open.saturating_sub(1);
        }
    }

    /// Tells whether a slot is free, so that a request would not be refused as [`StoreError::Full`].
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.free_slot().is_ok()
    }

    /// Tells whether nothing is to come of the request at a place, or that is none of anybody.
    pub(crate) fn is_over_at(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| slot.outcome().is_some())
    }

    /// Keeps a slot back as long as others are in use, as if it were not there; if there is another.
    pub(crate) const fn keep_one(&mut self) {
        self.keeps = REQUESTS > 1;
    }

    /// Keeps none back any more.
    pub(crate) const fn keep_none(&mut self) {
        self.keeps = false;
    }

    pub(super) fn free_slot(&self) -> Result<usize, StoreError> {
        let usable = self.slots.iter().filter(|slot| slot.is_free() || slot.is_overtaken()).count();
        // Where nobody waits for an answer all other slots are of answers that were given up: a later one sets them free.
        let keeps = self.keeps && self.slots.iter().any(Slot::is_waited_for);
        if usable <= usize::from(keeps) {
            return Err(StoreError::Full);
        }
        let free = self.slots.iter().position(Slot::is_free);
        free.or_else(|| self.slots.iter().position(Slot::is_overtaken)).ok_or(StoreError::Full)
    }

    pub(super) fn stage(&mut self, place: usize, kind: MessageType, transaction: u32) -> Result<Ticket, StoreError> {
        let (session, order) = (self.session, self.next_order());
        self.watchdog.moved();
        let slot = self.slots.get_mut(place).ok_or(StoreError::Full)?;
        slot.exchange.start(kind, transaction, order);
        let id = slot.exchange.id(place);
        slot.take(id, session);
        Ok(Ticket(id))
    }

    fn transaction_id(&self, within: Option<&Transaction>) -> Result<u32, StoreError> {
        match within {
            None => Ok(0),
            Some(transaction) if transaction.session == self.session => Ok(transaction.id),
            Some(_) => Err(StoreError::EpochChanged),
        }
    }
}

pub(super) fn find<'s>(slots: &'s mut [Slot], ticket: &Ticket) -> Option<&'s mut Slot> {
    slots.get_mut(place(ticket.0)).filter(|slot| slot.is_of(ticket.0))
}
