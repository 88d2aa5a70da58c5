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
    #[inline]
    pub fn poll_request(&mut self) -> Result<Option<P::Request>, Misbehaved> {
        // A slot is the front's again once its answer is published, not before.
        let (count, published) = (self.slots.count(), self.responses.published());
        let Some(at) = self.requests.next(self.page, |seen| count.wrapping_sub(seen.since(published)))? else {
            return Ok(None);
        };
        self.requests.step();
        Ok(Some(self.slots.read(self.page, self.slots.place(at))))
    }

    /// Takes requests until none is left, at most `budget` of them.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the requests before it were given to `sink`.
    pub fn poll_requests(&mut self, budget: u32, mut sink: impl FnMut(P::Request)) -> Result<More, Misbehaved> {
        self.requests.peer.sound()?;
        within(budget, || Ok(self.poll_request()?.map(&mut sink)))
    }

    /// Returns how many requests were taken that have no answer staged.
    #[must_use]
    pub const fn owed(&self) -> u32 {
        self.requests.cons().since(self.responses.staged())
    }

    /// Finds a slot for an answer, or `None` if every request taken has one.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[inline]
    pub fn debt(&mut self) -> Result<Option<Debt<'_, 'p, P, W>>, Misbehaved> {
        self.requests.peer.sound()?;
        Ok((self.owed() > 0).then_some(Debt { back: self }))
    }

    /// Publishes every answer staged.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[inline]
    pub fn publish(&mut self) -> Result<Notify, Misbehaved> {
        self.requests.peer.sound()?;
        Ok(self.responses.publish(self.page))
    }
}

/// An answer that a [`Back`] owes.
#[derive(Debug)]
pub struct Debt<'b, 'p, P: Protocol, W = SharedPage> {
    back: &'b mut Back<'p, P, W>,
}

impl<P: Protocol, W: Words> Debt<'_, '_, P, W> {
    /// Stages the answer, which the peer does not see before [`Back::publish`].
    #[inline]
    pub fn stage(self, response: &P::Response) {
        let back = self.back;
        let place = back.slots.place(back.responses.stage());
        back.slots.write(back.page, place, response);
    }
}
