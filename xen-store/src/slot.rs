//! A place for one request of the caller and its answer.

use crate::exchange::{Exchange, Stage};
use crate::request::Body;
use crate::wire::Header;
use crate::{MessageType, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    /// A ticket is out.
    Ticket,
    /// The ticket was given up, but the server owes an answer.
    GivenUp,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) exchange: Exchange,
    pub(crate) body: Body,
    owner: Owner,
    outcome: Result<(), StoreError>,
}

impl Slot {
    pub(crate) const fn new() -> Self {
        Self { exchange: Exchange::new(), body: Body::new(), owner: Owner::Nobody, outcome: Ok(()) }
    }

    pub(crate) fn is_free(&self) -> bool {
        self.owner == Owner::Nobody
    }

    /// Takes the slot for a request whose body is there.
    pub(crate) const fn take(&mut self, kind: MessageType, transaction: u32, order: u64) {
        self.owner = Owner::Ticket;
        self.exchange.start(kind, transaction, order);
    }

    /// Returns what came of the request, once it is known.
    pub(crate) const fn outcome(&self) -> Option<Result<(), StoreError>> {
        if self.exchange.is_idle() { Some(self.outcome) } else { None }
    }

    pub(crate) const fn free(&mut self) {
        self.owner = Owner::Nobody;
    }

    /// Leaves the answer to nobody; what the server has not seen yet is not sent.
    pub(crate) const fn give_up(&mut self) {
        match self.exchange.stage {
            Stage::Sending | Stage::Sent | Stage::Overtaken => self.owner = Owner::GivenUp,
            Stage::Idle | Stage::Staged(_) => {
                self.exchange.stage = Stage::Idle;
                self.owner = Owner::Nobody;
            }
        }
    }

    /// Takes the answer in; a transaction that nobody waits for any more is abandoned.
    pub(crate) fn answer(&mut self, header: &Header, body: &[u8], order: u64) -> Result<(), StoreError> {
        let outcome = self.exchange.judge(header, body);
        let orphan = self.orphan(outcome, body);
        self.body.clear();
        if let Some(transaction) = orphan {
            self.exchange.start(MessageType::TransactionEnd, transaction, order);
            let _fits = self.body.string("F");
        } else {
            let _fits = self.body.bytes(body);
            self.end(outcome);
        }
        outcome
    }

    /// Takes note that the request of that order was answered: one before it, for which nobody waits, hardly will be.
    pub(crate) fn overtaken(&mut self, order: u64) {
        if self.owner == Owner::GivenUp && self.exchange.falls_behind(order) {
            self.exchange.stage = Stage::Overtaken;
        }
    }

    /// Tells whether it may be taken for another request, if there is no better one: a late answer is a stray then.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.exchange.stage == Stage::Overtaken
    }

    /// Ends the request without an answer, if it is under way.
    pub(crate) fn abort(&mut self, error: StoreError) {
        if !self.exchange.is_idle() {
            self.end(Err(error));
        }
    }

    fn end(&mut self, outcome: Result<(), StoreError>) {
        self.exchange.stage = Stage::Idle;
        self.outcome = outcome;
        if self.owner == Owner::GivenUp {
            self.owner = Owner::Nobody;
        }
    }

    fn orphan(&self, outcome: Result<(), StoreError>, body: &[u8]) -> Option<u32> {
        let begun = self.exchange.kind == MessageType::TransactionStart && outcome.is_ok();
        if begun && self.owner == Owner::GivenUp { crate::decode::transaction(body).ok() } else { None }
    }
}
