//! The half of a front that takes answers, and distrusts each.

use xen_hypercall::SharedPage;

use crate::notify::within;
use crate::slot::{RSP_EVENT, RSP_PROD};
use crate::stream::Consumed;
use crate::table::Taker;
use crate::{Misbehaved, More, Protocol, Slots, Words};

/// The half of a [`Front`](crate::Front) that takes answers; it may live on another CPU than the other half.
///
/// Each call belongs into one section of the caller's IRQ gate where a suspend parks other CPUs.
#[derive(Debug)]
pub struct Complete<'r, P: Protocol, T, const N: usize, W = SharedPage> {
    pub(crate) page: &'r W,
    pub(crate) slots: Slots<P>,
    pub(crate) responses: Consumed<RSP_PROD, RSP_EVENT>,
    pub(crate) table: Taker<'r, P, T, N>,
}

/// An answer that passed every check, with what its request tied up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<R, T> {
    /// The private copy of the response.
    pub response: R,
    /// What was staged with the request.
    pub payload: T,
}

impl<P: Protocol, T, const N: usize, W: Words> Complete<'_, P, T, N, W> {
    /// Takes the next answer; `None` says that the peer was asked for an event, and that it is safe to wait for it.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[inline]
    pub fn poll_answer(&mut self) -> Result<Option<Answer<P::Response, T>>, Misbehaved> {
        // What was published bounds the answers, not the ring's size. It is asked after the peer's index, so that it is
        // at least as new as what the peer saw.
        let table = &self.table;
        let next = self.responses.next(self.page, |seen| table.published().since(seen));
        let at = match next {
            Ok(Some(at)) => at,
            Ok(None) => return Ok(None),
            Err(reason) => return Err(self.table.poison(reason)),
        };
        let place = self.slots.place(at);
        let response = self.slots.read(self.page, place);
        match self.table.settle(&response, place) {
            Ok(payload) => {
                self.responses.step();
                self.table.consume(self.responses.cons());
                Ok(Some(Answer { response, payload }))
            }
            Err(reason) => Err(self.table.poison(self.responses.peer.poison(reason))),
        }
    }

    /// Takes answers until none is left, at most `budget` of them.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the answers before it were given to `sink`.
    #[inline]
    pub fn poll_answers(
        &mut self,
        budget: u32,
        mut sink: impl FnMut(Answer<P::Response, T>),
    ) -> Result<More, Misbehaved> {
        self.responses.peer.sound()?;
        within(budget, || Ok(self.poll_answer()?.map(&mut sink)))
    }

    /// Returns how many published requests have no answer yet.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.table.published().since(self.responses.cons())
    }
}
