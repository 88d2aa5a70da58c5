//! Tasks that wait for a slot, or for the clock.

use core::cell::{Cell, RefCell};
use core::task::{Context, Waker};

use xen_hypercall::Nanos;

use crate::StoreError;

/// Storage by which a task waits for a slot or for the clock, one of each.
#[derive(Debug, Default)]
pub struct Seat(RefCell<Option<Waiting>>);

impl Seat {
    /// Makes one that nobody has.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }
}

#[derive(Debug)]
struct Waiting {
    reason: Reason,
    ticket: u64,
    /// A task that is not polled any more holds up nobody beyond this time.
    until: Nanos,
    waker: Waker,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A slot: the first who came has it.
    Room,
    /// The time to look again.
    Time,
}

/// The seats of all tasks: `4 * N`, and the caller's.
#[derive(Debug)]
pub(super) struct Seats<'a, const N: usize> {
    own: [[Seat; N]; 4],
    more: &'a [Seat],
    tickets: Cell<u64>,
    /// The time, as it was told last.
    now: Cell<Nanos>,
}

impl<'a, const N: usize> Seats<'a, N> {
    pub(super) const fn new() -> Self {
        Self {
            own: [const { [const { Seat::new() }; N] }; 4],
            more: &[],
            tickets: Cell::new(0),
            now: Cell::new(Nanos::ZERO),
        }
    }

    pub(super) const fn add(&mut self, seats: &'a [Seat]) {
        self.more = seats;
    }

    pub(super) fn tell_time(&self, now: Nanos) {
        self.now.set(now);
    }

    fn all(&self) -> impl Iterator<Item = &Seat> {
        self.own.iter().flatten().chain(self.more)
    }

    /// Returns the ticket of who came first.
    fn first(&self, reason: Reason) -> Option<u64> {
        let now = self.now.get();
        let tickets = self.all().filter_map(|seat| {
            let waiting = seat.0.borrow();
            waiting.as_ref().filter(|waiting| now < waiting.until).and_then(|waiting| waiting.ticket_of(reason))
        });
        tickets.min()
    }

    /// Tells whether somebody waits.
    pub(super) fn is_awaited(&self, reason: Reason) -> bool {
        self.first(reason).is_some()
    }

    /// Wakes who came first.
    pub(super) fn wake_first(&self, reason: Reason) {
        let first = self.first(reason);
        self.wake(reason, |ticket| Some(ticket) == first);
    }

    /// Wakes all.
    pub(super) fn wake_all(&self, reason: Reason) {
        self.wake(reason, |_| true);
    }

    fn wake(&self, reason: Reason, whom: impl Fn(u64) -> bool) {
        for seat in self.all() {
            let waker = seat.0.borrow().as_ref().and_then(|waiting| {
                let is_meant = waiting.ticket_of(reason).is_some_and(&whom);
                is_meant.then(|| waiting.waker.clone())
            });
            // With nothing borrowed: what a waker does is not ours.
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Waiting {
    fn ticket_of(&self, reason: Reason) -> Option<u64> {
        (self.reason == reason).then_some(self.ticket)
    }
}

/// A task's place among those who wait, from its first look to its last. It has a seat only once it waits.
#[derive(Debug)]
pub(super) struct Place<'q, 'a, const N: usize> {
    seats: &'q Seats<'a, N>,
    reason: Reason,
    seat: Option<(u64, &'q Seat)>,
}

impl<'q, 'a, const N: usize> Place<'q, 'a, N> {
    pub(super) const fn new(seats: &'q Seats<'a, N>, reason: Reason) -> Self {
        Self { seats, reason, seat: None }
    }

    /// Tells whether nobody came before.
    pub(super) fn is_next(&self) -> bool {
        self.seats.first(self.reason).is_none_or(|first| self.seat.is_some_and(|(ticket, _)| ticket <= first))
    }

    /// Has the task woken when it is to look again, which it does until some time at most.
    ///
    /// # Errors
    /// [`StoreError::Full`] if there is no seat.
    pub(super) fn wait(&mut self, cx: &Context<'_>, until: Nanos) -> Result<(), StoreError> {
        let (ticket, seat) = match self.seat {
            Some(mine) => mine,
            None => self.sit_down()?,
        };
        let waiting = Waiting { reason: self.reason, ticket, until, waker: cx.waker().clone() };
        let before = seat.0.borrow_mut().replace(waiting);
        drop(before);
        Ok(())
    }

    fn sit_down(&mut self) -> Result<(u64, &'q Seat), StoreError> {
        let free = self.seats.all().find(|seat| seat.0.borrow().is_none()).ok_or(StoreError::Full)?;
        let ticket = self.seats.tickets.get();
        self.seats.tickets.set(ticket.wrapping_add(1));
        Ok(*self.seat.insert((ticket, free)))
    }
}

impl<const N: usize> Drop for Place<'_, '_, N> {
    fn drop(&mut self) {
        let Some((_, seat)) = self.seat.take() else { return };
        let waiting = seat.0.borrow_mut().take();
        drop(waiting);
        if self.reason == Reason::Room {
            // It may be the next one's turn now.
            self.seats.wake_first(Reason::Room);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn wait(place: &mut Place<'_, '_, 2>, count: &Arc<Count>) -> Result<(), StoreError> {
        place.wait(&Context::from_waker(&Waker::from(Arc::clone(count))), Nanos(9))
    }

    #[test]
    fn who_came_first_is_woken_and_has_its_turn() {
        let seats: Seats<'_, 2> = Seats::new();
        let counts: [Arc<Count>; 3] = Default::default();
        let mut places = [(); 3].map(|()| Place::new(&seats, Reason::Room));
        assert!(places.iter().all(Place::is_next), "nobody waits");
        for (place, count) in places.iter_mut().zip(&counts) {
            wait(place, count).unwrap();
        }
        let woken = || counts.each_ref().map(|count| count.0.load(SeqCst));
        assert_eq!(places.each_ref().map(Place::is_next), [true, false, false]);
        seats.wake_first(Reason::Room);
        assert_eq!(woken(), [1, 0, 0]);
        wait(&mut places[0], &counts[0]).unwrap();
        let [first, second, third] = places;
        drop(second);
        assert_eq!(woken(), [2, 0, 0], "it is the first one's turn still");
        drop(first);
        assert_eq!((woken(), third.is_next()), ([2, 0, 1], true), "the next one is told");
        assert!(!Place::new(&seats, Reason::Room).is_next(), "who comes now comes later");
        drop(third);
        assert!(!seats.is_awaited(Reason::Room));
    }

    /// A task that is there and is not polled holds up the others until its time, and no longer.
    #[test]
    fn who_is_not_polled_loses_its_turn_in_time() {
        let seats: Seats<'_, 2> = Seats::new();
        let [first, second]: [Arc<Count>; 2] = Default::default();
        let mut places = [(); 2].map(|()| Place::new(&seats, Reason::Room));
        wait(&mut places[0], &first).unwrap();
        seats.tell_time(Nanos(5));
        places[1].wait(&Context::from_waker(&Waker::from(Arc::clone(&second))), Nanos(20)).unwrap();
        assert_eq!(places.each_ref().map(Place::is_next), [true, false]);
        seats.tell_time(Nanos(9));
        assert_eq!(places.each_ref().map(Place::is_next), [true, true]);
        seats.wake_first(Reason::Room);
        assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (0, 1));
    }

    #[test]
    fn one_is_woken_by_the_waker_that_it_named_last() {
        let seats: Seats<'_, 2> = Seats::new();
        let [old, new]: [Arc<Count>; 2] = Default::default();
        let mut place = Place::new(&seats, Reason::Time);
        wait(&mut place, &old).unwrap();
        wait(&mut place, &new).unwrap();
        seats.wake_first(Reason::Room);
        seats.wake_all(Reason::Time);
        assert_eq!((old.0.load(SeqCst), new.0.load(SeqCst), Arc::strong_count(&old)), (0, 1, 1));
    }

    #[test]
    fn there_are_four_seats_a_slot_and_those_that_are_given() {
        let given = [const { Seat::new() }; 3];
        let mut seats: Seats<'_, 2> = Seats::new();
        seats.add(&given);
        let count = Arc::default();
        let mut places = [(); 12].map(|()| Place::new(&seats, Reason::Time));
        let taken = places.each_mut().map(|place| wait(place, &count));
        assert_eq!(taken[..11], [Ok(()); 11]);
        assert_eq!(taken[11], Err(StoreError::Full));
        seats.wake_all(Reason::Time);
        assert_eq!(count.0.load(SeqCst), 11);
        let [first, .., mut last] = places;
        drop(first);
        assert_eq!(wait(&mut last, &count), Ok(()), "a seat that was left");
    }
}
