//! What an answer changes, state by state.

use core::task::Poll;

use crate::class::CallResult;
use crate::coordinator::{Source, SuspendCoordinator};
use crate::slot::{DeviceSlot, DeviceSlots, Next, next};
use crate::{Abort, Ack, Action, Class, ControlWord, Event, Fatal, Progress, Refusal, Stage, State, Witnesses};

impl<D: DeviceSlots> SuspendCoordinator<D> {
    pub(crate) fn answer(&mut self, answer: Event) {
        match (self.state, answer) {
            (State::Stopping, Event::Acknowledged(ack)) => self.stop_acknowledged(ack),
            (State::Requested, Event::Admitted(Ok(()))) => self.admitted(),
            (State::Requested, Event::Admitted(Err(why))) => self.give_up(Abort::Refused(why)),
            (State::Preparing, Event::Device(done)) => self.prepared(done),
            (State::Preparing, Event::Acknowledged(ack)) => self.acknowledged(ack),
            (State::Acked, Event::OsFrozen(done)) => self.os_frozen(done),
            (State::Freezing, Event::Device(done)) => {
                if let Err(why) = self.device(done) {
                    self.give_up(why);
                }
            }
            (State::Freezing, Event::Control(word)) => self.read_before_fence(word),
            (State::Fencing, Event::Done(true)) => self.fenced(),
            (State::Fencing, Event::Done(false)) => {
                self.held.fence = true;
                self.give_up(Abort::Fence);
            }
            (State::Rendezvous, Event::Done(true)) => self.parked(),
            (State::Rendezvous, Event::Done(false)) => {
                self.held.parked = true;
                self.give_up(Abort::Park);
            }
            (State::Dark, Event::Finished) => self.dark(),
            (State::InCall, Event::Returned(raw)) => self.returned(raw),
            (State::Classify, Event::Probed(witnesses)) => self.probed(witnesses),
            (State::Rebuild, Event::Rebuilt(done)) => self.rebuilt(done),
            (State::Return, Event::Finished) => {
                self.held.dark = false;
                self.turn_back();
            }
            (State::Releasing, Event::Finished) => self.released(),
            (State::StoreUp, Event::Finished | Event::Done(_)) => self.store_is_up(answer),
            (State::Reconnecting, answer) => self.reconnected(answer),
            (State::Settling, answer) => self.settled(answer),
            _ => {}
        }
    }

    fn stop_acknowledged(&mut self, ack: Ack) {
        match ack {
            // A stop that cannot be acknowledged is served all the same: the domain's end is answer enough.
            Ack::Committed | Ack::Denied => self.acked = true,
            Ack::Changed(word) => self.at_rest(Some(word)),
        }
    }

    fn admitted(&mut self) {
        self.proceed(State::Preparing);
        self.all_prepared();
    }

    /// Records a device's answer; tells the refusal, if it is one.
    fn device(&mut self, done: Poll<Result<(), Refusal>>) -> Result<(), Abort> {
        let (index, via, to) = match self.peek() {
            Action::Prepare(index) => (index, Progress::Preparing, Progress::Prepared),
            Action::Freeze(index) => (index, Progress::Freezing, Progress::Frozen),
            _ => return Ok(()),
        };
        match done {
            Poll::Pending => self.slot(index, via),
            Poll::Ready(Ok(())) => self.slot(index, to),
            Poll::Ready(Err(why)) => {
                // It may have done a part: it is undone like one that was on the way.
                self.slot(index, via);
                return Err(Abort::Device(index, why));
            }
        }
        Ok(())
    }

    fn prepared(&mut self, done: Poll<Result<(), Refusal>>) {
        if let Err(why) = self.device(done) {
            return self.give_up(why);
        }
        self.all_prepared();
    }

    /// A request by the channel is accepted without an acknowledgement.
    fn all_prepared(&mut self) {
        let all = next(self.devices(), Progress::Running, Progress::Preparing) == Next::Done;
        if all && self.source == Source::Channel && self.now < self.until {
            self.accepted();
        }
    }

    fn acknowledged(&mut self, ack: Ack) {
        match ack {
            Ack::Committed => {
                self.acked = true;
                self.accepted();
            }
            // It conflicted, but the request is the same: once more, until D0.
            Ack::Changed(ControlWord::Suspend) => {}
            Ack::Changed(word) => self.give_up(Abort::WordChanged(word)),
            Ack::Denied => self.give_up(Abort::AckDenied),
        }
    }

    fn accepted(&mut self) {
        // For a request by the channel it counts from the signal.
        if self.source == Source::Store {
            // The toolstack's time runs from the commit, which may have been any time since the acknowledgement was asked for.
            self.d1 = self.asked.after(self.deadlines.d1());
        }
        self.proceed(State::Acked);
        self.until = self.d1;
    }

    fn os_frozen(&mut self, done: Result<(), Refusal>) {
        self.held.os = true;
        match done {
            Ok(()) => {
                self.proceed(State::Freezing);
            }
            Err(why) => self.give_up(Abort::Os(why)),
        }
    }

    fn read_before_fence(&mut self, word: Option<ControlWord>) {
        match word {
            // Stays if a device came back meanwhile: it is to be frozen first.
            Some(ControlWord::Idle | ControlWord::Suspend) if self.devices().iter().any(DeviceSlot::is_back) => {}
            Some(ControlWord::Idle | ControlWord::Suspend) => self.proceed(State::Fencing),
            Some(other) => self.give_up(Abort::WordChanged(other)),
            None => self.give_up(Abort::Fence),
        }
    }

    fn fenced(&mut self) {
        self.held.fence = true;
        self.stamps.rendezvous = self.now;
        self.enter(State::Rendezvous, self.deadlines.dr());
        self.until = self.until.min(self.d1);
    }

    fn parked(&mut self) {
        self.held.parked = true;
        self.proceed(State::Dark);
        // Nobody waits for a guest that woke up, and what it lost is to be rebuilt however late it is.
        self.until = if self.source == Source::Wake { xen_hypercall::Nanos::MAX } else { self.d1 };
    }

    fn dark(&mut self) {
        self.held.dark = true;
        if self.source == Source::Wake {
            self.stamps.call = self.now;
            self.stamps.returned = self.now;
            return self.proceed(State::Classify);
        }
        if self.now < self.d1 && !self.inbox.off {
            self.stamps.call = self.now;
            self.state = State::InCall;
        }
    }

    fn returned(&mut self, raw: isize) {
        self.stamps.returned = self.now;
        let result = CallResult::of(raw);
        if !matches!(result, CallResult::Failed(_)) {
            // All signals up to here had this call for an answer.
            self.signal = None;
        }
        match result {
            CallResult::Cancelled => {
                self.class = Class::Cancel;
                self.turn_back();
            }
            CallResult::Failed(errno) => {
                self.abort = Some(Abort::Call(errno));
                self.class = Class::Abort;
                self.turn_back();
            }
            CallResult::Unclear => self.proceed(State::Classify),
        }
    }

    fn probed(&mut self, witnesses: Witnesses) {
        self.class = match (witnesses.same_domain(), self.source) {
            (false, _) => Class::New,
            (true, Source::Wake) => Class::Frozen,
            (true, Source::Store | Source::Channel) => Class::InPlace,
        };
        if self.class.rebuilds() { self.proceed(State::Rebuild) } else { self.turn_back() }
    }

    fn rebuilt(&mut self, done: Result<(), Fatal>) {
        if let Err(fatal) = done {
            self.fatal = Some(fatal);
            if fatal.stage != Stage::Store {
                self.state = State::Fatal;
                return;
            }
            // Without xenstore the guest still runs: all its devices are degraded.
            self.store_lost = true;
        }
        self.held.dark = false;
        if self.class == Class::New {
            // What the old domain was asked for.
            (self.signal, self.told, self.inbox.word) = (None, None, None);
            self.declined = false;
        }
        // The new connection opens it; without one, it is opened as it was.
        self.held.fence &= self.store_lost;
        // Frozen or not, prepared or not: nothing of a device is left in the new context.
        let slot = DeviceSlot { progress: Progress::Frozen, ..DeviceSlot::new() };
        self.devices_mut().fill(slot);
        self.proceed(State::Releasing);
    }

    fn released(&mut self) {
        self.held.parked = false;
        match (self.class.rebuilds(), self.store_lost) {
            (true, true) if !self.held.fence => self.reconnect_all(),
            (true, _) => self.enter(State::StoreUp, self.deadlines.dc()),
            (false, _) => self.turn_back(),
        }
    }

    fn reconnect_all(&mut self) {
        self.enter(State::Reconnecting, self.deadlines.dc());
        self.reconnected(Event::Tick);
    }

    fn store_is_up(&mut self, answer: Event) {
        match (self.class.rebuilds() && !self.store_lost, answer) {
            (false, Event::Finished) => {
                self.held.fence = false;
                if self.class.rebuilds() { self.reconnect_all() } else { self.turn_back() }
            }
            (true, Event::Done(false)) if self.now < self.until => self.waiting = true,
            (true, Event::Done(up)) => {
                self.store_lost = !up;
                self.reconnect_all();
            }
            _ => {}
        }
    }

    fn reconnected(&mut self, answer: Event) {
        match (self.peek(), answer) {
            (Action::Degrade(index), Event::Finished) => self.slot(index, Progress::Degraded),
            (Action::Resume(index, _), Event::Device(Poll::Pending)) => self.slot(index, Progress::Resuming),
            (Action::Resume(index, _), Event::Device(Poll::Ready(Ok(())))) => self.slot(index, Progress::Running),
            (Action::Resume(index, _), Event::Device(Poll::Ready(Err(_)))) => self.slot(index, Progress::Degraded),
            _ => {}
        }
        let back = next(self.devices(), Progress::Frozen, Progress::Resuming) == Next::Done;
        if self.state == State::Reconnecting && back {
            self.proceed(State::Settling);
        }
    }

    fn settled(&mut self, answer: Event) {
        match (self.peek(), answer) {
            (Action::Publish(_), Event::Finished) => self.published = true,
            (Action::Thaw(index, _), Event::Finished) => self.slot(index, Progress::Prepared),
            (Action::ThawOs, Event::Finished) => self.held.os = false,
            (Action::Unprepare(index), Event::Finished) => self.slot(index, Progress::Running),
            (Action::Finish(_), Event::Finished) => self.held.operation = false,
            (Action::ReadControl, Event::Control(word)) => self.at_rest(word),
            _ => {}
        }
    }

    /// Back in normal service: what came meanwhile is served now.
    fn at_rest(&mut self, word: Option<ControlWord>) {
        self.state = State::Running;
        if let Some(word) = word.or(self.told) {
            self.serve(word);
        }
    }
}
