//! The back of a slot ring: takes requests, and trusts their author with nothing.

use xen_hypercall::SharedPage;

use crate::index::Index;
use crate::notify::within;
use crate::peer::Peer;
use crate::slot::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};
use crate::stream::{Consumed, Produced};
use crate::{Misbehaved, More, Notify, Protocol, Slots, Words};

/// The back of a slot ring.
#[derive(Debug)]
pub struct Back<'p, P: Protocol, W = SharedPage> {
    page: &'p W,
    slots: Slots<P>,
    requests: Consumed<REQ_PROD, REQ_EVENT>,
    responses: Produced<RSP_PROD, RSP_EVENT>,
}

impl<'p, P: Protocol, W: Words> Back<'p, P, W> {
    /// Takes the back of a ring that its front set up, going on from the last answer in the page.
    ///
    /// # Errors
    /// [`Misbehaved::Overrun`] if the indices are further apart than the ring is long.
    ///
    /// # Panics
    /// If the slots do not fit the memory.
    #[doc(alias("BACK_RING_INIT", "BACK_RING_ATTACH"))]
    pub fn attach(page: &'p W, slots: Slots<P>) -> Result<Self, Misbehaved> {
        slots.assert_within(page);
        let start = Index::new(page.load(RSP_PROD));
        Peer::new(start).look(page, REQ_PROD, slots.count())?;
        Ok(Self { page, slots, requests: Consumed::new(start), responses: Produced::new(start) })
    }

    /// Takes a private copy of the next request; `None` says that the peer was asked for an event, and that it is safe to
    /// wait for it.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias("RING_GET_REQUEST", "RING_COPY_REQUEST", "RING_FINAL_CHECK_FOR_REQUESTS"))]
    #[inline]
    pub fn poll_request(&mut self) -> Result<Option<P::Request>, Misbehaved> {
        if self.ready()? == 0 && self.arm()? == More::No {
            return Ok(None);
        }
        let mut taken = None;
        self.sweep(1, |request| taken = Some(request))?;
        Ok(taken)
    }

    /// Takes requests until none is left, at most `budget` of them.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the requests before it were given to `sink`.
    #[inline]
    pub fn poll_requests(&mut self, budget: u32, mut sink: impl FnMut(P::Request)) -> Result<More, Misbehaved> {
        self.requests.sound()?;
        within(budget, |left| {
            let taken = self.sweep(left, &mut sink)?;
            let more = if taken < left { self.arm()? } else { More::Maybe };
            Ok((taken, more))
        })
    }

    /// Takes the requests that are there, at most `budget` of them, asks for no event, and returns how many it took.
    ///
    /// For those who come back by themselves. Who wants to wait for an event calls [`Back::arm`] before.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias = "RING_HAS_UNCONSUMED_REQUESTS")]
    #[inline]
    pub fn sweep(&mut self, budget: u32, mut sink: impl FnMut(P::Request)) -> Result<u32, Misbehaved> {
        let count = self.ready()?.min(budget);
        let (page, slots) = (self.page, self.slots);
        for at in self.requests.cons().then(count) {
            self.requests.pass(at);
            sink(slots.read(page, slots.place(at)));
        }
        Ok(count)
    }

    /// Answers the requests that are there at once, at most `budget` of them, as [`Back::sweep`] takes them; the answers are
    /// staged.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[inline]
    pub fn serve(&mut self, budget: u32, mut answer: impl FnMut(P::Request) -> P::Response) -> Result<u32, Misbehaved> {
        let count = self.ready()?.min(budget);
        let (page, slots, mut number) = (self.page, self.slots, self.responses.staged());
        for at in self.requests.cons().then(count) {
            self.requests.pass(at);
            let response = answer(slots.read(page, slots.place(at)));
            slots.write(page, slots.place(number.index()), &response);
            self.responses.stage(number);
            number = number.plus(1);
        }
        Ok(count)
    }

    /// Asks the peer for an event at the next request; [`More::No`] says that none came meanwhile, and that it is safe to
    /// wait.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias = "RING_FINAL_CHECK_FOR_REQUESTS")]
    #[inline]
    pub fn arm(&mut self) -> Result<More, Misbehaved> {
        let allowed = self.allowed();
        self.requests.arm(self.page, allowed)
    }

    #[inline]
    fn ready(&mut self) -> Result<u32, Misbehaved> {
        let allowed = self.allowed();
        self.requests.ready(self.page, allowed)
    }

    /// How far past an index the peer's may be: a slot is the front's again once its answer is published, not before.
    #[inline]
    fn allowed(&self) -> impl FnOnce(Index) -> u32 + use<P, W> {
        let (count, published) = (self.slots.count(), self.responses.published().index());
        move |seen| count.wrapping_sub(seen.since(published))
    }

    /// Returns how many requests were taken that have no answer staged.
    #[must_use]
    pub const fn owed(&self) -> u32 {
        self.requests.cons().since(self.responses.staged().index())
    }

    /// Finds a slot for an answer, or `None` if every request taken has one.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[inline]
    pub fn debt(&mut self) -> Result<Option<Debt<'_, 'p, P, W>>, Misbehaved> {
        self.requests.sound()?;
        Ok((self.owed() > 0).then_some(Debt { back: self }))
    }

    /// Publishes every answer staged.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias = "RING_PUSH_RESPONSES_AND_CHECK_NOTIFY")]
    #[inline]
    pub fn publish(&mut self) -> Result<Notify, Misbehaved> {
        self.requests.sound()?;
        Ok(self.responses.publish(self.page))
    }
}

/// An answer that a [`Back`] owes.
///
/// Does not compile: it is paid once.
/// ```compile_fail,E0382
/// # use xen_ring::blkif::Blkif;
/// # use xen_ring::*;
/// # fn wrong(back: &mut Back<'_, Blkif>, answer: <Blkif as Protocol>::Response) {
/// let debt = back.debt().unwrap().unwrap();
/// debt.stage(&answer);
/// debt.stage(&answer);
/// # }
/// ```
#[derive(Debug)]
pub struct Debt<'b, 'p, P: Protocol, W = SharedPage> {
    back: &'b mut Back<'p, P, W>,
}

impl<P: Protocol, W: Words> Debt<'_, '_, P, W> {
    /// Stages the answer, which the peer does not see before [`Back::publish`].
    #[doc(alias = "RING_GET_RESPONSE")]
    #[inline]
    pub fn stage(self, response: &P::Response) {
        let Back { page, slots, responses, .. } = self.back;
        let number = responses.staged();
        slots.write(*page, slots.place(number.index()), response);
        responses.stage(number);
    }
}
