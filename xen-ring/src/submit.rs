//! The half of a front that asks.

use xen_hypercall::SharedPage;

use crate::index::wide;
use crate::slot::{REQ_EVENT, REQ_PROD};
use crate::stream::Produced;
use crate::table::Putter;
use crate::{Misbehaved, Notify, Protocol, RequestId, Slots, Words};

/// The half of a [`Front`](crate::Front) that submits; it may live on another CPU than the other half.
///
/// Each call belongs into one section of the caller's IRQ gate where a suspend parks other CPUs.
#[derive(Debug)]
pub struct Submit<'r, P: Protocol, T, const N: usize, W = SharedPage> {
    pub(crate) page: &'r W,
    pub(crate) slots: Slots<P>,
    pub(crate) requests: Produced<REQ_PROD, REQ_EVENT>,
    pub(crate) table: Putter<'r, P, T, N>,
}

impl<'r, P: Protocol, T, const N: usize, W: Words> Submit<'r, P, T, N, W> {
    /// Returns how many requests can be staged now.
    ///
    /// # Errors
    /// The reason, once the peer was found to lie.
    #[doc(alias = "RING_FREE_REQUESTS")]
    #[inline]
    pub fn room(&self) -> Result<u32, Misbehaved> {
        let (limit, staged) = (self.table.limit(), self.requests.staged());
        if staged < limit { Ok(limit.index().since(staged.index())) } else { self.table.sound().map(|()| 0) }
    }

    /// Tells whether nothing is staged that was not published.
    pub(crate) fn is_published(&self) -> bool {
        self.requests.staged() == self.requests.published()
    }

    /// Finds a slot for a request, or `None` if all are taken: then answers must be taken first.
    ///
    /// # Errors
    /// The reason, once the peer was found to lie.
    #[doc(alias("RING_GET_REQUEST", "RING_FULL"))]
    #[inline]
    pub fn vacancy(&mut self) -> Result<Option<Vacancy<'_, 'r, P, T, N, W>>, Misbehaved> {
        if self.requests.staged() < self.table.limit() {
            return Ok(Some(Vacancy { half: self }));
        }
        self.table.sound().map(|()| None)
    }

    /// Stages requests with their payloads as long as there is room, takes no more of them than that, and returns how many.
    ///
    /// # Errors
    /// The reason, once the peer was found to lie.
    #[inline]
    pub fn stage_all(&mut self, requests: impl IntoIterator<Item = (P::Request, T)>) -> Result<u32, Misbehaved> {
        let (page, slots, first) = (self.page, self.slots, self.requests.staged());
        let room = wide(self.room()?);
        let (mut number, mut table) = (first, self.table.lend());
        for (mut request, payload) in requests.into_iter().take(room) {
            let slot = slots.place(number.index());
            let id = table.put((number, slot), P::kind(&request), payload);
            P::stamp(&mut request, id);
            slots.write(page, slot, &request);
            self.requests.stage(number);
            number = number.plus(1);
        }
        Ok(number.index().since(first.index()))
    }

    /// Publishes everything staged; from here on the peer may answer.
    ///
    /// # Errors
    /// The reason, once the peer was found to lie.
    #[doc(alias = "RING_PUSH_REQUESTS_AND_CHECK_NOTIFY")]
    #[inline]
    pub fn publish(&mut self) -> Result<Notify, Misbehaved> {
        self.table.sound()?;
        self.table.publish(self.requests.staged());
        Ok(self.requests.publish(self.page))
    }
}

/// A free slot of a [`Front`](crate::Front).
///
/// Does not compile: it is filled before anything else is done with the ring.
/// ```compile_fail,E0499
/// # use xen_ring::blkif::Blkif;
/// # use xen_ring::*;
/// # fn wrong(front: &mut Front<'_, Blkif, (), 32>, request: <Blkif as Protocol>::Request) {
/// let slot = front.vacancy().unwrap().unwrap();
/// front.publish();
/// slot.stage(request, ());
/// # }
/// ```
#[derive(Debug)]
pub struct Vacancy<'f, 'r, P: Protocol, T, const N: usize, W = SharedPage> {
    half: &'f mut Submit<'r, P, T, N, W>,
}

impl<P: Protocol, T, const N: usize, W: Words> Vacancy<'_, '_, P, T, N, W> {
    /// Stages a request, which the peer does not see before [`Submit::publish`], and returns the id written into it.
    ///
    /// `payload` says what was asked (operation, place, buffers), so that the request can be made again.
    #[inline]
    pub fn stage(self, mut request: P::Request, payload: T) -> RequestId {
        let half = self.half;
        let number = half.requests.staged();
        let slot = half.slots.place(number.index());
        let id = half.table.put((number, slot), P::kind(&request), payload);
        P::stamp(&mut request, id);
        half.slots.write(half.page, slot, &request);
        half.requests.stage(number);
        id
    }

    /// Stages what takes a slot and carries no id, as the extra infos of a network packet do.
    ///
    /// It settles with an answer whose [`Protocol::id`] is `None`, the oldest first.
    pub fn stage_unnamed(self, request: &P::Request, payload: T) {
        let half = self.half;
        let number = half.requests.staged();
        let slot = half.slots.place(number.index());
        half.table.put((number, slot), P::kind_unnamed(request), payload);
        if !P::IN_ORDER {
            half.table.unname(slot);
        }
        half.slots.write(half.page, slot, request);
        half.requests.stage(number);
    }
}
