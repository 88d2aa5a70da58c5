//! A simulated embedder: performs every action in virtual time, with faults where a test wants them, and checks on the way
//! what must hold of every run.
//!
//! What is taken goes on a stack and must come off it in the reverse order, each exactly once. A call must find everything
//! held, an acknowledgement or a signal of this very operation, and its deadline not passed.
#![allow(dead_code, reason = "each test file uses its part of the fixture")]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::panic, reason = "a panic is a failed test")]

use core::mem::{Discriminant, discriminant};
use core::task::Poll;

use xen_hypercall::Nanos;
use xen_suspend::{
    Abort, Ack, Action, Class, ControlWord, Deadlines, DeviceSlot, Ending, Event, Progress, Refusal, Resumed, State,
    SuspendCoordinator, Witness, Witnesses,
};

pub(crate) const MS: Nanos = Nanos::from_millis(1);
pub(crate) const OK: Event = Event::Device(Poll::Ready(Ok(())));
pub(crate) const PENDING: Event = Event::Device(Poll::Pending);
pub(crate) const NO: Event = Event::Device(Poll::Ready(Err(Refusal::Device)));
pub(crate) const SAME: Witnesses = Witnesses { canary: Witness::Same, callback: Witness::Same };
pub(crate) const NEW: Witnesses = Witnesses { canary: Witness::New, callback: Witness::New };

/// How many devices the tests have that go through all numbers; fewer under Miri.
pub(crate) const MOST: usize = if cfg!(miri) { 1 } else { 3 };

/// How late the embedder wakes. Under Miri it oversleeps, so that no deadline takes thousands of turns.
const LATE: Nanos = if cfg!(miri) { Nanos::from_millis(450) } else { Nanos::ZERO };

/// How many steps one operation may take here before it is called endless.
const ENDLESS: usize = 100_000;

/// Something that was taken and must be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grip {
    Admission,
    Prepared(usize),
    Os,
    Frozen(usize),
    Fence,
    Parked,
    Dark,
}

/// Another answer than the benign one, or a longer time, for some actions of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    on: (Discriminant<Action>, usize),
    skip: usize,
    times: usize,
    takes: Nanos,
    answer: Option<Event>,
}

impl Fault {
    /// The first time, at once.
    pub(crate) fn new(on: Action, answer: Event) -> Self {
        Self { on: kind(on), skip: 0, times: 1, takes: MS, answer: Some(answer) }
    }

    /// The first time it goes well, but takes long.
    pub(crate) fn slow(on: Action, takes: Nanos) -> Self {
        Self { on: kind(on), skip: 0, times: 1, takes, answer: None }
    }

    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    pub(crate) fn skip(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    pub(crate) fn takes(self, takes: Nanos) -> Self {
        Self { takes, ..self }
    }
}

/// The kind of an action: what it is, and of which device.
fn kind(action: Action) -> (Discriminant<Action>, usize) {
    let index = match action {
        Action::Prepare(index)
        | Action::Freeze(index)
        | Action::Resume(index, _)
        | Action::Degrade(index)
        | Action::Thaw(index, _)
        | Action::Unprepare(index) => index,
        _ => 0,
    };
    (discriminant(&action), index)
}

/// The coordinator, the world around it, and what was seen of both.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) coordinator: SuspendCoordinator<Vec<DeviceSlot>>,
    pub(crate) deadlines: Deadlines,
    pub(crate) now: Nanos,
    /// `control/shutdown`.
    pub(crate) node: ControlWord,
    pub(crate) faults: Vec<Fault>,
    /// What the call returns.
    pub(crate) raw: isize,
    pub(crate) witnesses: Witnesses,
    pub(crate) trace: Vec<Action>,
    pub(crate) states: Vec<State>,
    pub(crate) held: Vec<Grip>,
    /// Whether what is held must be given back in the strict reverse order.
    pub(crate) strict: bool,
    pub(crate) calls: usize,
    pub(crate) epoch: u32,
    pub(crate) endings: Vec<Ending>,
    /// The signals of the channel that no call has answered.
    pub(crate) signals: Vec<Nanos>,
    acked: Option<Nanos>,
}

impl Sim {
    pub(crate) fn new(devices: usize) -> Self {
        Self::with(devices, Deadlines::default())
    }

    pub(crate) fn with(devices: usize, deadlines: Deadlines) -> Self {
        Self {
            coordinator: SuspendCoordinator::new(vec![DeviceSlot::new(); devices], deadlines),
            deadlines,
            now: Nanos::from_secs(1000),
            node: ControlWord::Idle,
            faults: Vec::new(),
            raw: 1,
            witnesses: NEW,
            trace: Vec::new(),
            states: Vec::new(),
            held: Vec::new(),
            strict: true,
            calls: 0,
            epoch: 0,
            endings: Vec::new(),
            signals: Vec::new(),
            acked: None,
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) -> &mut Self {
        self.faults.push(fault);
        self
    }

    /// Makes the next resumes be of this class.
    pub(crate) fn returns(&mut self, class: Class) -> &mut Self {
        (self.raw, self.witnesses) = match class {
            Class::New => (0, NEW),
            Class::InPlace | Class::Frozen => (0, SAME),
            Class::Cancel => (1, SAME),
            Class::Abort => (-22, SAME),
        };
        self
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if event == Event::Channel {
            self.signals.push(self.now);
        }
        let before = self.coordinator.state();
        self.coordinator.handle(self.now, event);
        self.note(before);
    }

    /// The toolstack writes a word, and the watch tells.
    pub(crate) fn write(&mut self, word: ControlWord) {
        self.node = word;
        self.tell(Event::Word(word));
    }

    /// Asks for a suspend by the node and goes on until all is at rest.
    pub(crate) fn suspend(&mut self) -> Action {
        self.write(ControlWord::Suspend);
        self.run()
    }

    /// Goes on until there is nothing to do; returns the last action.
    pub(crate) fn run(&mut self) -> Action {
        for _ in 0..ENDLESS {
            let action = self.step();
            if let Action::Idle | Action::Stop(_) | Action::Crash(_) = action {
                self.check_rest(action);
                return action;
            }
        }
        panic!("no rest after {ENDLESS} steps; last: {:?}", &self.trace[self.trace.len() - 20..]);
    }

    /// Goes on until this action is to be done, which is not done.
    pub(crate) fn run_to(&mut self, wanted: Action) {
        for _ in 0..ENDLESS {
            if kind(self.coordinator.poll()) == kind(wanted) {
                return;
            }
            let action = self.step();
            assert!(!matches!(action, Action::Idle | Action::Stop(_) | Action::Crash(_)), "{wanted:?} never came");
        }
        panic!("{wanted:?} never came");
    }

    /// Asks what to do, and does it.
    pub(crate) fn step(&mut self) -> Action {
        let action = self.coordinator.poll();
        assert_eq!(action, self.coordinator.poll(), "poll changes something");
        let event = self.perform(action);
        if let Some(event) = event {
            let before = self.coordinator.state();
            self.coordinator.handle(self.now, event);
            self.note(before);
        }
        action
    }

    /// Does an action in the world, and returns the answer that is still to be handed in.
    pub(crate) fn perform(&mut self, action: Action) -> Option<Event> {
        self.trace.push(action);
        let (takes, answer) = self.decide(action);
        self.perform_as(action, takes, answer)
    }

    /// As [`Sim::perform`], with this answer instead of the benign one.
    pub(crate) fn perform_as(&mut self, action: Action, takes: Nanos, answer: Option<Event>) -> Option<Event> {
        if action == Action::Call {
            self.check_call();
        }
        let benign = self.benign(action)?;
        if let Action::Wait(until) = action {
            self.now = self.now.max(until.after(LATE));
        } else {
            self.now = self.now.after(takes);
        }
        let event = answer.unwrap_or(benign);
        self.effect(action, event);
        Some(event)
    }

    fn note(&mut self, before: State) {
        let state = self.coordinator.state();
        if state != before {
            self.states.push(state);
        }
    }

    fn decide(&mut self, action: Action) -> (Nanos, Option<Event>) {
        for fault in self.faults.iter_mut().filter(|fault| fault.on == kind(action) && fault.times > 0) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else {
                fault.times -= 1;
                return (fault.takes, fault.answer);
            }
        }
        (MS, None)
    }

    /// The answer if all goes well; none where there is nothing to answer.
    pub(crate) fn benign(&self, action: Action) -> Option<Event> {
        Some(match action {
            Action::Idle | Action::Stop(_) | Action::Crash(_) => return None,
            Action::Admit => Event::Admitted(Ok(())),
            Action::Prepare(_) | Action::Freeze(_) | Action::Resume(..) => OK,
            Action::Acknowledge(word) if word == self.node => Event::Acknowledged(Ack::Committed),
            Action::Acknowledge(_) => Event::Acknowledged(Ack::Changed(self.node)),
            Action::FreezeOs => Event::OsFrozen(Ok(())),
            Action::ReadControl => Event::Control(Some(self.node)),
            Action::Fence | Action::Park | Action::StoreUp(_) => Event::Done(true),
            Action::Call => Event::Returned(self.raw),
            Action::Probe => Event::Probed(self.witnesses),
            Action::Rebuild(_) => Event::Rebuilt(Ok(())),
            Action::Wait(_) => Event::Tick,
            _ => Event::Finished,
        })
    }

    /// What the action, answered so, does to the world.
    fn effect(&mut self, action: Action, event: Event) {
        match action {
            Action::Admit if event == Event::Admitted(Ok(())) => self.take(Grip::Admission),
            Action::Prepare(index) => self.take_on(Grip::Prepared(index)),
            Action::Freeze(index) => self.take_on(Grip::Frozen(index)),
            Action::FreezeOs => self.take(Grip::Os),
            Action::Fence => self.take(Grip::Fence),
            Action::Park => self.take(Grip::Parked),
            Action::EnterDark => self.take(Grip::Dark),
            Action::LeaveDark(_) => self.give(Grip::Dark),
            Action::Release => self.give(Grip::Parked),
            Action::Unfence => self.give(Grip::Fence),
            Action::Thaw(index, _) => self.give(Grip::Frozen(index)),
            Action::ThawOs => self.give(Grip::Os),
            Action::Unprepare(index) => self.give(Grip::Prepared(index)),
            Action::Acknowledge(word) => self.acknowledge(word, event),
            Action::Call => {
                self.calls += 1;
                self.acked = None;
                if !matches!(event, Event::Returned(raw) if raw < 0) {
                    self.signals.clear();
                }
            }
            Action::Rebuild(class) => self.rebuild(class, event),
            Action::StoreUp(_) => self.lose(|grip| grip == Grip::Fence),
            Action::Resume(index, _) | Action::Degrade(index) => {
                self.lose(|grip| grip == Grip::Frozen(index) || grip == Grip::Prepared(index));
            }
            Action::Finish(ending) => self.finish(ending),
            _ => {}
        }
    }

    fn acknowledge(&mut self, word: ControlWord, event: Event) {
        let served = word == ControlWord::Suspend || word.stop().is_some();
        assert!(served, "I4: a word that is not served was acknowledged: {word}");
        if event == Event::Acknowledged(Ack::Committed) {
            assert_eq!(self.node, word, "the fixture commits what is there");
            self.node = ControlWord::Idle;
            if word == ControlWord::Suspend {
                assert_eq!(self.acked, None, "two acknowledgements for one operation");
                self.acked = Some(self.now);
            }
        }
    }

    fn rebuild(&mut self, class: Class, event: Event) {
        assert!(self.held.contains(&Grip::Dark), "a rebuild in the light");
        self.epoch += 1;
        self.lose(|grip| grip == Grip::Dark);
        if class == Class::New {
            self.signals.clear();
        }
        let _ = event;
    }

    fn finish(&mut self, ending: Ending) {
        // A refusal took nothing.
        self.lose(|grip| grip == Grip::Admission);
        assert_eq!(self.held, [], "the operation is over, and something is still held: {:?}", self.trace);
        self.acked = None;
        self.endings.push(ending);
    }

    fn take(&mut self, grip: Grip) {
        assert!(!self.held.contains(&grip), "{grip:?} is taken twice");
        self.held.push(grip);
    }

    /// Devices are asked again while they are on the way.
    fn take_on(&mut self, grip: Grip) {
        if !self.held.contains(&grip) {
            self.held.push(grip);
        }
    }

    fn give(&mut self, grip: Grip) {
        assert!(self.held.contains(&grip), "{grip:?} is given back and is not held: {:?}", self.trace);
        if self.strict {
            assert_eq!(self.held.last(), Some(&grip), "out of order: {:?}", self.trace);
        }
        self.lose(|held| held == grip);
    }

    fn lose(&mut self, which: impl Fn(Grip) -> bool) {
        self.held.retain(|&grip| !which(grip));
    }

    /// I1, I2, I3, I6: what must hold when the call is made.
    fn check_call(&self) {
        for grip in [Grip::Admission, Grip::Os, Grip::Fence, Grip::Parked, Grip::Dark] {
            assert!(self.held.contains(&grip), "a call without {grip:?}: {:?}", self.trace);
        }
        for (index, slot) in self.coordinator.devices().iter().enumerate() {
            let at =
                (slot.progress(), self.held.contains(&Grip::Prepared(index)), self.held.contains(&Grip::Frozen(index)));
            let fits = matches!(at, (Progress::Frozen, true, true) | (Progress::Degraded, false, false));
            assert!(fits, "a call with device {index} at {at:?}");
        }
        let asked: Vec<_> = self.acked.map_or_else(|| self.signals.clone(), |at| vec![at]);
        assert!(!asked.is_empty(), "I1: nobody asked for this call: {:?}", self.trace);
        let waits = |at: &Nanos| self.now < at.after(self.deadlines.d1());
        assert!(asked.iter().any(waits), "I2: nobody waits for this call any more: {:?}", self.trace);
    }

    fn check_rest(&self, action: Action) {
        if action == Action::Idle {
            assert_eq!(self.coordinator.state(), State::Running);
        }
        if !matches!(action, Action::Crash(_)) {
            assert_eq!(self.held, []);
        }
    }

    /// The number of actions of this kind so far.
    pub(crate) fn count(&self, action: Action) -> usize {
        self.trace.iter().filter(|&&done| kind(done) == kind(action)).count()
    }

    pub(crate) fn progress(&self) -> Vec<Progress> {
        self.coordinator.devices().iter().map(DeviceSlot::progress).collect()
    }

    pub(crate) fn all(&self, progress: Progress) -> bool {
        self.progress().iter().all(|&at| at == progress)
    }

    /// The last operation ended so.
    pub(crate) fn aborted(&self) -> Option<Abort> {
        match self.endings.last() {
            Some(&Ending::Aborted(why)) => Some(why),
            _ => None,
        }
    }

    pub(crate) fn resumed(&self) -> Option<Resumed> {
        match self.endings.last() {
            Some(&Ending::Resumed(resumed)) => Some(resumed),
            _ => None,
        }
    }
}

/// The actions up to the call, for a request by the node.
pub(crate) fn way_in(devices: usize) -> Vec<Action> {
    let mut way = vec![Action::Admit];
    way.extend((0..devices).map(Action::Prepare));
    way.extend([Action::Acknowledge(ControlWord::Suspend), Action::FreezeOs]);
    way.extend((0..devices).map(Action::Freeze));
    way.extend([Action::ReadControl, Action::Fence, Action::Park, Action::EnterDark, Action::Call]);
    way
}

/// The actions after the call, where nothing changed, up to the end.
pub(crate) fn way_back(devices: usize, class: Class, ending: Ending) -> Vec<Action> {
    let mut way = vec![Action::LeaveDark(class), Action::Release, Action::Unfence];
    way.extend((0..devices).rev().map(|index| Action::Thaw(index, class)));
    way.push(Action::ThawOs);
    way.extend((0..devices).rev().map(Action::Unprepare));
    way.extend([Action::Finish(ending), Action::ReadControl, Action::Idle]);
    way
}

/// The actions after the witnesses, where the context is new, up to the end.
pub(crate) fn way_anew(devices: usize, class: Class, ending: Ending) -> Vec<Action> {
    let mut way = vec![Action::Rebuild(class), Action::Release, Action::StoreUp(class)];
    way.extend((0..devices).map(|index| Action::Resume(index, class)));
    way.extend([Action::Publish(class), Action::ThawOs, Action::Finish(ending), Action::ReadControl, Action::Idle]);
    way
}
