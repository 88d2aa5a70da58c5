//! A place for one request of the caller and its answer.

use xen_hypercall::Nanos;

use crate::body::Body;
use crate::exchange::{Exchange, Stage};
use crate::wire::Header;
use crate::{End, MessageType, Reply, StoreError, WatchId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    /// A ticket is out.
    Ticket,
    /// The ticket was given up, but the server owes an answer.
    GivenUp,
    /// A ticket is out, but its time is over, and the server owes an answer.
    Expired,
}

/// What was there for whoever gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    /// A transaction that had begun; it is abandoned.
    Transaction,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) exchange: Exchange,
    pub(crate) body: Body,
    owner: Owner,
    /// The id by which the ticket names the slot; the exchange may have gone on to another.
    ticket: u32,
    /// The connection that it was taken for.
    pub(crate) session: u32,
    outcome: Result<(), StoreError>,
    /// When the ticket's time is over.
    deadline: Nanos,
    /// The watch of the node that is read: what it told before the answer is void with that.
    reads: Option<WatchId>,
}

impl Slot {
    pub(crate) const fn new() -> Self {
        Self {
            exchange: Exchange::new(),
            body: Body::new(),
            owner: Owner::Nobody,
            ticket: 0,
            session: 0,
            outcome: Ok(()),
            deadline: Nanos::MAX,
            reads: None,
        }
    }

    pub(crate) fn is_free(&self) -> bool {
        self.owner == Owner::Nobody
    }

    /// Takes the slot for a request whose body is there; the exchange is to be started.
    pub(crate) const fn take(&mut self, ticket: u32, session: u32) {
        self.owner = Owner::Ticket;
        self.ticket = ticket;
        self.session = session;
        self.deadline = Nanos::MAX;
        self.reads = None;
    }

    pub(crate) const fn set_reads(&mut self, watch: WatchId) {
        self.reads = Some(watch);
    }

    /// Returns the watch whose events are void by the answer that has come, if somebody waits for that.
    pub(crate) fn take_reads(&mut self) -> Option<WatchId> {
        self.reads.take().filter(|_| self.owner == Owner::Ticket)
    }

    /// Tells whether a ticket is out for it.
    pub(crate) fn is_of(&self, ticket: u32) -> bool {
        matches!(self.owner, Owner::Ticket | Owner::Expired) && self.ticket == ticket
    }

    /// Returns what came of the request, once it is known.
    pub(crate) fn outcome(&self) -> Option<Result<(), StoreError>> {
        if self.owner == Owner::Expired {
            return Some(Err(StoreError::TimedOut));
        }
        if self.exchange.is_idle() { Some(self.outcome) } else { None }
    }

    /// Returns the answer that has come.
    pub(crate) fn reply(&self) -> Reply<'_> {
        Reply { kind: self.exchange.kind, body: self.body.as_bytes(), session: Some(self.session) }
    }

    /// Takes the ticket back, whose outcome is known.
    pub(crate) const fn take_back(&mut self) {
        self.owner = if self.exchange.is_idle() { Owner::Nobody } else { Owner::GivenUp };
    }

    pub(crate) const fn set_deadline(&mut self, deadline: Nanos) {
        self.deadline = deadline;
    }

    /// Returns when the ticket's time is over, if it waits and has a deadline.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        let waits = self.owner == Owner::Ticket && !self.exchange.is_idle();
        (waits && self.deadline < Nanos::MAX).then_some(self.deadline)
    }

    /// Ends the ticket's wait if its time is over; what the server has not seen is not sent.
    pub(crate) fn expire(&mut self, now: Nanos) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match (self.exchange.stage, self.exchange.kind) {
            (Stage::Staged(_), MessageType::TransactionEnd) => {
                self.owner = Owner::Expired;
                self.abandon_body();
            }
            (Stage::Staged(_) | Stage::Idle, _) => self.end(Err(StoreError::TimedOut)),
            (Stage::Sending | Stage::Sent | Stage::Overtaken, _) => self.owner = Owner::Expired,
        }
    }

    /// Leaves the answer to nobody; what the server has not seen yet is not sent, and what it has open for us is ended, if
    /// it is of the connection `session`.
    pub(crate) fn give_up(&mut self, session: u32, order: u64) -> Left {
        match (self.exchange.stage, self.exchange.kind) {
            (Stage::Sending | Stage::Sent | Stage::Overtaken, _) => self.owner = Owner::GivenUp,
            (Stage::Staged(_), MessageType::TransactionEnd) => {
                self.owner = Owner::GivenUp;
                self.abandon_body();
            }
            (Stage::Idle, MessageType::TransactionStart) if self.outcome.is_ok() && self.session == session => {
                if let Ok(transaction) = crate::decode::transaction(self.body.as_bytes()) {
                    self.owner = Owner::GivenUp;
                    self.abandon(transaction, order);
                    return Left::Transaction;
                }
                self.owner = Owner::Nobody;
            }
            (Stage::Idle | Stage::Staged(_), _) => {
                self.exchange.stage = Stage::Idle;
                self.owner = Owner::Nobody;
            }
        }
        Left::Nothing
    }

    fn abandon(&mut self, transaction: u32, order: u64) {
        self.exchange.start(MessageType::TransactionEnd, transaction, order);
        self.abandon_body();
    }

    fn abandon_body(&mut self) {
        let _fits = self.body.fill(|body| body.text(End::Abandon.letter()));
    }

    /// Takes the answer in; a transaction that nobody waits for any more is abandoned.
    pub(crate) fn answer(&mut self, header: &Header, body: &[u8], order: u64) -> Result<(), StoreError> {
        let outcome = self.exchange.judge(header, body);
        if let Some(transaction) = self.orphan(outcome, body) {
            self.abandon(transaction, order);
        } else {
            let _fits = self.body.fill(|to| to.bytes(body));
            self.end(outcome);
        }
        outcome
    }

    /// Tells whether a transaction has begun here for somebody.
    pub(crate) fn has_begun(&self) -> bool {
        self.exchange.kind == MessageType::TransactionStart && self.exchange.is_idle() && self.outcome.is_ok()
    }

    /// Takes note that the request of that order was answered: one before it, for which nobody waits, hardly will be.
    pub(crate) fn overtaken(&mut self, order: u64) {
        if matches!(self.owner, Owner::GivenUp | Owner::Expired) && self.exchange.falls_behind(order) {
            self.exchange.stage = Stage::Overtaken;
        }
    }

    /// Tells whether somebody waits for what comes of it, or has not taken it yet.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.owner == Owner::Ticket
    }

    /// Tells whether it may be taken for another request, if there is no better one: a late answer is a stray then.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.owner == Owner::GivenUp && self.exchange.stage == Stage::Overtaken
    }

    /// Ends the request without an answer, if it is under way.
    pub(crate) fn abort(&mut self, error: StoreError) {
        if !self.exchange.is_idle() {
            self.end(Err(error));
        }
    }

    fn end(&mut self, outcome: Result<(), StoreError>) {
        self.exchange.stage = Stage::Idle;
        (self.owner, self.outcome) = match self.owner {
            Owner::Ticket => (Owner::Ticket, outcome),
            Owner::Expired => (Owner::Ticket, Err(StoreError::TimedOut)),
            Owner::GivenUp | Owner::Nobody => (Owner::Nobody, outcome),
        };
    }

    fn orphan(&self, outcome: Result<(), StoreError>, body: &[u8]) -> Option<u32> {
        let begun = self.exchange.kind == MessageType::TransactionStart && outcome.is_ok();
        if begun && self.owner != Owner::Ticket { crate::decode::transaction(body).ok() } else { None }
    }
}
