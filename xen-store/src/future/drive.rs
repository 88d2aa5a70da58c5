//! What moves bytes, and wakes tasks for what came of them.

use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use xen_hypercall::Nanos;

use super::Client;
use super::seats::Reason;
use super::sleepers::Wants;
use crate::blocking::Progress;
use crate::{End, Link, StoreError, Transport};

/// How often the driver turns before other tasks have theirs.
const TURNS: usize = 8;

/// A [`Link`] by which a task waits.
///
/// Its [`Link::wait`] is needed only by what waits without the executor, as a fence does.
pub trait TaskLink: Link {
    /// Tells whether the server has notified since this was last ready, or `deadline` has come; if not, the task is woken when
    /// one of the two is so. Ready too early does no harm.
    fn poll_wait(&self, cx: &mut Context<'_>, deadline: Option<Nanos>) -> Poll<()>;
}

impl<L: TaskLink> TaskLink for &L {
    fn poll_wait(&self, cx: &mut Context<'_>, deadline: Option<Nanos>) -> Poll<()> {
        (**self).poll_wait(cx, deadline)
    }
}

impl<L: TaskLink, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'_, L, REQUESTS, WATCHES, T> {
    /// Moves what is asked and answered, until the session is over; to be run by a task of its own as long as others ask.
    ///
    /// Returns why the session is over; everybody who waits has been told. After [`Store::rebuild`](crate::Store::rebuild) or
    /// a reconnection, by [`Client::with`], it is run again.
    pub async fn drive(&self) -> StoreError {
        poll_fn(|cx| self.poll_drive(cx)).await
    }

    fn poll_drive(&self, cx: &mut Context<'_>) -> Poll<StoreError> {
        self.sleepers.borrow_mut().put_driver(cx);
        for _ in 0..TURNS {
            self.end_orphans();
            let turned = self.store.borrow_mut().turn_and_tell();
            self.wake_for_news();
            self.wake_for_time();
            let progress = match turned {
                Ok(progress) => progress,
                Err(error) => {
                    self.wake_all();
                    return Poll::Ready(error);
                }
            };
            let deadline = self.next_turn();
            let waits = self.store.borrow().link().poll_wait(cx, deadline).is_pending();
            if progress == Progress::Idle && waits {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells the server of transactions and watches that nobody will end.
    fn end_orphans(&self) {
        for unwanted in self.unwanted.borrow_mut().iter_mut() {
            unwanted.take_if(|watch| self.store.borrow_mut().core().unwatch(*watch) != Err(StoreError::Fenced));
        }
        let (mut store, mut orphans) = (self.store.borrow_mut(), self.orphans.borrow_mut());
        for orphan in orphans.iter_mut() {
            let Some(transaction) = orphan.take() else { continue };
            match store.core().end(&transaction, End::Abandon) {
                Ok(ticket) => {
                    ticket.into_iter().for_each(|ticket| store.core().give_up(ticket));
                    self.close();
                }
                // There is no room, or a fence: later.
                Err(StoreError::Full | StoreError::Fenced) => *orphan = Some(transaction),
                // The server ended it with the connection.
                Err(_) => self.close(),
            }
        }
    }
}

impl<L: Link, T: Transport, const REQUESTS: usize, const WATCHES: usize> Client<'_, L, REQUESTS, WATCHES, T> {
    /// Wakes tasks for what has become of what they wait for.
    pub(super) fn wake_for_news(&self) {
        for place in 0..REQUESTS.max(WATCHES) {
            for wants in [Wants::Answer(place), Wants::Event(place), Wants::Standing(place)] {
                let is_news = match wants {
                    Wants::Answer(place) => self.store.borrow_mut().core().is_over_at(place),
                    Wants::Event(place) => self.store.borrow_mut().core().has_event_at(place),
                    Wants::Standing(place) => self.store.borrow_mut().core().stands_at(place),
                };
                let waker = if is_news { self.sleepers.borrow_mut().take(wants) } else { None };
                waker.into_iter().for_each(Waker::wake);
            }
        }
        self.wake_for_room();
    }

    /// Tells who waits for a slot that one may be free: other tasks, and the driver with what nobody ended.
    pub(super) fn leave_room(&self) {
        self.wake_for_room();
        if self.orphans.borrow().iter().any(Option::is_some) {
            self.urge();
        }
    }

    /// Wakes who is next to have a slot, if one is free.
    pub(super) fn wake_for_room(&self) {
        if self.seats.is_awaited(Reason::Room) && self.store.borrow_mut().core().has_room() {
            self.seats.wake_first(Reason::Room);
        }
    }
}
