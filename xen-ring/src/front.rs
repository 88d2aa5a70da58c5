//! The front of a slot ring: asks, and distrusts every answer.

use xen_hypercall::{Nanos, SharedPage};

use crate::index::{Index, wide};
use crate::protocol::IdWidth;
use crate::slot::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};
use crate::stream::{Consumed, Produced};
use crate::{
    Answer, Complete, Misbehaved, More, Notify, Outstanding, Protocol, Quiesced, Requests, Slots, Submit, Vacancy,
    Words,
};

/// The front of a slot ring with at most `N` slots, which keeps a payload of the caller for each request.
///
/// The payload is what was asked (operation, place) and what it ties up (buffers, grants, a waker). It comes back exactly
/// once: in the [`Answer`], by [`Front::abort_all`], or in a [`ReplaySet`](crate::ReplaySet).
#[derive(Debug)]
pub struct Front<'r, P: Protocol, T, const N: usize, W = SharedPage> {
    pub(crate) submit: Submit<'r, P, T, N, W>,
    pub(crate) complete: Complete<'r, P, T, N, W>,
}

impl<'r, P: Protocol, T, const N: usize, W: Words> Front<'r, P, T, N, W> {
    /// Sets up a ring in zeroed memory, before the peer hears of it. What is left in `requests` is dropped.
    ///
    /// # Panics
    /// If there are more than `N` slots, or more than ids can name, or than fit the memory.
    #[doc(alias("SHARED_RING_INIT", "FRONT_RING_INIT", "XEN_FRONT_RING_INIT"))]
    #[must_use]
    pub fn new(page: &'r W, slots: Slots<P>, requests: &'r mut Requests<P, T, N>) -> Self {
        Self::starting_at(page, slots, requests, 0)
    }

    /// Sets up a ring whose indices start elsewhere than at 0, for tests of the wrap.
    #[doc(hidden)]
    #[must_use]
    pub fn starting_at(page: &'r W, slots: Slots<P>, requests: &'r mut Requests<P, T, N>, start: u32) -> Self {
        let start = Index::new(start);
        page.store(REQ_PROD, start.raw());
        page.store(REQ_EVENT, start.plus(1).raw());
        page.store(RSP_PROD, start.raw());
        Self::at(page, slots, requests, start)
    }

    /// Takes the front of a ring already in use in which nothing is outstanding, going on where it stands.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if something is outstanding, or the indices are impossible.
    ///
    /// # Panics
    /// As [`Front::new`].
    #[doc(alias = "FRONT_RING_ATTACH")]
    pub fn attach(page: &'r W, slots: Slots<P>, requests: &'r mut Requests<P, T, N>) -> Result<Self, Misbehaved> {
        let (seen, now) = (page.load(RSP_PROD), page.load(REQ_PROD));
        if seen != now {
            return Err(Misbehaved::Overrun { seen, now, allowed: 0 });
        }
        Ok(Self::at(page, slots, requests, Index::new(now)))
    }

    fn at(page: &'r W, slots: Slots<P>, requests: &'r mut Requests<P, T, N>, start: Index) -> Self {
        let places = IdWidth::of::<P>().places();
        assert!(wide(slots.count()) <= N && u64::from(slots.count()) <= places, "a place for each slot");
        slots.assert_within(page);
        page.store(RSP_EVENT, start.plus(1).raw());
        let (putter, taker) = requests.ends(start, slots.count());
        Self {
            submit: Submit { page, slots, requests: Produced::new(start), table: putter },
            complete: Complete { page, slots, responses: Consumed::new(start), table: taker },
        }
    }

    /// Parts the halves, which may live on two CPUs without a lock.
    #[must_use]
    pub fn split(self) -> (Submit<'r, P, T, N, W>, Complete<'r, P, T, N, W>) {
        (self.submit, self.complete)
    }

    /// Puts the halves of one front together again.
    ///
    /// # Panics
    /// If they are of two.
    #[must_use]
    pub fn join(submit: Submit<'r, P, T, N, W>, complete: Complete<'r, P, T, N, W>) -> Self {
        assert!(submit.table.is_of(&complete.table), "the halves of one front");
        Self { submit, complete }
    }

    /// As [`Submit::room`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias = "RING_FREE_REQUESTS")]
    pub fn room(&self) -> Result<u32, Misbehaved> {
        self.submit.room()
    }

    /// As [`Submit::vacancy`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias("RING_GET_REQUEST", "RING_FULL"))]
    #[inline]
    pub fn vacancy(&mut self) -> Result<Option<Vacancy<'_, 'r, P, T, N, W>>, Misbehaved> {
        self.submit.vacancy()
    }

    /// As [`Submit::stage_all`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[inline]
    pub fn stage_all(&mut self, requests: impl IntoIterator<Item = (P::Request, T)>) -> Result<u32, Misbehaved> {
        self.submit.stage_all(requests)
    }

    /// As [`Submit::publish`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias = "RING_PUSH_REQUESTS_AND_CHECK_NOTIFY")]
    #[inline]
    pub fn publish(&mut self) -> Result<Notify, Misbehaved> {
        self.submit.publish()
    }

    /// As [`Complete::poll_answer`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias("RING_GET_RESPONSE", "RING_COPY_RESPONSE", "RING_FINAL_CHECK_FOR_RESPONSES"))]
    #[inline]
    pub fn poll_answer(&mut self) -> Result<Option<Answer<P::Response, T>>, Misbehaved> {
        self.complete.poll_answer()
    }

    /// As [`Complete::poll_answers`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the answers before it were given to `sink`.
    #[inline]
    pub fn poll_answers(&mut self, budget: u32, sink: impl FnMut(Answer<P::Response, T>)) -> Result<More, Misbehaved> {
        self.complete.poll_answers(budget, sink)
    }

    /// As [`Complete::sweep`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the answers before it were given to `sink`.
    #[doc(alias = "RING_HAS_UNCONSUMED_RESPONSES")]
    #[inline]
    pub fn sweep(&mut self, budget: u32, sink: impl FnMut(Answer<P::Response, T>)) -> Result<u32, Misbehaved> {
        self.complete.sweep(budget, sink)
    }

    /// As [`Complete::arm`].
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias = "RING_FINAL_CHECK_FOR_RESPONSES")]
    #[inline]
    pub fn arm(&mut self) -> Result<More, Misbehaved> {
        self.complete.arm()
    }

    /// Stops submission, until a deadline at most; answers are taken as before.
    #[must_use]
    pub const fn quiesce(self, deadline: Nanos) -> Quiesced<'r, P, T, N, W> {
        Quiesced::new(self, deadline)
    }

    /// Gives the ring up and hands back the payload of every request that has no answer.
    #[must_use]
    pub fn abort_all(self) -> Outstanding<'r, P, T, N> {
        Outstanding { table: self.complete.table }
    }
}
