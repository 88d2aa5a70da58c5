//! The blocking facade: loops and waits around the core, and no decision of its own.

mod connect;
mod suspend;
mod transaction;
mod wait_until;
mod watch;
mod xenbus;

pub use transaction::{Attempts, Within};
pub use wait_until::Watching;

use xen_hypercall::Nanos;

use crate::watch::REREAD;
use crate::{
    Answer, Core, Fault, Link, Nodes, Pipeline, Reply, Request, Requests, Ring, StoreError, Ticket, Transaction,
    Transport,
};

/// How long an answer is waited for, unless [`Store::set_patience`] says otherwise.
const PATIENCE: Nanos = Nanos::from_secs(5);
/// Bytes taken at once.
const PIECE: usize = 256;
/// The most pieces taken before time is looked at: four rings.
const PIECES: usize = 16;

/// A connection to the xenstore server that waits for its answers.
///
/// It lends its page and its [`Core`], so that the embedder decides where they live. Give it `&mut` to whoever needs the
/// store; a kernel with several threads puts it behind its own lock. See [`Nodes`] for what it does with nodes. Its bytes
/// travel in the ring of a guest's page, unless it was made over another [`Transport`].
#[derive(Debug)]
pub struct Store<'a, L, const REQUESTS: usize = 4, const WATCHES: usize = 16, T = Ring<'a>> {
    core: &'a mut Core<REQUESTS, WATCHES>,
    transport: T,
    link: L,
    patience: Nanos,
}

/// Whether bytes may be left in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Idle,
    More,
}

impl<'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Store<'a, L, REQUESTS, WATCHES, T> {
    /// Connects over any transport.
    pub const fn over(transport: T, core: &'a mut Core<REQUESTS, WATCHES>, link: L) -> Self {
        // It may have been a client's.
        core.keep_none();
        Self { core, transport, link, patience: PATIENCE }
    }

    /// Sets how long every single answer is waited for; five seconds unless set.
    pub const fn set_patience(&mut self, patience: Nanos) {
        self.patience = patience;
    }

    /// Returns the core, for what the facade does not offer: requests in a pipeline, counters.
    pub const fn core(&mut self) -> &mut Core<REQUESTS, WATCHES> {
        self.core
    }

    /// Returns the seam.
    pub const fn link(&self) -> &L {
        &self.link
    }

    /// Returns what carries the bytes, for one who speaks the protocol beside the core while that is quiet.
    pub const fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Tells how many messages were sent since the core was made.
    #[must_use]
    pub const fn requests_sent(&self) -> u64 {
        self.core.counters().sent
    }

    /// Moves what can be moved between core and transport, without waiting.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] if the session is over.
    pub fn pump(&mut self) -> Result<(), StoreError> {
        self.turn_and_tell().map(drop)
    }

    /// Waits for the answer to a request that was submitted to the core, as long as the patience lasts.
    ///
    /// # Errors
    /// What the answer says, or [`StoreError::TimedOut`].
    pub fn wait_for(&mut self, ticket: Ticket) -> Result<Reply<'_>, StoreError> {
        let waited = self.settle(&ticket);
        self.collect(ticket, waited)
    }

    /// Waits until a request is over, as long as the patience lasts.
    fn settle(&mut self, ticket: &Ticket) -> Result<(), StoreError> {
        let deadline = self.deadline();
        self.until(deadline, |store| store.core.is_done(ticket))
    }

    /// Returns what came of a request that was waited for.
    fn collect(&mut self, ticket: Ticket, waited: Result<(), StoreError>) -> Result<Reply<'_>, StoreError> {
        if waited == Err(StoreError::TimedOut) {
            self.core.give_up(ticket);
            return Err(StoreError::TimedOut);
        }
        match self.core.poll_reply(ticket) {
            Answer::Done(outcome) => outcome,
            Answer::Pending(_) => Err(StoreError::TimedOut),
        }
    }

    /// Asks many things at once, and waits until all are answered; `requests` is told of each answer as it comes.
    ///
    /// As many are under way as the core has slots. After the patience of [`set_patience`](Self::set_patience), which begins
    /// anew with each answer, or when the session is over, the rest is answered with that error.
    pub fn pipeline(&mut self, requests: &mut impl Requests) {
        self.pipe(requests, |store| store.deadline());
    }

    /// Does as [`pipeline`](Self::pipeline), and not beyond a deadline.
    pub fn pipeline_until(&mut self, requests: &mut impl Requests, deadline: Nanos) {
        self.pipe(requests, |store| store.deadline().min(deadline));
    }

    fn pipe(&mut self, requests: &mut impl Requests, deadline: impl Fn(&Self) -> Nanos) {
        let mut pipeline = Pipeline::<REQUESTS>::new();
        let mut done = false;
        while !done {
            pipeline.fill(self.core, requests);
            let (deadline, before) = (deadline(self), pipeline.answered());
            let waited = self.until(deadline, |store| {
                done = pipeline.drain(store.core, requests);
                done || pipeline.answered() != before
            });
            if let Err(error) = waited {
                return pipeline.give_up(self.core, requests, error);
            }
        }
    }

    fn ask(&mut self, request: Request<'_>, within: Option<&Transaction>) -> Result<Reply<'_>, StoreError> {
        let ticket = self.core.submit(request, within)?;
        self.wait_for(ticket)
    }

    /// Has a request end when the patience is at its end.
    pub(crate) fn expire(&mut self, ticket: &Ticket) {
        let deadline = self.deadline();
        self.core.expire_at(ticket, deadline);
    }

    pub(crate) fn deadline(&self) -> Nanos {
        self.link.now().after(self.patience)
    }

    /// Turns until something holds, the session is over, or the deadline has come.
    fn until(&mut self, deadline: Nanos, mut holds: impl FnMut(&mut Self) -> bool) -> Result<(), StoreError> {
        loop {
            let progress = self.turn()?;
            let now = self.tell_time();
            if holds(self) {
                return Ok(());
            }
            if now >= deadline {
                return Err(StoreError::TimedOut);
            }
            if progress == Progress::Idle {
                let next = self.core.poll_deadline().unwrap_or(deadline);
                self.link.wait(deadline.min(next));
            }
        }
    }

    /// Does as [`until`](Self::until), but also returns when it is time to look again, since servers lose events.
    fn until_heard(&mut self, deadline: Nanos, holds: impl FnMut(&mut Self) -> bool) -> Result<(), StoreError> {
        let again = self.link.now().after(REREAD).min(deadline);
        match self.until(again, holds) {
            Err(StoreError::TimedOut) if again < deadline => Ok(()),
            heard => heard,
        }
    }

    /// Tells the core what time it is, and the server that it has work, if that is due.
    fn tell_time(&mut self) -> Nanos {
        let now = self.link.now();
        self.core.handle_time(now);
        if self.core.poll_kick() {
            self.link.notify();
        }
        now
    }

    /// Does what can be done without waiting.
    pub(crate) fn turn_and_tell(&mut self) -> Result<Progress, StoreError> {
        let progress = self.turn()?;
        self.tell_time();
        Ok(progress)
    }

    fn turn(&mut self) -> Result<Progress, StoreError> {
        self.core.check()?;
        let looked = self.transport.look().map(|offered| self.core.handle_features(offered));
        // First what has come: rings that a new server has emptied behind our back show there, and what it would take for
        // new requests is what lies in them of old.
        let turned = looked.and_then(|()| {
            let (received, progress) = self.receive()?;
            let sent = self.transmit()?;
            Ok((self.transport.wants_event(sent, received)?, progress))
        });
        let (wants_event, progress) = turned.map_err(|fault| {
            self.core.handle_fault(fault);
            StoreError::Poisoned(fault)
        })?;
        if wants_event {
            self.link.notify();
        }
        self.core.check()?;
        Ok(progress)
    }

    /// Sends what can be sent and returns how many bytes that were.
    fn transmit(&mut self) -> Result<usize, Fault> {
        let mut total: usize = 0;
        while let Some(bytes) = self.core.poll_transmit() {
            let count = self.transport.send(bytes)?;
            if count == 0 {
                break;
            }
            self.core.handle_transmitted(count);
            total = total.saturating_add(count);
        }
        Ok(total)
    }

    /// Takes what has come and returns how many bytes that were, and whether more may be there.
    fn receive(&mut self) -> Result<(usize, Progress), Fault> {
        let mut piece = [0; PIECE];
        let mut total: usize = 0;
        for _ in 0..PIECES {
            let count = self.transport.receive(&mut piece)?;
            total = total.saturating_add(count);
            let bytes = piece.get(..count).unwrap_or_default();
            if bytes.is_empty() || self.core.handle_bytes(bytes).is_err() {
                return Ok((total, Progress::Idle));
            }
        }
        Ok((total, Progress::More))
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Nodes for Store<'_, L, REQUESTS, WATCHES, T> {
    fn perform(&mut self, request: Request<'_>) -> Result<Reply<'_>, StoreError> {
        self.ask(request, None)
    }
}
