//! The half of a front that asks.

use xen_hypercall::SharedPage;

use crate::index::Index;
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
    /// The first number for which there was no slot when the complete half was last asked.
    pub(crate) limit: Index,
}

impl<'r, P: Protocol, T, const N: usize, W: Words> Submit<'r, P, T, N, W> {
    /// Returns how many requests can be staged now.
    ///
    /// # Errors
    /// The reason, once the peer was found to lie.
    pub fn room(&mut self) -> Result<u32, Misbehaved> {
        self.table.sound()?;
        self.limit = self.table.consumed().plus(self.slots.count());
        Ok(self.limit.since(self.requests.staged()))
    }

    /// Tells whether nothing is staged that was not published.
    pub(crate) const fn is_published(&self) -> bool {
        self.requests.staged().since(self.requests.published()) == 0
    }

    /// Finds a slot for a request, or `None` if all are taken: then answers must be taken first.
    ///
    /// # Errors
    /// The reason, once the peer was found to lie.
    #[inline]
    pub fn vacancy(&mut self) -> Result<Option<Vacancy<'_, 'r, P, T, N, W>>, Misbehaved> {
        self.table.sound()?;
        // The other half is asked only where the ring looks full.
        if self.limit.since(self.requests.staged()) == 0 && self.room()? == 0 {
            return Ok(None);
        }
        Ok(Some(Vacancy { half: self }))
    }

    /// Publishes everything staged; from here on the peer may answer.
    ///
    /// # Errors
    /// The reason, once the peer was found to lie.
    #[inline]
    pub fn publish(&mut self) -> Result<Notify, Misbehaved> {
        self.table.sound()?;
        self.table.publish(self.requests.staged());
        Ok(self.requests.publish(self.page))
    }
}

/// A free slot of a [`Front`](crate::Front).
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
        let number = half.requests.stage();
        let place = half.slots.place(number);
        let id = half.table.put((number, place), P::kind(&request), payload);
        P::stamp(&mut request, id);
        half.slots.write(half.page, place, &request);
        id
    }

    /// Stages what takes a slot and carries no id, as the extra infos of a network packet do.
    ///
    /// It settles with an answer whose [`Protocol::id`] is `None`, the oldest first.
    pub fn stage_unnamed(self, request: &P::Request, payload: T) {
        let half = self.half;
        let number = half.requests.stage();
        let place = half.slots.place(number);
        half.table.put((number, place), P::kind(request), payload);
        if !P::IN_ORDER {
            half.table.unname(place);
        }
        half.slots.write(half.page, place, request);
    }
}
