//! The half of a front that takes answers, and distrusts each.

use xen_hypercall::SharedPage;

use crate::notify::within;
use crate::slot::{RSP_EVENT, RSP_PROD};
use crate::stream::Consumed;
use crate::table::Taker;
use crate::{Misbehaved, More, Protocol, RequestId, Slots, Words};

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
    #[doc(alias("RING_GET_RESPONSE", "RING_COPY_RESPONSE"))]
    #[inline]
    pub fn poll_answer(&mut self) -> Result<Option<Answer<P::Response, T>>, Misbehaved> {
        self.poll_by(P::id)
    }

    /// Takes the next answer as one whose slot carries no id, where that is known from the answer before it.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    pub fn poll_unnamed(&mut self) -> Result<Option<Answer<P::Response, T>>, Misbehaved> {
        self.poll_by(|_| None)
    }

    #[inline]
    fn poll_by(
        &mut self,
        named: impl Fn(&P::Response) -> Option<RequestId>,
    ) -> Result<Option<Answer<P::Response, T>>, Misbehaved> {
        if self.ready()? == 0 && self.arm()? == More::No {
            return Ok(None);
        }
        let mut taken = None;
        self.sweep_by(1, named, &mut |answer| taken = Some(answer))?;
        Ok(taken)
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
        self.responses.sound()?;
        within(budget, |left| {
            let taken = self.sweep(left, &mut sink)?;
            let more = if taken < left { self.arm()? } else { More::Maybe };
            Ok((taken, more))
        })
    }

    /// Takes the answers that are there, at most `budget` of them, asks for no event, and returns how many it took.
    ///
    /// For those who come back by themselves. Who wants to wait for an event calls [`Complete::arm`] before.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on; the answers before it were given to `sink`.
    #[doc(alias = "RING_HAS_UNCONSUMED_RESPONSES")]
    #[inline]
    pub fn sweep(&mut self, budget: u32, mut sink: impl FnMut(Answer<P::Response, T>)) -> Result<u32, Misbehaved> {
        self.sweep_by(budget, P::id, &mut sink)
    }

    #[inline]
    fn sweep_by(
        &mut self,
        budget: u32,
        named: impl Fn(&P::Response) -> Option<RequestId>,
        sink: &mut impl FnMut(Answer<P::Response, T>),
    ) -> Result<u32, Misbehaved> {
        let count = self.ready()?.min(budget);
        let done = self.take(count, named, sink);
        if let Err(reason) = done {
            return Err(self.table.poison(self.responses.poison(reason)));
        }
        self.table.consume(self.responses.cons());
        Ok(count)
    }

    /// Asks the peer for an event at the next answer; [`More::No`] says that none came meanwhile, and that it is safe to wait.
    ///
    /// # Errors
    /// The reason, from the first lie of the peer on.
    #[doc(alias = "RING_FINAL_CHECK_FOR_RESPONSES")]
    #[inline]
    pub fn arm(&mut self) -> Result<More, Misbehaved> {
        let table = &mut self.table;
        let more = self.responses.arm(self.page, |seen| table.allowed(seen));
        more.map_err(|reason| self.table.poison(reason))
    }

    #[inline]
    fn ready(&mut self) -> Result<u32, Misbehaved> {
        let table = &mut self.table;
        let ready = self.responses.ready(self.page, |seen| table.allowed(seen));
        ready.map_err(|reason| self.table.poison(reason))
    }

    /// Takes so many answers, which are there.
    #[inline]
    fn take(
        &mut self,
        count: u32,
        named: impl Fn(&P::Response) -> Option<RequestId>,
        sink: &mut impl FnMut(Answer<P::Response, T>),
    ) -> Result<(), Misbehaved> {
        let (page, slots, mut table) = (self.page, self.slots, self.table.lend());
        for at in self.responses.cons().then(count) {
            let slot = slots.place(at);
            let response = slots.read(page, slot);
            let payload = table.settle(&response, named(&response), slot)?;
            self.responses.pass(at);
            sink(Answer { response, payload });
        }
        Ok(())
    }

    /// Returns how many published requests have no answer yet.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.table.published().index().since(self.responses.cons())
    }
}
