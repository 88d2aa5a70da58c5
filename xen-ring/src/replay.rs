//! What was outstanding on a ring that is gone, and its second submission.

use core::fmt;

use xen_hypercall::SharedPage;

use crate::table::{Taker, Upto};
use crate::{Answer, Front, Misbehaved, Notify, Outstanding, Protocol, RequestId, Unanswered, Words};

/// What becomes of requests that the old peer was told of and did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy<S> {
    /// There must be none: the ring was drained.
    Drain,
    /// They are submitted again.
    Replay,
    /// They are complete with this status, as network packets are that count as sent.
    CompleteAs(S),
}

/// The requests that a ring left, built from the private table and never from slots, in the order of their submission.
///
/// A flush or a barrier keeps its position among the others, since all come in order.
#[derive(Debug)]
pub struct ReplaySet<'r, P: Protocol, T, const N: usize> {
    left: Taker<'r, P, T, N>,
}

/// The refusal of [`Policy::Drain`]: the peer owed answers.
#[derive(Debug)]
pub struct Undrained<'r, P: Protocol, T, const N: usize> {
    /// The set, as it was.
    pub set: ReplaySet<'r, P, T, N>,
}

impl<P: Protocol, T, const N: usize> fmt::Display for Undrained<'_, P, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests have no answer", self.set.left.count(Upto::Published))
    }
}

impl<P: Protocol + fmt::Debug, T: fmt::Debug, const N: usize> core::error::Error for Undrained<'_, P, T, N> {}

impl<'r, P: Protocol, T, const N: usize> ReplaySet<'r, P, T, N> {
    pub(crate) const fn new(left: Taker<'r, P, T, N>) -> Self {
        Self { left }
    }

    /// Returns how many requests are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left.count(Upto::Staged)
    }

    /// Tells whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies a policy to what the old peer was told of; what was only staged stays in any case.
    ///
    /// # Errors
    /// [`Undrained`] if the policy is [`Policy::Drain`] and the peer owed answers.
    pub fn decide<S: Copy>(
        mut self,
        policy: Policy<S>,
        mut complete: impl FnMut(T, S),
    ) -> Result<Self, Undrained<'r, P, T, N>> {
        match policy {
            Policy::Drain if self.left.count(Upto::Published) > 0 => return Err(Undrained { set: self }),
            Policy::Drain | Policy::Replay => {}
            Policy::CompleteAs(status) => {
                while let Some((_, left)) = self.left.oldest(Upto::Published) {
                    complete(left.into_payload(), status);
                }
            }
        }
        Ok(self)
    }

    /// Takes out the oldest request, with the kind of what was asked.
    pub fn take_oldest(&mut self) -> Option<(P::Kind, Unanswered<T>)> {
        self.left.oldest(Upto::Staged)
    }

    /// Begins to submit the set on the ring that replaces the old one, ahead of anything new.
    #[must_use]
    pub const fn onto<'n, const M: usize, W: Words>(
        self,
        front: Front<'n, P, T, M, W>,
    ) -> Replay<'r, 'n, P, T, N, M, W> {
        Replay { set: self, front }
    }

    /// Hands everything back, where there is no ring to replace the old one.
    #[must_use]
    pub const fn abort_all(self) -> Outstanding<'r, P, T, N> {
        Outstanding { table: self.left }
    }
}

/// A new ring that submits the set of an old one, and nothing else until the set is published.
///
/// Does not compile: nothing new is asked before the old set is published.
/// ```compile_fail,E0599
/// # use xen_ring::blkif::Blkif;
/// # use xen_ring::*;
/// # fn wrong(mut replay: Replay<'_, '_, Blkif, (), 32, 32>) {
/// replay.vacancy();
/// # }
/// ```
#[derive(Debug)]
pub struct Replay<'r, 'n, P: Protocol, T, const N: usize, const M: usize, W = SharedPage> {
    set: ReplaySet<'r, P, T, N>,
    front: Front<'n, P, T, M, W>,
}

impl<'r, 'n, P: Protocol, T, const N: usize, const M: usize, W: Words> Replay<'r, 'n, P, T, N, M, W> {
    /// Stages the next of the set; `None` if the set is empty or the ring is full.
    ///
    /// `rebuild` makes the request from what was asked; it may change the payload, for instance grant its buffers anew. What
    /// comes back is the id, or `None` where what was asked has none.
    ///
    /// # Errors
    /// The reason, from the first lie of the new peer on; the rest of the set is still there.
    pub fn stage_next(
        &mut self,
        rebuild: impl FnOnce(P::Kind, &mut T) -> P::Request,
    ) -> Result<Option<Option<RequestId>>, Misbehaved> {
        let Some(vacancy) = self.front.vacancy()? else { return Ok(None) };
        let Some((kind, left)) = self.set.take_oldest() else { return Ok(None) };
        let mut payload = left.into_payload();
        let request = rebuild(kind, &mut payload);
        if P::is_named(kind) {
            return Ok(Some(Some(vacancy.stage(request, payload))));
        }
        vacancy.stage_unnamed(&request, payload);
        Ok(Some(None))
    }

    /// Publishes what is staged.
    ///
    /// # Errors
    /// The reason, from the first lie of the new peer on.
    pub fn publish(&mut self) -> Result<Notify, Misbehaved> {
        self.front.publish()
    }

    /// Takes an answer, as [`Front::poll_answer`] does: a set larger than the ring needs room.
    ///
    /// # Errors
    /// The reason, from the first lie of the new peer on.
    pub fn poll_answer(&mut self) -> Result<Option<Answer<P::Response, T>>, Misbehaved> {
        self.front.poll_answer()
    }

    /// Returns how many requests wait for their submission.
    #[must_use]
    pub fn left(&self) -> usize {
        self.set.len()
    }

    /// Opens the ring to new requests, once the whole set is published; before that it gives everything back.
    ///
    /// # Errors
    /// Itself, as long as something of the set is not published.
    #[expect(clippy::result_large_err, reason = "both are the ring")]
    pub fn finish(self) -> Result<Front<'n, P, T, M, W>, Self> {
        if self.set.is_empty() && self.front.submit.is_published() { Ok(self.front) } else { Err(self) }
    }

    /// Parts the new ring from what is left of the set, where the new ring failed too.
    ///
    /// What the ring got is older than what is left.
    #[must_use]
    pub fn abandon(self) -> (Outstanding<'n, P, T, M>, ReplaySet<'r, P, T, N>) {
        (self.front.abort_all(), self.set)
    }
}
