//! Requests.

use core::future::poll_fn;
use core::mem;
use core::task::{Context, Poll, Waker};

use xen_hypercall::Nanos;

use super::Client;
use super::seats::{Place, Reason};
use super::sleepers::Wants;
use crate::{
    Answer, Core, Link, Path, Pipeline, Reply, Request, Requests, StoreError, Ticket, Transaction, Transport, WatchId,
};

/// A request under way, which is given up with the future that waits for it.
struct Asked<'c, 'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> {
    client: &'c Client<'a, L, REQUESTS, WATCHES, T>,
    ticket: Option<Ticket>,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Drop
    for Asked<'_, '_, L, T, REQUESTS, WATCHES>
{
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.client.store.borrow_mut().core().give_up(ticket);
        }
        self.client.leave_room();
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'_, L, REQUESTS, WATCHES, T> {
    /// Asks, and waits for the answer, of which `buffer` holds the bytes.
    ///
    /// It waits for a slot too, if all are in use: all tasks do so in turn, each as long as the
    /// [patience](crate::Store::set_patience) lasts.
    ///
    /// # Errors
    /// As [`Nodes::perform`](crate::Nodes::perform); [`StoreError::BufferTooSmall`] if the answer does not fit;
    /// [`StoreError::Full`] if no [seat](Client::with_seats) is left for a task that waits.
    pub async fn perform<'b>(&self, request: Request<'_>, buffer: &'b mut [u8]) -> Result<Reply<'b>, StoreError> {
        self.ask(request, None, buffer).await
    }

    /// Reads the value of a node into the front of `buffer`.
    ///
    /// # Errors
    /// As [`perform`](Self::perform).
    pub async fn read<'b>(&self, path: Path<'_>, buffer: &'b mut [u8]) -> Result<&'b [u8], StoreError> {
        self.perform(Request::Read(path), buffer).await.map(|reply| reply.value())
    }

    /// Writes the value of a node, which is made if need be.
    ///
    /// # Errors
    /// As [`perform`](Self::perform).
    pub async fn write(&self, path: Path<'_>, value: &[u8]) -> Result<(), StoreError> {
        self.perform(Request::Write(path, value), &mut [0; ACK]).await.map(drop)
    }

    pub(super) async fn ask<'b>(
        &self,
        request: Request<'_>,
        within: Option<&Transaction>,
        buffer: &'b mut [u8],
    ) -> Result<Reply<'b>, StoreError> {
        let ticket = self.with_room(|core| core.submit(request, within)).await?;
        self.answer(ticket, buffer).await
    }

    /// Asks for what a watch tells of, which makes void what that told before the answer.
    pub(super) async fn ask_reading<'b>(
        &self,
        request: Request<'_>,
        watch: Option<WatchId>,
        buffer: &'b mut [u8],
    ) -> Result<Reply<'b>, StoreError> {
        let ticket = self.with_room(|core| core.submit(request, None)).await?;
        watch.into_iter().for_each(|watch| self.store.borrow_mut().core().supersede(&ticket, watch));
        self.answer(ticket, buffer).await
    }

    /// Waits for the answer to a request.
    pub(super) async fn answer<'b>(&self, ticket: Ticket, buffer: &'b mut [u8]) -> Result<Reply<'b>, StoreError> {
        self.store.borrow_mut().expire(&ticket);
        let mut asked = Asked { client: self, ticket: Some(ticket) };
        poll_fn(|cx| asked.poll(cx)).await;
        let Some(ticket) = asked.ticket.take() else { return Err(StoreError::Stale) };
        match self.store.borrow_mut().core().poll_reply(ticket) {
            Answer::Done(answer) => answer.and_then(|reply| reply.copied_to(buffer)),
            Answer::Pending(_) => Err(StoreError::TimedOut),
        }
    }

    /// Does something that takes a slot, as soon as there is one and it is this task's turn; not for ever, if the server
    /// answers nobody.
    pub(super) async fn with_room<R>(
        &self,
        mut submit: impl FnMut(&mut Core<REQUESTS, WATCHES>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let (mut place, mut time) = (Place::new(&self.seats, Reason::Room), Place::new(&self.seats, Reason::Time));
        let deadline = self.store.borrow().deadline();
        let submitted = poll_fn(|cx| {
            if let Err(error) = self.check() {
                return Poll::Ready(Err(error));
            }
            let done = if place.is_next() { submit(self.store.borrow_mut().core()) } else { Err(StoreError::Full) };
            if !matches!(done, Err(StoreError::Full)) {
                return Poll::Ready(done);
            }
            if self.now() >= deadline {
                return Poll::Ready(Err(StoreError::TimedOut));
            }
            match place.wait(cx, deadline).and_then(|()| self.wait_for_time(cx, &mut time, deadline)) {
                Ok(()) => Poll::Pending,
                Err(full) => Poll::Ready(Err(full)),
            }
        })
        .await;
        self.urge();
        submitted
    }

    /// Asks many things at once, and waits until all are answered; `requests` is told of each answer as it comes.
    ///
    /// As many are under way as there are slots that no other task uses or waits for; each answer is waited for as long as the
    /// patience lasts, and so is a slot: after that, or where no [seat](Client::with_seats) is left, the rest is answered with
    /// that error. If the future is dropped, what was not answered has no answer.
    ///
    /// # Panics
    /// If `requests` uses the client itself.
    pub async fn pipeline(&self, requests: &mut impl Requests) {
        let mut piped = Piped {
            client: self,
            pipeline: Pipeline::new(),
            answered: None,
            deadline: Nanos::MAX,
            place: Place::new(&self.seats, Reason::Room),
            time: Place::new(&self.seats, Reason::Time),
        };
        poll_fn(|cx| piped.poll(cx, requests)).await;
    }
}

/// The longest answer to what says nothing but that it is done.
pub(super) const ACK: usize = 8;

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Asked<'_, '_, L, T, REQUESTS, WATCHES> {
    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(ticket) = &self.ticket else { return Poll::Ready(()) };
        if self.client.store.borrow_mut().core().is_done(ticket) {
            return Poll::Ready(());
        }
        let other = self.client.sleepers.borrow_mut().put(Wants::Answer(ticket.place()), cx);
        other.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

/// A pipeline that is given up with the future that waits for it.
struct Piped<'c, 'a, L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> {
    client: &'c Client<'a, L, REQUESTS, WATCHES, T>,
    pipeline: Pipeline<REQUESTS>,
    /// How many were answered when patience began.
    answered: Option<usize>,
    /// When it ends.
    deadline: Nanos,
    /// Where nothing is under way: it waits for a slot, as long as the patience lasts.
    place: Place<'c, 'a, REQUESTS>,
    time: Place<'c, 'a, REQUESTS>,
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Piped<'_, '_, L, T, REQUESTS, WATCHES> {
    fn poll(&mut self, cx: &Context<'_>, requests: &mut impl Requests) -> Poll<()> {
        let (done, submitted) = {
            let mut store = self.client.store.borrow_mut();
            self.pipeline.drain(store.core(), requests);
            let submitted = if self.place.is_next() { self.pipeline.fill(store.core(), requests) } else { 0 };
            (self.pipeline.is_over(requests), submitted > 0)
        };
        if done {
            return Poll::Ready(());
        }
        // What was answered has left its slot, perhaps for another.
        self.client.leave_room();
        if self.answered.replace(self.pipeline.answered()) != Some(self.pipeline.answered()) {
            let mut store = self.client.store.borrow_mut();
            self.deadline = store.deadline();
            self.pipeline.under_way().for_each(|ticket| store.expire(ticket));
        }
        for ticket in self.pipeline.under_way() {
            let other = self.client.sleepers.borrow_mut().put(Wants::Answer(ticket.place()), cx);
            other.into_iter().for_each(Waker::wake);
        }
        if submitted {
            self.client.urge();
        }
        if self.pipeline.under_way().next().is_some() {
            self.place = Place::new(&self.client.seats, Reason::Room);
            return Poll::Pending;
        }
        match self.wait(cx) {
            Ok(()) => Poll::Pending,
            Err(error) => {
                let mut store = self.client.store.borrow_mut();
                mem::take(&mut self.pipeline).give_up(store.core(), requests, error);
                Poll::Ready(())
            }
        }
    }

    /// Waits for a slot.
    fn wait(&mut self, cx: &Context<'_>) -> Result<(), StoreError> {
        self.client.check()?;
        if self.client.now() >= self.deadline {
            return Err(StoreError::TimedOut);
        }
        self.place.wait(cx, self.deadline)?;
        self.client.wait_for_time(cx, &mut self.time, self.deadline)
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Drop
    for Piped<'_, '_, L, T, REQUESTS, WATCHES>
{
    fn drop(&mut self) {
        let mut store = self.client.store.borrow_mut();
        self.pipeline.tickets().for_each(|ticket| store.core().give_up(ticket));
        drop(store);
        self.client.leave_room();
    }
}
