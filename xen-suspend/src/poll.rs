//! What to do now: derived from the record, changing nothing.

use xen_hypercall::Nanos;

use crate::coordinator::SuspendCoordinator;
use crate::slot::{DeviceSlot, DeviceSlots, Next, next};
use crate::{Action, ControlWord, Ending, Fatal, Progress, Resumed, Stage, State};

impl<D: DeviceSlots> SuspendCoordinator<D> {
    /// Returns the one thing to do now. Asked again without an answer in between, it says the same.
    #[must_use]
    pub fn poll(&self) -> Action {
        match self.report {
            Some(word) => Action::Report(word),
            None => self.peek(),
        }
    }

    pub(crate) fn peek(&self) -> Action {
        match self.state {
            State::Running => Action::Idle,
            State::Stopping if self.acked => Action::Stop(self.stop),
            State::Stopping => Action::Acknowledge(self.stop),
            State::Requested => Action::Admit,
            State::Preparing => self.prepare(),
            State::Acked => Action::FreezeOs,
            State::Freezing => self.freeze(),
            State::Fencing => Action::Fence,
            State::Rendezvous => Action::Park,
            State::Dark => Action::EnterDark,
            State::InCall => Action::Call,
            State::Classify => Action::Probe,
            State::Rebuild => Action::Rebuild(self.class),
            State::Return => Action::LeaveDark(self.class),
            State::Releasing => Action::Release,
            State::StoreUp => self.store_up(),
            State::Reconnecting => self.reconnect(),
            State::Settling => self.settle(),
            State::Fatal => Action::Crash(self.fatal.unwrap_or(Fatal { stage: Stage::Callback, errno: None })),
        }
    }

    fn prepare(&self) -> Action {
        match next(self.devices(), Progress::Running, Progress::Preparing) {
            Next::Ask(index) => Action::Prepare(index),
            Next::Wait => Action::Wait(self.pace()),
            Next::Done => Action::Acknowledge(ControlWord::Suspend),
        }
    }

    fn freeze(&self) -> Action {
        // A degraded device that came back after the acknowledgement is taken along.
        match next(self.devices(), Progress::Running, Progress::Preparing) {
            Next::Ask(index) => return Action::Prepare(index),
            Next::Wait => return Action::Wait(self.pace()),
            Next::Done => {}
        }
        match next(self.devices(), Progress::Prepared, Progress::Freezing) {
            Next::Ask(index) => Action::Freeze(index),
            Next::Wait => Action::Wait(self.pace()),
            Next::Done => Action::ReadControl,
        }
    }

    fn store_up(&self) -> Action {
        if self.waiting {
            return Action::Wait(self.pace());
        }
        if self.class.rebuilds() && !self.store_lost { Action::StoreUp(self.class) } else { Action::Unfence }
    }

    fn reconnect(&self) -> Action {
        let late = |slot: &DeviceSlot| matches!(slot.progress, Progress::Frozen | Progress::Resuming);
        if let Some(index) = self.devices().iter().position(late).filter(|_| self.store_lost || self.overdue) {
            return Action::Degrade(index);
        }
        match next(self.devices(), Progress::Frozen, Progress::Resuming) {
            Next::Ask(index) => Action::Resume(index, self.class),
            Next::Wait | Next::Done => Action::Wait(self.pace()),
        }
    }

    fn settle(&self) -> Action {
        if self.class.rebuilds() && !self.published {
            return Action::Publish(self.class);
        }
        let last = |wanted: &[Progress]| self.devices().iter().rposition(|slot| wanted.contains(&slot.progress));
        if let Some(index) = last(&[Progress::Freezing, Progress::Frozen]) {
            return Action::Thaw(index, self.class);
        }
        if self.held.os {
            return Action::ThawOs;
        }
        if let Some(index) = last(&[Progress::Preparing, Progress::Prepared]) {
            return Action::Unprepare(index);
        }
        if self.held.operation {
            return Action::Finish(self.ending());
        }
        Action::ReadControl
    }

    /// Returns how the operation ended, once it has.
    fn ending(&self) -> Ending {
        match self.abort {
            Some(why) => Ending::Aborted(why),
            None => Ending::Resumed(Resumed {
                class: self.class,
                blackout: self.blackout(),
                degraded: self.devices().iter().filter(|slot| slot.progress == Progress::Degraded).count(),
            }),
        }
    }

    fn blackout(&self) -> Nanos {
        let stamps = self.stamps;
        stamps.call.since(stamps.rendezvous).after(stamps.released.since(stamps.returned))
    }
}
