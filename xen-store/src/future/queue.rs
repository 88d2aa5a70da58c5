//! Tasks that wait for the same thing, any number of them.

use core::cell::RefCell;
use core::task::{Context, Waker};

/// A queue without storage of its own: each task holds the waker of the one that came before it, and passes the word on.
#[derive(Debug)]
pub(super) struct Queue(RefCell<Line>);

#[derive(Debug)]
struct Line {
    /// Who came last.
    last: Option<Waker>,
    /// Counts the words: who stands in an older round has been woken, or is being woken.
    round: u64,
    /// Tickets given out, and those still in use.
    issued: u64,
    used: u64,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(Line { last: None, round: 0, issued: 0, used: 0 }))
    }

    /// Tells whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().used == 0
    }

    /// Has all of them look again.
    pub(super) fn wake(&self) {
        let last = {
            let mut line = self.0.borrow_mut();
            line.round = line.round.wrapping_add(1);
            line.last.take()
        };
        last.into_iter().for_each(Waker::wake);
    }
}

/// A task's place in a queue, from its first look to its last.
#[derive(Debug)]
pub(super) struct Place<'q> {
    queue: &'q Queue,
    ticket: u64,
    stand: Option<Stand>,
}

/// How a task stands in the line.
#[derive(Debug)]
struct Stand {
    round: u64,
    itself: Waker,
    before: Option<Waker>,
}

impl<'q> Place<'q> {
    pub(super) fn new(queue: &'q Queue) -> Self {
        let ticket = {
            let mut line = queue.0.borrow_mut();
            line.used = line.used.saturating_add(1);
            line.issued = line.issued.saturating_add(1);
            line.issued
        };
        Self { queue, ticket, stand: None }
    }

    /// Tells whether it is this one's turn. It always is, for who came first of those that are there; for another only
    /// where some have left that came after it.
    pub(super) fn is_next(&self) -> bool {
        let line = self.queue.0.borrow();
        // All tickets in use are different, and not above the last one: the lowest is not above this.
        self.ticket <= line.issued.saturating_sub(line.used).saturating_add(1)
    }

    /// Has the task woken when it is to look again.
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        let round = self.queue.0.borrow().round;
        if self.stand.as_ref().is_some_and(|stand| stand.round == round && stand.itself.will_wake(cx.waker())) {
            return;
        }
        self.step_out();
        let (itself, last) = (cx.waker().clone(), Some(cx.waker().clone()));
        let mut line = self.queue.0.borrow_mut();
        let before = core::mem::replace(&mut line.last, last);
        self.stand = Some(Stand { round: line.round, itself, before });
    }

    /// Leaves the line, whose parts before and behind know each other no longer: all of them look again.
    fn step_out(&mut self) {
        let Some(stand) = self.stand.take() else { return };
        if stand.round == self.queue.0.borrow().round {
            self.queue.wake();
        }
        stand.before.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        {
            let mut line = self.queue.0.borrow_mut();
            line.used = line.used.saturating_sub(1);
        }
        self.step_out();
        // It may be another one's turn now.
        self.queue.wake();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::Wake;
    use std::vec::Vec;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// A task that passes the word on when it is woken, as a poll does.
    struct Task<'q> {
        place: Option<Place<'q>>,
        count: Arc<Count>,
        seen: usize,
    }

    impl<'q> Task<'q> {
        fn new(queue: &'q Queue) -> Self {
            let mut task = Self { place: Some(Place::new(queue)), count: Arc::default(), seen: 0 };
            task.wait();
            task
        }

        fn wait(&mut self) {
            let waker = Waker::from(Arc::clone(&self.count));
            self.place.as_mut().unwrap().wait(&Context::from_waker(&waker));
        }

        /// Looks, if it was woken.
        fn turn(&mut self) -> bool {
            let woken = self.count.0.load(SeqCst);
            let is_woken = woken != self.seen && self.place.is_some();
            self.seen = woken;
            if is_woken {
                self.wait();
            }
            is_woken
        }
    }

    /// Lets all look until nobody is woken any more; tells who looked.
    fn settle(tasks: &mut [Task<'_>]) -> Vec<bool> {
        let mut looked = std::vec![false; tasks.len()];
        for _ in 0..100 {
            let mut is_over = true;
            for (task, looked) in tasks.iter_mut().zip(&mut looked) {
                if task.turn() {
                    (*looked, is_over) = (true, false);
                }
            }
            if is_over {
                return looked;
            }
        }
        panic!("they wake each other for ever");
    }

    fn turns(tasks: &[Task<'_>]) -> Vec<bool> {
        tasks.iter().map(|task| task.place.as_ref().is_some_and(Place::is_next)).collect()
    }

    #[test]
    fn all_are_woken_whoever_leaves() {
        for gone in 0..4 {
            let queue = Queue::new();
            let mut tasks: Vec<_> = (0..4).map(|_| Task::new(&queue)).collect();
            assert_eq!(settle(&mut tasks), [false; 4]);
            tasks[gone].place = None;
            settle(&mut tasks);
            queue.wake();
            let looked = settle(&mut tasks);
            assert!((0..4).all(|at| looked[at] == (at != gone)), "{gone}: {looked:?}");
        }
    }

    #[test]
    fn one_is_woken_by_the_waker_that_it_named_last() {
        let queue = Queue::new();
        let mut tasks: Vec<_> = (0..3).map(|_| Task::new(&queue)).collect();
        (tasks[1].count, tasks[1].seen) = (Arc::default(), 0);
        tasks[1].wait();
        settle(&mut tasks);
        queue.wake();
        assert_eq!(settle(&mut tasks), [true; 3]);
    }

    #[test]
    fn who_came_first_has_its_turn_first() {
        let queue = Queue::new();
        let mut tasks: Vec<_> = (0..4).map(|_| Task::new(&queue)).collect();
        for next in 0..4 {
            assert!((0..4).all(|at| turns(&tasks)[at] == (at == next)), "{:?}", turns(&tasks));
            tasks[next].place = None;
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn it_is_always_somebodys_turn() {
        for gone in 0_u32..15 {
            let queue = Queue::new();
            let mut tasks: Vec<_> = (0..4).map(|_| Task::new(&queue)).collect();
            (0..4).filter(|at| gone & 1 << at != 0).for_each(|at| tasks[at].place = None);
            let first = gone.trailing_ones() as usize;
            assert!(turns(&tasks)[first], "{gone:b}");
        }
    }
}
