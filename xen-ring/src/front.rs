//! The front of a slot ring: asks, and distrusts every answer.

use xen_hypercall::SharedPage;

use crate::index::{Index, wide};
use crate::notify::within;
use crate::protocol::IdWidth;
use crate::slot::{REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD};
use crate::stream::{Consumed, Produced};
use crate::table::Table;
use crate::{Misbehaved, More, Notify, Outstanding, Protocol, RequestId, Slots, Words};

/// The front of a slot ring with at most `N` slots, which keeps a token of the caller for each request.
///
/// The token is what the request ties up: buffers, grants, a waker. It comes back exactly once: in the [`Answer`], or by
/// [`Front::abort_all`]. Dropping the ring drops the tokens, so abort first if the peer may still reach what they hold.
#[derive(Debug)]
pub struct Front<'p, P: Protocol, T, const N: usize, W = SharedPage> {
    page: &'p W,
    slots: Slots<P>,
    requests: Produced<REQ_PROD, REQ_EVENT>,
    responses: Consumed<RSP_PROD, RSP_EVENT>,
    table: Table<P, T, N>,
}

/// An answer that passed every check, with what its request tied up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<R, T> {
    /// The private copy of the response.
    pub response: R,
    /// The token that was staged with the request.
    pub token: T,
}

impl<'p, P: Protocol, T, const N: usize, W: Words> Front<'p, P, T, N, W> {
    /// Sets up a ring in a zeroed page, before the peer hears of the page.
    ///
    /// # Panics
    /// If there are more than `N` slots.
    #[must_use]
    pub fn new(page: &'p W, slots: Slots<P>) -> Self {
        Self::starting_at(page, slots, 0)
    }

    /// Sets up a ring whose indices start elsewhere than at 0, for tests of the wrap.
    #[doc(hidden)]
    #[must_use]
    pub fn starting_at(page: &'p W, slots: Slots<P>, start: u32) -> Self {
        let places = IdWidth::of::<P>().places();
        assert!(wide(slots.count()) <= N && u64::from(slots.count()) <= places, "a place for each slot");
        let start = Index::new(start);
        for (prod, event) in [(REQ_PROD, REQ_EVENT), (RSP_PROD, RSP_EVENT)] {
            page.store(prod, start.raw());
            page.store(event, start.plus(1).raw());
        }
        Self { page, slots, requests: Produced::new(start), responses: Consumed::new(start), table: Table::new() }
    }

    /// Returns how many requests can be staged now.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn room(&self) -> Result<u32, Misbehaved> {
        self.responses.peer.sound()?;
        Ok(self.slots.count().wrapping_sub(self.requests.staged().since(self.responses.cons())))
    }

    /// Finds a slot for a request, or `None` if all are taken: then take answers first.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn vacancy(&mut self) -> Result<Option<Vacancy<'_, 'p, P, T, N, W>>, Misbehaved> {
        Ok((self.room()? > 0).then_some(Vacancy { front: self }))
    }

    /// Publishes everything staged; from here on the peer may answer.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn publish(&mut self) -> Result<Notify, Misbehaved> {
        self.responses.peer.sound()?;
        Ok(self.requests.publish(self.page))
    }

    /// Takes the next answer; `None` says that the peer was asked for an event, and that it is safe to wait for it.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn poll_answer(&mut self) -> Result<Option<Answer<P::Response, T>>, Misbehaved> {
        // What was published bounds the answers, not the ring's size.
        let allowed = self.requests.published().since(self.responses.peer.seen());
        let Some(at) = self.responses.next(self.page, allowed)? else { return Ok(None) };
        let response: P::Response = self.slots.read(self.page, at);
        match self.table.settle(&response, self.requests.count()) {
            Ok(token) => Ok(Some(Answer { response, token })),
            Err(reason) => Err(self.responses.peer.poison(reason)),
        }
    }

    /// Takes answers until none is left, at most `budget` of them.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the answers before it were given to `sink`.
    pub fn poll_answers(
        &mut self,
        budget: u32,
        mut sink: impl FnMut(Answer<P::Response, T>),
    ) -> Result<More, Misbehaved> {
        self.responses.peer.sound()?;
        within(budget, || Ok(self.poll_answer()?.map(&mut sink)))
    }

    /// Gives the ring up and hands back the token of every request that has no answer.
    pub fn abort_all(self) -> Outstanding<P, T, N> {
        Outstanding::new(self.table, self.requests.count())
    }
}

/// A free slot of a [`Front`].
#[derive(Debug)]
pub struct Vacancy<'f, 'p, P: Protocol, T, const N: usize, W = SharedPage> {
    front: &'f mut Front<'p, P, T, N, W>,
}

impl<P: Protocol, T, const N: usize, W: Words> Vacancy<'_, '_, P, T, N, W> {
    /// Stages a request, which the peer does not see before [`Front::publish`], and returns the id written into it.
    pub fn stage(self, mut request: P::Request, token: T) -> RequestId {
        let front = self.front;
        let (number, at) = front.requests.stage();
        let id = front.table.insert(number, P::kind(&request), token);
        let id = id.unwrap_or_else(|| unreachable!("fewer requests than slots, and no more slots than places"));
        P::stamp(&mut request, id);
        front.slots.write(front.page, at, &request);
        id
    }
}
