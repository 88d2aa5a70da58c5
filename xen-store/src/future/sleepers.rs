//! Who is to be woken, and for what.

use core::task::{Context, Waker};

/// A place for each thing that a task may wait for: an answer, an event; and the driver's.
#[derive(Debug)]
pub(super) struct Sleepers<const REQUESTS: usize, const WATCHES: usize> {
    answers: [Option<Waker>; REQUESTS],
    events: [Option<Waker>; WATCHES],
    standing: [Option<Waker>; WATCHES],
    driver: Option<Waker>,
}

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// The answer to the request at that place.
    Answer(usize),
    /// An event of the watch at that place.
    Event(usize),
    /// Whether the server takes the watch at that place.
    Standing(usize),
}

impl<const REQUESTS: usize, const WATCHES: usize> Sleepers<REQUESTS, WATCHES> {
    pub(super) const fn new() -> Self {
        Self {
            answers: [const { None }; REQUESTS],
            events: [const { None }; WATCHES],
            standing: [const { None }; WATCHES],
            driver: None,
        }
    }

    fn place(&mut self, wants: Wants) -> Option<&mut Option<Waker>> {
        match wants {
            Wants::Answer(place) => self.answers.get_mut(place),
            Wants::Event(place) => self.events.get_mut(place),
            Wants::Standing(place) => self.standing.get_mut(place),
        }
    }

    /// Has a task woken; one that waited for the same is woken now, since there is one place.
    #[must_use = "it is to be woken, with nothing borrowed"]
    pub(super) fn put(&mut self, wants: Wants, cx: &Context<'_>) -> Option<Waker> {
        let place = self.place(wants)?;
        let before = place.replace(cx.waker().clone());
        before.filter(|waker| !waker.will_wake(cx.waker()))
    }

    pub(super) fn take(&mut self, wants: Wants) -> Option<Waker> {
        self.place(wants)?.take()
    }

    pub(super) fn put_driver(&mut self, cx: &Context<'_>) {
        self.driver = Some(cx.waker().clone());
    }

    pub(super) const fn take_driver(&mut self) -> Option<Waker> {
        self.driver.take()
    }

    /// Takes what is at a place, of all but the driver; `None` behind the last.
    pub(super) fn take_any(&mut self, place: usize) -> Option<Option<Waker>> {
        let tasks = self.answers.iter_mut().chain(&mut self.events).chain(&mut self.standing);
        tasks.map(Option::take).nth(place)
    }
}
