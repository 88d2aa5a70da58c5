//! The coordinator: a pure step function over a small record.

use xen_hypercall::Nanos;

use crate::slot::{DeviceSlot, DeviceSlots};
use crate::{Abort, Action, Class, ControlWord, Deadlines, Event, Fatal, Progress, State};

/// How long to wait before devices that are not done are asked again, if nothing happens before.
const PACE: Nanos = Nanos::from_millis(5);

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `control/shutdown`: to be acknowledged.
    Store,
    /// The suspend event channel.
    Channel,
    /// Nobody asked: the guest woke up.
    Wake,
}

/// What the coordinator has taken and must give back, in the reverse order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Held {
    /// An operation is open: to be finished, and its admission given back.
    pub(crate) operation: bool,
    pub(crate) os: bool,
    pub(crate) fence: bool,
    pub(crate) parked: bool,
    pub(crate) dark: bool,
}

/// Facts that came while an action is being done. They wait for its answer: what it takes is on record then.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Inbox {
    pub(crate) word: Option<ControlWord>,
    /// The operation is called off.
    pub(crate) off: bool,
}

/// When the parts of the blackout began and ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stamps {
    pub(crate) rendezvous: Nanos,
    pub(crate) call: Nanos,
    pub(crate) returned: Nanos,
    pub(crate) released: Nanos,
}

/// Decides what a guest does, and in which order, from a request to be suspended until it serves again.
///
/// It is a pure step function: [`SuspendCoordinator::poll`] tells the one thing to do now, the embedder does it and answers
/// with [`SuspendCoordinator::handle`]. Nothing here blocks, allocates or reads a clock. [`Runner`](crate::Runner) does the
/// loop for an embedder that offers its services by the traits of this crate.
///
/// Errors of a step before the call lead back to running through the same undoing that a cancelled suspend takes;
/// the record of what is held says what there is to undo, so that no step can be forgotten or done twice.
#[doc(alias = "do_suspend")]
#[derive(Debug)]
pub struct SuspendCoordinator<D> {
    pub(crate) state: State,
    pub(crate) held: Held,
    pub(crate) slots: D,
    pub(crate) deadlines: Deadlines,
    pub(crate) source: Source,
    /// The word being acknowledged or served in [`State::Stopping`].
    pub(crate) stop: ControlWord,
    pub(crate) acked: bool,
    /// The limit of the present state.
    pub(crate) until: Nanos,
    /// The limit of everything up to the call.
    pub(crate) d1: Nanos,
    pub(crate) now: Nanos,
    /// When the action that is being answered was asked for, or before.
    pub(crate) asked: Nanos,
    pub(crate) class: Class,
    pub(crate) abort: Option<Abort>,
    pub(crate) fatal: Option<Fatal>,
    pub(crate) store_lost: bool,
    /// The devices that are not back are late.
    pub(crate) overdue: bool,
    pub(crate) published: bool,
    pub(crate) waiting: bool,
    /// The node still holds the `suspend` that was refused: it is not served again until the node changes.
    pub(crate) declined: bool,
    pub(crate) report: Option<ControlWord>,
    /// The last word of which an event told while busy: it stands in if the node cannot be read.
    pub(crate) told: Option<ControlWord>,
    pub(crate) inbox: Inbox,
    /// When the signal of the channel came that is still to be served.
    pub(crate) signal: Option<Nanos>,
    pub(crate) stamps: Stamps,
    /// The time of day when the guest left, for the runner.
    pub(crate) left: Option<Nanos>,
}

impl<D: DeviceSlots> SuspendCoordinator<D> {
    /// Makes the coordinator of a running guest, with a slot for each of its devices.
    #[must_use]
    pub fn new(mut slots: D, deadlines: Deadlines) -> Self {
        slots.as_mut().fill(DeviceSlot::new());
        Self {
            state: State::Running,
            held: Held::default(),
            slots,
            deadlines,
            source: Source::Store,
            stop: ControlWord::Idle,
            acked: false,
            until: Nanos::MAX,
            d1: Nanos::MAX,
            now: Nanos::ZERO,
            asked: Nanos::ZERO,
            class: Class::Abort,
            abort: None,
            fatal: None,
            store_lost: false,
            overdue: false,
            published: false,
            waiting: false,
            declined: false,
            report: None,
            told: None,
            inbox: Inbox::default(),
            signal: None,
            stamps: Stamps::default(),
            left: None,
        }
    }

    /// Returns where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Tells whether the other processors are held, and with them the one that asks.
    pub(crate) const fn holds_processors(&self) -> bool {
        self.held.parked
    }

    /// Returns the limit of what is being done now.
    #[must_use]
    pub const fn until(&self) -> Nanos {
        self.until
    }

    /// Returns the record of each device.
    #[must_use]
    pub fn devices(&self) -> &[DeviceSlot] {
        self.slots.as_ref()
    }

    pub(crate) fn devices_mut(&mut self) -> &mut [DeviceSlot] {
        self.slots.as_mut()
    }

    /// Takes a fact in, at the time `now` of a clock that never goes back.
    ///
    /// A fact that comes while an action is being done takes effect after the answer. An answer that does not fit the
    /// action polled last is ignored.
    pub fn handle(&mut self, now: Nanos, event: Event) {
        let action = self.poll();
        match event {
            Event::Word(word) => self.inbox.word = Some(word),
            Event::Channel => self.on_channel(now),
            Event::Wake if self.state == State::Running => self.on_wake(now),
            Event::Recovered(index) => self.recovered(index),
            // A wake is no request: what it lost is to be found out.
            Event::CallOff => self.inbox.off = self.source != Source::Wake && self.before_call(),
            Event::Wake => {}
            answer if answer.fits(action) => self.on_answer(now, answer),
            _ => {}
        }
        if action == Action::Idle {
            self.now = now;
            self.take_in();
        }
    }

    fn on_answer(&mut self, now: Nanos, answer: Event) {
        self.asked = core::mem::replace(&mut self.now, now);
        if self.report.take().is_some() {
            return self.take_in();
        }
        if answer == Event::Tick {
            self.waiting = false;
            self.devices_mut().iter_mut().for_each(|slot| slot.asked = false);
        }
        let before = self.state;
        self.answer(answer);
        // Only now, when what the answer brought is on record and so will be undone.
        if self.before_call() && self.now >= self.until {
            self.give_up(Abort::Deadline(before));
        }
        self.overdue |= self.state == State::Reconnecting && self.now >= self.until;
        self.take_in();
        self.waiting = matches!(self.peek(), Action::Wait(_));
    }

    /// Lets the facts that waited take effect.
    fn take_in(&mut self) {
        let Inbox { word, off } = core::mem::take(&mut self.inbox);
        // Within the fence no device connects; one that just did, and was not frozen, counts as degraded until it opens.
        let fenced = self.held.fence;
        for slot in self.devices_mut().iter_mut().filter(|_| !fenced) {
            if slot.is_back() {
                slot.progress = Progress::Running;
            }
            slot.recovered = false;
        }
        if off && self.before_call() {
            self.give_up(Abort::Cancelled);
        }
        if let Some(word) = word {
            self.on_word(word);
        }
        self.serve_signal();
    }

    fn on_word(&mut self, word: ControlWord) {
        // The acknowledgement itself makes an event too: then the word is idle.
        self.declined = false;
        self.told = Some(word);
        match self.state {
            State::Running => self.serve(word),
            State::Preparing if self.source == Source::Store && word != ControlWord::Suspend => {
                self.give_up(Abort::WordChanged(word));
            }
            // Whatever it is, the node is read again when this operation is over.
            _ => {}
        }
    }

    fn on_channel(&mut self, now: Nanos) {
        // Signals before the call are one request, and the one call answers them all.
        if self.source != Source::Channel || !self.before_call() {
            self.signal.get_or_insert(now);
        }
    }

    /// Serves a signal of the channel, in normal service. The toolstack's clock has run since it came.
    fn serve_signal(&mut self) {
        if self.state != State::Running {
            return;
        }
        let limit = self.signal.take().map(|at| at.after(self.deadlines.d1()));
        if let Some(limit) = limit.filter(|&limit| self.now < limit) {
            self.begin(Source::Channel);
            self.d1 = limit;
            self.until = self.until.min(limit);
        }
    }

    fn on_wake(&mut self, now: Nanos) {
        self.now = now;
        self.begin(Source::Wake);
        self.stamps.rendezvous = self.now;
        self.enter(State::Rendezvous, self.deadlines.dr());
    }

    fn recovered(&mut self, index: usize) {
        if let Some(slot) = self.devices_mut().get_mut(index) {
            slot.recovered = true;
        }
    }

    /// Does what a word asks for, in normal service.
    pub(crate) fn serve(&mut self, word: ControlWord) {
        self.declined &= word == ControlWord::Suspend;
        match word {
            ControlWord::Idle => {}
            ControlWord::Suspend if self.declined => {}
            ControlWord::Suspend => self.begin(Source::Store),
            ControlWord::Unknown(_) => self.report = Some(word),
            ControlWord::Poweroff | ControlWord::Halt | ControlWord::Reboot => {
                self.stop = word;
                self.acked = false;
                self.state = State::Stopping;
            }
        }
    }

    pub(crate) fn begin(&mut self, source: Source) {
        self.held.operation = true;
        self.store_lost = false;
        self.published = false;
        self.source = source;
        self.abort = None;
        self.told = None;
        self.class = Class::Abort;
        self.acked = false;
        self.enter(State::Requested, self.deadlines.d0());
    }

    pub(crate) fn enter(&mut self, state: State, limit: Nanos) {
        self.state = state;
        self.until = self.now.after(limit);
        self.overdue = false;
        self.devices_mut().iter_mut().for_each(|slot| slot.asked = false);
    }

    /// Goes to the next state under the same limit.
    pub(crate) fn proceed(&mut self, state: State) {
        self.state = state;
        if state == State::Releasing {
            // Before the clock reads the time as ever again, which after a cancelled suspend includes the pause.
            self.stamps.released = self.now;
        }
        self.devices_mut().iter_mut().for_each(|slot| slot.asked = false);
    }

    const fn before_call(&self) -> bool {
        matches!(
            self.state,
            State::Requested
                | State::Preparing
                | State::Acked
                | State::Freezing
                | State::Fencing
                | State::Rendezvous
                | State::Dark
        )
    }

    /// Turns back: undoes what is held, in the reverse order.
    pub(crate) fn give_up(&mut self, why: Abort) {
        self.abort = Some(why);
        self.class = Class::Abort;
        // A node that was not acknowledged may still say the same, which is no new request.
        if self.source == Source::Store {
            self.declined = !self.acked && !matches!(why, Abort::WordChanged(_));
        }
        self.turn_back();
    }

    /// Enters the first state of the way back that has something to undo.
    pub(crate) fn turn_back(&mut self) {
        let state = match self.held {
            Held { dark: true, .. } => State::Return,
            Held { parked: true, .. } => State::Releasing,
            Held { fence: true, .. } => State::StoreUp,
            _ => State::Settling,
        };
        self.proceed(state);
    }

    /// The time at which to ask again while waiting.
    pub(crate) fn pace(&self) -> Nanos {
        self.now.after(PACE).min(self.until.max(self.now))
    }

    pub(crate) fn slot(&mut self, index: usize, progress: Progress) {
        if let Some(slot) = self.devices_mut().get_mut(index) {
            slot.progress = progress;
            slot.asked = matches!(progress, Progress::Preparing | Progress::Freezing | Progress::Resuming);
        }
    }
}
