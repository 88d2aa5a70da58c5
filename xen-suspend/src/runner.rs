//! The loop that brings the coordinator's actions about.

use core::fmt;

use xen_hypercall::{EpochCell, IrqGate, Nanos};

use crate::hooks::{ArchOps, Clock, Control, CoreService, Dark, DeviceSuspend, Observer, OsQuiesce, Policy, VcpuPark};
use crate::{Action, Class, ControlWord, DeviceSlots, Ending, Event, Fatal, Refusal, Stage, SuspendCoordinator};

/// The services of an embedding operating system, put together for one run.
///
/// The order of `core` matters within a [`Stage`] only; `devices` has at most as many members as the coordinator has slots:
/// with more of them every suspend that is asked for is refused ([`Refusal::Slots`]).
pub struct Embedder<'a> {
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The epoch that the handles of all services carry.
    pub epoch: &'a EpochCell,
    /// The policy.
    pub policy: &'a mut dyn Policy,
    /// The operating system.
    pub os: &'a mut dyn OsQuiesce,
    /// The processors.
    pub park: &'a mut dyn VcpuPark,
    /// The architecture.
    pub arch: &'a mut dyn ArchOps,
    /// xenstore.
    pub control: &'a mut dyn Control,
    /// The core services.
    pub core: &'a mut [&'a mut dyn CoreService],
    /// The devices.
    pub devices: &'a mut [&'a mut dyn DeviceSuspend],
    /// The observer.
    pub observer: &'a mut dyn Observer,
}

impl fmt::Debug for Embedder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder").finish_non_exhaustive()
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to do: normal service.
    Idle,
    /// The guest is to stop for this word, which is acknowledged.
    Stop(ControlWord),
    /// The guest crashed, and Xen let it go on.
    Crashed(Fatal),
}

/// What there is to do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// More: step on.
    More,
    /// Something else, until this time, or until something happens: then [`Runner::tick`], and step on.
    Wait(Nanos),
    /// Nothing.
    Done(Outcome),
}

/// Most events in a row that one run serves: a toolstack that writes for ever does not keep the guest for ever.
const ROUNDS: usize = 64;

/// Brings the coordinator's actions about, by the services of an [`Embedder`].
///
/// [`Runner::run`] blocks until nothing is left to do: for guests that have a thread for it, or nothing else. A driver that
/// is called back goes by [`Runner::step`]. Between steps the runner holds nothing: it may be made anew for each callback, of
/// the same coordinator.
///
/// Does not compile: as long as there is one, nobody else moves the coordinator.
/// ```compile_fail,E0499
/// # use xen_hypercall::{Nanos, NoGate};
/// # use xen_suspend::{Embedder, Event, Runner, SuspendCoordinator};
/// # fn wrong(mut coordinator: SuspendCoordinator<[xen_suspend::DeviceSlot; 0]>, embedder: Embedder<'_>) {
/// let mut runner = Runner::new(&mut coordinator, embedder, &NoGate);
/// coordinator.handle(Nanos::ZERO, Event::Tick); // `runner.feed`, which tells the observer too
/// runner.step();
/// # }
/// ```
#[derive(Debug)]
pub struct Runner<'r, 'a, D, G: IrqGate> {
    coordinator: &'r mut SuspendCoordinator<D>,
    os: Embedder<'a>,
    gate: &'r G,
    saved: Option<G::Saved>,
}

impl<'r, 'a, D: DeviceSlots, G: IrqGate> Runner<'r, 'a, D, G> {
    /// Puts coordinator, services and gate together.
    pub const fn new(coordinator: &'r mut SuspendCoordinator<D>, os: Embedder<'a>, gate: &'r G) -> Self {
        Self { coordinator, os, gate, saved: None }
    }

    /// Does whatever there is to do after a watch event, if one came, and until all is at rest.
    ///
    /// An event that came with the last answer is served too, so that the embedder may sleep on the port afterwards.
    #[doc(alias = "do_suspend")]
    pub fn run(&mut self) -> Outcome {
        for _ in 0..ROUNDS {
            let heard = self.listen();
            let outcome = self.drive();
            if outcome != Outcome::Idle || !heard {
                return outcome;
            }
        }
        Outcome::Idle
    }

    /// Finds out in which domain the guest woke from a sleep that it was not asked about, and adapts.
    pub fn on_wake(&mut self) -> Outcome {
        self.feed(Event::Wake);
        self.drive()
    }

    /// Takes in the word of `control/shutdown`, if a watch event came; tells whether one did.
    pub fn listen(&mut self) -> bool {
        let word = self.os.control.changed();
        if let Some(word) = word {
            self.feed(Event::Word(word));
        }
        word.is_some()
    }

    /// Takes a fact in, with the present time: a signal on the suspend event channel, a device that recovered, a call-off.
    pub fn feed(&mut self, event: Event) {
        let before = self.coordinator.state();
        let now = self.os.clock.now();
        self.coordinator.handle(now, event);
        if self.coordinator.state() != before {
            self.os.observer.state(now, self.coordinator.state());
        }
    }

    /// Tells whether the next [step](Runner::step) holds the other processors, from its beginning to its end.
    ///
    /// A system whose own call holds them while a function runs makes that step within the call; [`VcpuPark::park`] then
    /// finds them held, and `release` has nothing to do.
    pub fn will_park(&self) -> bool {
        self.coordinator.poll() == Action::Park
    }

    /// Brings one action about, and all from the rendezvous on until the processors are released again.
    ///
    /// Does not wait, but for what a hook waits for by itself.
    pub fn step(&mut self) -> Step {
        loop {
            let action = self.coordinator.poll();
            match action {
                Action::Idle => return Step::Done(Outcome::Idle),
                Action::Stop(word) => return Step::Done(Outcome::Stop(word)),
                Action::Crash(fatal) => {
                    self.os.arch.crash(fatal);
                    return Step::Done(Outcome::Crashed(fatal));
                }
                Action::Wait(until) => return Step::Wait(until),
                _ => {}
            }
            let event = self.perform(action);
            self.feed(event);
            if !self.coordinator.holds_processors() {
                return Step::More;
            }
        }
    }

    /// Takes in a word that came, and ends a [wait](Step::Wait), if there is one: something happened, or it is time.
    pub fn tick(&mut self) {
        self.listen();
        self.feed(Event::Tick);
    }

    fn drive(&mut self) -> Outcome {
        loop {
            match self.step() {
                Step::More => {}
                Step::Wait(until) => {
                    self.os.os.wait(until);
                    self.tick();
                }
                Step::Done(outcome) => return outcome,
            }
        }
    }

    fn perform(&mut self, action: Action) -> Event {
        match action {
            Action::EnterDark | Action::Call | Action::Probe | Action::LeaveDark(_) | Action::Rebuild(_) => {
                self.in_the_dark(action)
            }
            Action::Prepare(index) | Action::Freeze(index) | Action::Resume(index, _) => self.ask(index, action),
            Action::Thaw(index, _) | Action::Unprepare(index) | Action::Degrade(index) => self.tell(index, action),
            Action::Admit => Event::Admitted(self.admit()),
            Action::FreezeOs => Event::OsFrozen(self.os.os.freeze()),
            Action::ThawOs => {
                self.os.os.thaw();
                Event::Finished
            }
            Action::Park => {
                let until = self.coordinator.until();
                Event::Done(self.os.park.park(until))
            }
            Action::Release => self.release(),
            Action::Finish(ending) => self.finish(&ending),
            Action::Report(word) => {
                self.os.observer.unknown(word);
                Event::Finished
            }
            other => self.store(other),
        }
    }

    fn admit(&mut self) -> Result<(), Refusal> {
        if self.os.devices.len() > self.coordinator.devices().len() {
            return Err(Refusal::Slots);
        }
        self.os.policy.admit()
    }

    fn store(&mut self, action: Action) -> Event {
        let until = self.coordinator.until();
        let control = &mut *self.os.control;
        match action {
            Action::Acknowledge(word) => Event::Acknowledged(control.acknowledge(word)),
            Action::ReadControl => Event::Control(control.read()),
            Action::Fence => Event::Done(control.fence(until)),
            Action::StoreUp(class) => Event::Done(control.store_up(class, until)),
            Action::Publish(class) => {
                control.publish(class);
                Event::Finished
            }
            Action::Unfence => {
                control.unfence();
                Event::Finished
            }
            _ => Event::Finished,
        }
    }

    fn ask(&mut self, index: usize, action: Action) -> Event {
        let Some(device) = self.os.devices.get_mut(index) else {
            return Event::Device(core::task::Poll::Ready(Ok(())));
        };
        Event::Device(match action {
            Action::Prepare(_) => device.prepare(),
            Action::Freeze(_) => device.freeze(),
            Action::Resume(_, class) => device.resume(class),
            _ => core::task::Poll::Pending,
        })
    }

    fn tell(&mut self, index: usize, action: Action) -> Event {
        let Some(device) = self.os.devices.get_mut(index) else {
            return Event::Finished;
        };
        match action {
            Action::Thaw(_, class) => device.thaw(class),
            Action::Unprepare(_) => device.unprepare(),
            Action::Degrade(_) => device.degrade(),
            _ => {}
        }
        Event::Finished
    }

    fn in_the_dark(&mut self, action: Action) -> Event {
        let dark = Dark::new();
        match action {
            Action::EnterDark => self.enter_dark(&dark),
            Action::Call => return Event::Returned(self.os.arch.call(&dark)),
            Action::Probe => return Event::Probed(self.os.arch.probe(&dark)),
            Action::LeaveDark(class) => {
                self.os.arch.post(class, &dark);
                self.os.core.iter_mut().rev().for_each(|service| service.cancel(&dark));
            }
            Action::Rebuild(class) => return Event::Rebuilt(self.rebuild(class, &dark)),
            _ => {}
        }
        Event::Finished
    }

    fn enter_dark(&mut self, dark: &Dark<'_>) {
        self.coordinator.left = self.os.clock.wall();
        self.os.clock.hold();
        self.saved = Some(self.gate.off());
        self.os.devices.iter_mut().for_each(|device| device.dark_harvest(dark));
        self.os.core.iter_mut().for_each(|service| service.pre_dark(dark));
        self.os.arch.pre(dark);
    }

    fn rebuild(&mut self, class: Class, dark: &Dark<'_>) -> Result<(), Fatal> {
        self.os.epoch.advance();
        self.os.arch.post(class, dark);
        for stage in Stage::ALL {
            for service in self.os.core.iter_mut() {
                service.rebuild(stage, class, dark)?;
            }
            if stage.is_per_vcpu() {
                self.os.park.on_each(stage, class, dark)?;
            }
        }
        Ok(())
    }

    fn release(&mut self) -> Event {
        self.os.clock.release();
        self.os.park.release();
        if let Some(saved) = self.saved.take() {
            self.gate.restore(saved);
        }
        Event::Finished
    }

    fn finish(&mut self, ending: &Ending) -> Event {
        self.os.policy.release();
        let away = self.coordinator.left.take().zip(self.os.clock.wall()).map(|(left, back)| back.since(left));
        self.os.observer.ended(self.os.clock.now(), ending, away);
        Event::Finished
    }
}
