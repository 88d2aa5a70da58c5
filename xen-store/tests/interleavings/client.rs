//! The core, its tickets, and what a model of it says must be.

use std::collections::BTreeSet;

use xen_hypercall::Nanos;
use xen_store::{Answer, Core, End, Path, Refusal, Request, StoreError, Ticket, Transaction, WatchId, WatchStatus};

use crate::server::{Fate, Server};

pub(crate) const REQUESTS: usize = 3;
pub(crate) const WATCHES: usize = 2;

/// What a ticket stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Read(String),
    Write(String),
    Begin,
    End,
}

struct Out {
    ticket: Ticket,
    what: What,
    epoch: u32,
    deadline: Option<u64>,
}

pub(crate) struct Client {
    core: Box<Core<REQUESTS, WATCHES>>,
    pub(crate) server: Server,
    out: Vec<Out>,
    held: Vec<Transaction>,
    watches: Vec<WatchId>,
    number: u32,
    epoch: u32,
    now: u64,
}

impl Client {
    pub(crate) fn new(seed: u32) -> Self {
        let (core, server) = (Box::new(Core::new()), Server::new(seed));
        Self { core, server, out: Vec::new(), held: Vec::new(), watches: Vec::new(), number: 0, epoch: 0, now: 0 }
    }

    /// A slot or an entry may be missing; nothing else is in the way.
    fn keep(&mut self, ticket: Result<Ticket, StoreError>, what: What) {
        match ticket {
            Ok(ticket) => self.out.push(Out { ticket, what, epoch: self.epoch, deadline: None }),
            Err(error) => assert!(matches!(error, StoreError::Full | StoreError::Fenced), "{error}"),
        }
    }

    pub(crate) fn submit(&mut self, kind: u8) {
        self.number += 1;
        let name = format!("n/{}", self.number);
        let path = Path::new(&name).unwrap();
        let long = [b'x'; 700];
        match kind % 4 {
            0 | 1 => {
                let ticket = self.core.submit(Request::Read(path), None);
                self.keep(ticket, What::Read(name));
            }
            2 => {
                let ticket = self.core.submit(Request::Write(path, &long), None);
                self.keep(ticket, What::Write(name));
            }
            _ => {
                let ticket = self.core.submit(Request::Begin, None);
                self.keep(ticket, What::Begin);
            }
        }
    }

    pub(crate) fn end(&mut self, at: usize) {
        let Some(at) = at.checked_rem(self.held.len()) else { return };
        let how = if self.number.is_multiple_of(2) { End::Commit } else { End::Abandon };
        match self.core.end(&self.held[at], how) {
            Ok(Some(ticket)) => {
                let _ended = self.held.remove(at);
                self.keep(Ok(ticket), What::End);
            }
            Ok(None) | Err(StoreError::Said(Refusal::Again)) => {
                assert!(self.core.is_stale(&self.held.remove(at)), "only what went with its connection is not sent");
            }
            Err(error) => assert!(matches!(error, StoreError::Full | StoreError::Fenced), "{error}"),
        }
    }

    pub(crate) fn watch(&mut self) {
        self.number += 1;
        match self.core.watch(Path::new(&format!("w/{}", self.number)).unwrap()) {
            Ok(watch) => self.watches.push(watch),
            Err(error) => assert!(matches!(error, StoreError::Full | StoreError::Fenced), "{error}"),
        }
    }

    pub(crate) fn unwatch(&mut self, at: usize) {
        let Some(at) = at.checked_rem(self.watches.len()) else { return };
        match self.core.unwatch(self.watches[at]) {
            Ok(()) => drop(self.watches.remove(at)),
            Err(error) => assert_eq!(error, StoreError::Fenced),
        }
    }

    pub(crate) fn give_up(&mut self, at: usize) {
        if let Some(at) = at.checked_rem(self.out.len()) {
            let out = self.out.remove(at);
            self.core.give_up(out.ticket);
        }
    }

    pub(crate) fn expire(&mut self, at: usize, after: u64) {
        if let Some(at) = at.checked_rem(self.out.len()) {
            let deadline = self.now + after;
            self.core.expire_at(&self.out[at].ticket, Nanos(deadline));
            // Over is over.
            if self.out[at].deadline.is_none_or(|before| before > self.now) {
                self.out[at].deadline = Some(deadline);
            }
        }
    }

    pub(crate) fn tick(&mut self, by: u64) {
        self.now += by;
        self.core.handle_time(Nanos(self.now));
        let next = self.core.poll_deadline();
        assert!(next.is_none_or(|next| next > Nanos(self.now)), "what was due is done: {next:?}");
    }

    pub(crate) fn transmit(&mut self, most: usize) {
        if let Some(bytes) = self.core.poll_transmit() {
            let count = bytes.len().min(most);
            self.server.take(&bytes[..count]);
            self.core.handle_transmitted(count);
        }
    }

    pub(crate) fn receive(&mut self, most: usize) {
        let bytes = self.server.give(most);
        self.core.handle_bytes(&bytes).unwrap();
        while let Some(event) = self.core.poll_event() {
            assert!(self.watches.contains(&event.watch), "nothing comes after the end of a watch");
        }
    }

    pub(crate) fn fence(&mut self) {
        self.core.fence();
    }

    pub(crate) fn unfence(&mut self) {
        self.core.unfence();
    }

    pub(crate) fn replace(&mut self) {
        self.epoch += 1;
        self.server.restart();
        self.core.epoch_changed();
        assert!(self.core.is_quiet());
        self.core.rewatch();
    }

    /// Polls a ticket: it is not over yet, or over for good and with what is its own.
    pub(crate) fn poll(&mut self, at: usize) {
        let Some(at) = at.checked_rem(self.out.len()) else { return };
        let Out { ticket, what, epoch, deadline } = self.out.remove(at);
        let done = self.core.is_done(&ticket);
        match self.core.poll_reply(ticket) {
            Answer::Pending(ticket) => {
                assert!(!done && epoch == self.epoch, "nothing outlives its connection");
                self.out.insert(at, Out { ticket, what, epoch, deadline });
            }
            Answer::Done(Ok(reply)) => match what {
                What::Read(name) => {
                    assert_eq!(reply.value(), format!("of {name}").as_bytes(), "its own answer");
                    assert!(!self.server.refused.contains(&name));
                }
                What::Write(name) => assert!(!self.server.refused.contains(&name)),
                What::Begin => {
                    let transaction = reply.into_transaction().unwrap();
                    // What was answered before the connection was replaced stays answered, and went with it.
                    assert_eq!(self.core.is_stale(&transaction), epoch < self.epoch);
                    self.held.push(transaction);
                }
                What::End => {}
            },
            Answer::Done(Err(StoreError::Said(Refusal::Again))) => match what {
                What::Read(name) | What::Write(name) => assert!(self.server.refused.contains(&name)),
                What::Begin | What::End => {}
            },
            Answer::Done(Err(StoreError::TimedOut)) => assert!(deadline.is_some_and(|deadline| deadline <= self.now)),
            Answer::Done(Err(StoreError::EpochChanged)) => assert!(epoch < self.epoch),
            Answer::Done(Err(error)) => panic!("{what:?}: {error}"),
        }
    }

    /// Lets everything come to its end.
    fn drain(&mut self) {
        for _ in 0..1000 {
            self.transmit(usize::MAX);
            self.server.answer(0, Fate::Given);
            self.receive(usize::MAX);
            if self.server.is_idle() && self.core.poll_transmit().is_none() {
                return;
            }
        }
        panic!("there is no end");
    }

    /// Checks that nothing has leaked, here or there.
    pub(crate) fn finish(mut self) {
        self.core.unfence();
        if self.server.has_swallowed {
            self.replace();
        }
        self.drain();
        while !self.out.is_empty() {
            let before = self.out.len();
            self.poll(0);
            assert!(self.out.len() < before, "all is answered");
        }
        self.drain();
        for _ in 0..3 {
            self.core.rewatch_missing();
            self.drain();
        }
        assert!(self.core.is_quiet());
        self.nothing_is_open_but_what_is_held();
        self.all_slots_come_back();
        self.all_watches_come_back();
    }

    fn nothing_is_open_but_what_is_held(&mut self) {
        let session = |transaction: &Transaction| !self.core.is_stale(transaction);
        let held = self.held.iter().filter(|transaction| session(transaction)).count();
        assert_eq!(self.server.open.len(), held, "{:?}", self.server.open);
        while !self.held.is_empty() {
            self.end(0);
            self.drain();
            while !self.out.is_empty() {
                self.poll(0);
            }
        }
        assert!(self.server.open.is_empty());
        let mut known = BTreeSet::new();
        for watch in self.watches.clone() {
            match self.core.watch_status(watch).unwrap() {
                WatchStatus::Registered => drop(known.insert(self.core.watched_path(watch).unwrap().to_string())),
                WatchStatus::Refused(StoreError::Said(Refusal::NoSpace)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.server.watches.values().cloned().collect::<BTreeSet<_>>(), known);
    }

    fn all_slots_come_back(&mut self) {
        let path = Path::literal("last");
        let tickets: Vec<_> = (0..REQUESTS).map(|_| self.core.submit(Request::Read(path), None).unwrap()).collect();
        assert_eq!(self.core.submit(Request::Read(path), None), Err(StoreError::Full));
        tickets.into_iter().for_each(|ticket| self.core.give_up(ticket));
        self.drain();
        assert!(self.core.is_quiet());
    }

    fn all_watches_come_back(&mut self) {
        while !self.watches.is_empty() {
            self.unwatch(0);
        }
        self.drain();
        assert!(self.server.watches.is_empty(), "{:?}", self.server.watches);
        for _ in 0..WATCHES {
            self.watch();
        }
        assert_eq!(self.watches.len(), WATCHES);
    }
}
