//! Many requests at once: as many under way as there are slots, and the ring never idle for want of them.

use crate::{Answer, Core, Reply, Request, StoreError, Ticket, WatchId};

/// Requests that do not wait for each other, and what is done with their answers.
pub trait Requests {
    /// Tells how many there are.
    fn count(&self) -> usize;

    /// Hands one of them to `ask`, and returns what that returned; one that is not handed over has no answer.
    ///
    /// # Errors
    /// What `ask` gave; the request is answered with it.
    fn ask(
        &mut self,
        index: usize,
        ask: &mut dyn FnMut(Request<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Takes the answer to one of them; each is answered once, in any order.
    fn answer(&mut self, index: usize, answer: Result<Reply<'_>, StoreError>);

    /// Names the watch of the node that a request reads, if there is one: what it told before the answer is forgotten with
    /// that.
    fn watch(&self, index: usize) -> Option<WatchId> {
        let _ = index;
        None
    }
}

/// Where a pipeline stands: which requests are under way, and which is next. `N` is at least the slots of the core, so that
/// it can use all.
#[derive(Debug)]
pub struct Pipeline<const N: usize> {
    under_way: [Option<(Ticket, usize)>; N],
    next: usize,
    answered: usize,
}

impl<const N: usize> Default for Pipeline<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Pipeline<N> {
    /// Starts at the first request.
    #[must_use]
    pub const fn new() -> Self {
        Self { under_way: [const { None }; N], next: 0, answered: 0 }
    }

    /// Submits as many requests as there is room for, and tells how many; to be called again whenever answers were taken.
    pub fn fill<const R: usize, const W: usize>(
        &mut self,
        core: &mut Core<R, W>,
        requests: &mut impl Requests,
    ) -> usize {
        let first = self.next;
        while self.next < requests.count() && core.has_room() {
            let Some(place) = self.under_way.iter_mut().find(|place| place.is_none()) else { break };
            let index = self.next;
            self.next = index.wrapping_add(1);
            let watch = requests.watch(index);
            let asked = requests.ask(index, &mut |request| {
                let ticket = core.submit(request, None)?;
                watch.into_iter().for_each(|watch| core.supersede(&ticket, watch));
                *place = Some((ticket, index));
                Ok(())
            });
            if let Err(error) = asked {
                self.answered = self.answered.wrapping_add(1);
                requests.answer(index, Err(error));
            }
        }
        self.next.wrapping_sub(first)
    }

    /// Counts the answers that were handed on.
    #[must_use]
    pub const fn answered(&self) -> usize {
        self.answered
    }

    /// Returns the tickets of what is under way.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Ticket> {
        self.under_way.iter().flatten().map(|(ticket, _)| ticket)
    }

    /// Takes the tickets of what is under way, to be given up.
    pub(crate) fn tickets(&mut self) -> impl Iterator<Item = Ticket> {
        self.under_way.iter_mut().filter_map(Option::take).map(|(ticket, _)| ticket)
    }

    /// Hands on the answers that have come, and tells whether all are there.
    pub fn drain<const R: usize, const W: usize>(
        &mut self,
        core: &mut Core<R, W>,
        requests: &mut impl Requests,
    ) -> bool {
        for place in &mut self.under_way {
            let Some((ticket, index)) = place.take() else { continue };
            match core.poll_reply(ticket) {
                Answer::Pending(ticket) => *place = Some((ticket, index)),
                Answer::Done(answer) => {
                    self.answered = self.answered.wrapping_add(1);
                    requests.answer(index, answer);
                }
            }
        }
        self.is_over(requests)
    }

    /// Tells whether all requests are answered.
    pub(crate) fn is_over(&self, requests: &impl Requests) -> bool {
        self.next >= requests.count() && self.under_way.iter().all(Option::is_none)
    }

    /// Gives up what is under way and what is left: each is answered with the error.
    pub fn give_up<const R: usize, const W: usize>(
        mut self,
        core: &mut Core<R, W>,
        requests: &mut impl Requests,
        error: StoreError,
    ) {
        for (ticket, index) in self.under_way.iter_mut().filter_map(Option::take) {
            core.give_up(ticket);
            requests.answer(index, Err(error));
        }
        (self.next..requests.count()).for_each(|index| requests.answer(index, Err(error)));
    }
}
