//! The guest's connection: watches, transactions, and bytes on their way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xen_hypercall::{DomId, Nanos};

use super::transaction::Transaction;
use super::tree::Change;
use super::watch::Watch;
use super::wire::{HEADER, Header, Message, PAYLOAD_MAX};

/// Messages that fit into the ring of replies at once, and one more.
const MOST_WAITING: usize = 1024 / HEADER + 1;

/// Bytes to be sent, not before a time.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) not_before: Nanos,
    pub(crate) bytes: VecDeque<u8>,
    /// The request that it answers; `None` of an event.
    answers: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) domain: DomId,
    pub(crate) watches: Vec<Watch>,
    pub(crate) transactions: BTreeMap<u32, Transaction>,
    pub(crate) next_transaction: u32,
    /// Bytes of a request that is not whole yet.
    pub(crate) incoming: VecDeque<u8>,
    pub(crate) outgoing: VecDeque<Outgoing>,
    /// Numbers of the requests that have no answer yet.
    unanswered: BTreeSet<u32>,
    /// Where in the ring of replies messages begin: the latest of them.
    begins: VecDeque<u32>,
    /// The client broke the protocol: it is not listened to any more.
    pub(crate) ignored: bool,
}

/// The next request of a connection.
pub(crate) enum Next {
    Request(Message),
    NotYet,
    TooLong,
}

impl Connection {
    pub(crate) const fn new(domain: DomId) -> Self {
        Self {
            domain,
            watches: Vec::new(),
            transactions: BTreeMap::new(),
            next_transaction: 1,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            unanswered: BTreeSet::new(),
            begins: VecDeque::new(),
            ignored: false,
        }
    }

    /// Takes the next request out, if it has come whole.
    pub(crate) fn next_request(&mut self) -> Next {
        if self.incoming.len() < HEADER {
            return Next::NotYet;
        }
        let mut head = [0; HEADER];
        for (to, from) in head.iter_mut().zip(&self.incoming) {
            *to = *from;
        }
        let Header { op, request, transaction, len } = Header::parse(head);
        if len > PAYLOAD_MAX {
            return Next::TooLong;
        }
        if self.incoming.len() < HEADER + len {
            return Next::NotYet;
        }
        let payload = self.incoming.drain(..HEADER + len).skip(HEADER).collect();
        Next::Request(Message { op, request, transaction, payload })
    }

    /// Notes that a request has come; tells whether its number was free.
    pub(crate) fn asked(&mut self, request: u32) -> bool {
        self.unanswered.insert(request)
    }

    pub(crate) fn send(&mut self, message: &Message, not_before: Nanos) {
        let answers = Some(message.request);
        self.outgoing.push_back(Outgoing { not_before, bytes: message.to_bytes().into(), answers });
    }

    /// Takes the next byte that is due out, to be put at `at` in the ring of replies.
    pub(crate) fn next_byte(&mut self, at: u32, now: Nanos) -> Option<u8> {
        let first = self.outgoing.front_mut().filter(|first| first.not_before <= now)?;
        let byte = first.bytes.pop_front();
        if first.bytes.is_empty() {
            let answered = self.outgoing.pop_front().and_then(|sent| sent.answers);
            answered.map(|request| self.unanswered.remove(&request));
            self.begins.push_back(at.wrapping_add(1));
            self.begins.drain(..self.begins.len().saturating_sub(MOST_WAITING));
        }
        byte
    }

    /// Tells whether neither side is in the middle of a message, the guest having read up to `cons`.
    pub(crate) fn is_between_messages(&self, cons: u32) -> bool {
        self.incoming.is_empty() && (self.begins.is_empty() || self.begins.contains(&cons))
    }

    /// Queues an event for each watch that a change concerns.
    pub(crate) fn fire(&mut self, change: &Change) {
        let events: Vec<_> = self.watches.iter().filter_map(|watch| watch.event_of(change, self.domain)).collect();
        for event in events {
            self.send_event(&event);
        }
    }

    /// Queues an event, unless the same one waits already, as newer versions of the C xenstored do.
    pub(crate) fn send_event(&mut self, event: &Message) {
        let bytes = VecDeque::from(event.to_bytes());
        if !self.outgoing.iter().any(|waiting| waiting.bytes == bytes) {
            self.outgoing.push_back(Outgoing { not_before: Nanos::ZERO, bytes, answers: None });
        }
    }

    /// Puts what was queued from `from` on, save the last, behind the last, to be sent not before a time.
    pub(crate) fn put_off(&mut self, from: usize, not_before: Nanos) {
        let Some(last) = self.outgoing.pop_back() else { return };
        let mut late = self.outgoing.split_off(from.min(self.outgoing.len()));
        late.iter_mut().for_each(|event| event.not_before = not_before);
        self.outgoing.push_back(last);
        self.outgoing.append(&mut late);
    }

    /// Forgets watches and transactions.
    pub(crate) fn reset(&mut self) {
        self.watches.clear();
        self.transactions.clear();
    }
}
