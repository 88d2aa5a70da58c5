//! A front that takes no more requests: drained before a suspend, or until time is up.

use xen_hypercall::{Nanos, SharedPage};

use crate::{Answer, Front, Misbehaved, More, Outstanding, Protocol, Words};

/// A [`Front`] at rest: it submits nothing, and takes answers until a deadline.
///
/// What is staged and was not published stays so.
///
/// Does not compile: what drains takes no new request.
/// ```compile_fail,E0599
/// # use xen_ring::blkif::Blkif;
/// # use xen_ring::*;
/// # fn wrong(front: Front<'_, Blkif, (), 32>, deadline: xen_hypercall::Nanos) {
/// let mut quiet = front.quiesce(deadline);
/// quiet.vacancy();
/// # }
/// ```
#[derive(Debug)]
pub struct Quiesced<'r, P: Protocol, T, const N: usize, W = SharedPage> {
    front: Front<'r, P, T, N, W>,
    deadline: Nanos,
}

/// How far draining is.
#[must_use = "draining is over when it says so"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// Nothing is with the peer.
    Empty,
    /// The budget ran out: call again.
    More,
    /// The peer owes answers and was asked for an event: wait, until the deadline.
    Wait,
    /// The peer owes answers and the deadline has passed.
    Expired,
}

impl<'r, P: Protocol, T, const N: usize, W: Words> Quiesced<'r, P, T, N, W> {
    pub(crate) const fn new(front: Front<'r, P, T, N, W>, deadline: Nanos) -> Self {
        Self { front, deadline }
    }

    /// Takes answers, at most `budget` of them, also when the deadline has passed.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the answers before it were given to `sink`.
    pub fn poll(
        &mut self,
        now: Nanos,
        budget: u32,
        sink: impl FnMut(Answer<P::Response, T>),
    ) -> Result<Drain, Misbehaved> {
        let more = self.front.poll_answers(budget, sink)?;
        Ok(match (self.front.complete.outstanding(), more) {
            (0, _) => Drain::Empty,
            (_, More::Maybe) if now < self.deadline => Drain::More,
            (_, More::No) if now < self.deadline => Drain::Wait,
            _ => Drain::Expired,
        })
    }

    /// Returns when draining is given up.
    #[must_use]
    pub const fn deadline(&self) -> Nanos {
        self.deadline
    }

    /// Goes on as before: the suspend did not happen, and the ring is the same.
    #[must_use]
    pub fn resume(self) -> Front<'r, P, T, N, W> {
        self.front
    }

    /// Gives the ring up: it is to be replaced.
    ///
    /// From here on no answer is believed: after a resume on another host the ring may show answers whose data is lost.
    #[must_use]
    pub fn abandon(self) -> Outstanding<'r, P, T, N> {
        self.front.abort_all()
    }
}
