//! A server that does what it is asked in order, and answers when and in what order the script says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xen_store::MessageType;

use crate::support::Message;

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Given,
    Lost,
}

/// Answers wait here until the script lets them go.
#[derive(Debug, Default)]
pub(crate) struct Server {
    seed: u32,
    incoming: Vec<u8>,
    /// Done, and not answered: the request's type, and what is to be said.
    owed: VecDeque<(u32, Message)>,
    /// Answers that were given.
    given: Vec<Message>,
    /// Bytes on their way to the client.
    outgoing: VecDeque<u8>,
    pub(crate) open: BTreeSet<u32>,
    next_transaction: u32,
    /// Paths by token.
    pub(crate) watches: BTreeMap<String, String>,
    /// What was refused, by the number in its path.
    pub(crate) refused: BTreeSet<String>,
    /// An answer was lost in this connection.
    pub(crate) has_swallowed: bool,
}

impl Server {
    pub(crate) fn new(seed: u32) -> Self {
        Self { seed, next_transaction: 1, ..Self::default() }
    }

    /// Begins a new connection; ids of transactions are used anew, as servers may.
    pub(crate) fn restart(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        *self = Self { refused, ..Self::new(self.seed) };
    }

    /// Takes bytes from the client, and does what is asked once it is whole.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.incoming.extend(bytes);
        while let Some(request) = Message::take(&mut self.incoming) {
            let answer = self.serve(&request);
            self.owed.push_back((request.header.kind, answer));
        }
    }

    fn serve(&mut self, request: &Message) -> Message {
        let no = (request.header.request.wrapping_mul(2_654_435_761) ^ self.seed).is_multiple_of(5);
        let strings = String::from_utf8_lossy(&request.body).into_owned();
        let strings: Vec<_> = strings.split('\0').map(String::from).collect();
        match MessageType::from_raw(request.header.kind).unwrap() {
            MessageType::Read | MessageType::Write if no => {
                self.refused.insert(strings[0].clone());
                request.error("EAGAIN")
            }
            MessageType::Read => request.ok(format!("of {}", strings[0]).as_bytes()),
            MessageType::Write => request.ack(),
            MessageType::TransactionStart if no => request.error("EAGAIN"),
            MessageType::TransactionStart => {
                let id = self.next_transaction;
                self.next_transaction += 1;
                self.open.insert(id);
                request.ok(format!("{id}\0").as_bytes())
            }
            MessageType::TransactionEnd => {
                assert!(self.open.remove(&request.header.transaction), "one that is open, and once");
                if no { request.error("EAGAIN") } else { request.ack() }
            }
            MessageType::Watch if self.watches.contains_key(&strings[1]) => request.error("EEXIST"),
            MessageType::Watch if no => request.error("ENOSPC"),
            MessageType::Watch => {
                self.watches.insert(strings[1].clone(), strings[0].clone());
                request.ack()
            }
            MessageType::Unwatch if self.watches.remove(&strings[1]).is_some() => request.ack(),
            MessageType::Unwatch => request.error("ENOENT"),
            other => panic!("{other:?} is not asked"),
        }
    }

    /// Answers one of what is owed, or never will.
    ///
    /// The begin of a transaction is answered before what was asked after it: who gave up on it may have forgotten it by then,
    /// and the transaction would stay open. Real servers answer all in order.
    pub(crate) fn answer(&mut self, at: usize, fate: Fate) {
        let Some(at) = at.checked_rem(self.owed.len()) else { return };
        let begin = self.owed.iter().take(at).position(|(kind, _)| *kind == MessageType::TransactionStart.raw());
        let Some((_, answer)) = self.owed.remove(begin.unwrap_or(at)) else { return };
        if fate == Fate::Lost {
            self.has_swallowed = true;
        } else {
            self.outgoing.extend(answer.bytes());
            self.given.push(answer);
        }
    }

    /// Says again what was said before.
    pub(crate) fn repeat(&mut self, at: usize) {
        if let Some(at) = at.checked_rem(self.given.len()) {
            self.outgoing.extend(self.given[at].bytes());
        }
    }

    /// Tells of a change below one of the paths that are watched.
    pub(crate) fn event(&mut self, at: usize) {
        if let Some(at) = at.checked_rem(self.watches.len()) {
            let (token, path) = self.watches.iter().nth(at).unwrap();
            self.outgoing.extend(Message::event(&format!("{path}/x"), token).bytes());
        }
    }

    /// Returns the next bytes for the client.
    pub(crate) fn give(&mut self, count: usize) -> Vec<u8> {
        self.outgoing.drain(..count.min(self.outgoing.len())).collect()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.owed.is_empty() && self.outgoing.is_empty()
    }
}
