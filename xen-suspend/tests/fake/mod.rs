//! Small fakes of all hooks of the runner. They write one log, and tell what to answer from one record.
#![allow(clippy::arithmetic_side_effects, reason = "a panic is a failed test")]

use core::cell::{Cell, RefCell};
use core::task::Poll;
use std::collections::VecDeque;
use std::rc::Rc;

use xen_hypercall::{EpochCell, IrqGate, Nanos};
use xen_suspend::{
    Ack, ArchOps, Class, Clock, Control, ControlWord, CoreService, Dark, Deadlines, DeviceSlot, DeviceSlots,
    DeviceSuspend, Embedder, Ending, Fatal, Observer, OsQuiesce, Outcome, Policy, Refusal, Runner, Stage, State,
    SuspendCoordinator, VcpuPark, Witness, Witnesses,
};

pub(crate) const SAME: Witnesses = Witnesses { canary: Witness::Same, callback: Witness::Same };
pub(crate) const NEW: Witnesses = Witnesses { canary: Witness::New, callback: Witness::New };
/// How long the guest is away in a call, by the time of day.
pub(crate) const AWAY: Nanos = Nanos::from_secs(77);

/// How late the guest wakes. Under Miri it oversleeps, so that no deadline takes thousands of turns.
const LATE: Nanos = if cfg!(miri) { Nanos::from_millis(450) } else { Nanos::ZERO };

/// How many steps a run may take here before it is called endless.
const ENDLESS: usize = 100_000;

/// What the fakes answer, and what they saw.
pub(crate) struct World {
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) states: RefCell<Vec<State>>,
    pub(crate) ends: RefCell<Vec<(Ending, Option<Nanos>)>>,
    pub(crate) now: Cell<Nanos>,
    pub(crate) wall: Cell<Option<Nanos>>,
    pub(crate) epoch: EpochCell,
    /// The clock goes on by itself; and how often it was made to.
    pub(crate) held: Cell<bool>,
    pub(crate) holds: Cell<usize>,
    /// Interrupts are off.
    pub(crate) off: Cell<bool>,
    pub(crate) node: Cell<ControlWord>,
    /// A watch event is to be told.
    pub(crate) event: Cell<bool>,
    pub(crate) raw: Cell<isize>,
    pub(crate) witnesses: Cell<Witnesses>,
    pub(crate) admit: Cell<Result<(), Refusal>>,
    pub(crate) parks: Cell<bool>,
    pub(crate) store: Cell<bool>,
    pub(crate) fatal: Cell<Option<Fatal>>,
    /// How often the first device says `Pending` to whatever it is asked.
    pub(crate) pending: Cell<u32>,
    /// The words that are written while the guest waits.
    pub(crate) meanwhile: RefCell<VecDeque<ControlWord>>,
}

/// Any hook.
pub(crate) struct Hook(Rc<World>);
/// A core service, by name.
pub(crate) struct Service(Rc<World>, char);
/// A device, by number.
pub(crate) struct Device(Rc<World>, usize);

impl World {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            log: RefCell::default(),
            states: RefCell::default(),
            ends: RefCell::default(),
            now: Cell::new(Nanos::from_secs(5)),
            wall: Cell::new(Some(Nanos::from_secs(1_000_000))),
            epoch: EpochCell::new(),
            held: Cell::new(false),
            holds: Cell::new(0),
            off: Cell::new(false),
            node: Cell::new(ControlWord::Idle),
            event: Cell::new(false),
            raw: Cell::new(1),
            witnesses: Cell::new(NEW),
            admit: Cell::new(Ok(())),
            parks: Cell::new(true),
            store: Cell::new(true),
            fatal: Cell::new(None),
            pending: Cell::new(0),
            meanwhile: RefCell::default(),
        })
    }

    pub(crate) fn write(&self, word: ControlWord) {
        self.node.set(word);
        self.event.set(true);
    }

    fn spend(&self, time: Nanos) {
        self.now.set(self.now.get().after(time));
        self.wall.set(self.wall.get().map(|wall| wall.after(time)));
    }

    fn say(&self, line: impl Into<String>) {
        self.spend(Nanos::from_millis(1));
        let mut log = self.log.borrow_mut();
        assert!(log.len() < ENDLESS, "no rest after {ENDLESS} steps");
        log.push(line.into());
    }

    /// As [`World::say`], from a hook of the dark.
    fn dark(&self, line: impl Into<String>) {
        let line = line.into();
        assert!(self.off.get() && self.held.get(), "{line}, with interrupts on or the clock not held");
        self.say(line);
    }

    fn light(&self, line: impl Into<String>) {
        let line = line.into();
        assert!(!self.off.get() && !self.held.get(), "{line}, with interrupts off or the clock held");
        self.say(line);
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.log.borrow().iter().filter(|said| *said == line).count()
    }

    fn ask(&self, line: String, index: usize) -> Poll<Result<(), Refusal>> {
        self.light(line);
        if index == 0 && self.pending.get() > 0 {
            self.pending.set(self.pending.get() - 1);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl IrqGate for World {
    type Saved = u32;

    fn off(&self) -> u32 {
        self.say("gate off");
        assert!(!self.off.replace(true));
        0xCAFE
    }

    fn restore(&self, saved: u32) {
        assert_eq!(saved, 0xCAFE);
        self.say("gate restore");
        assert!(self.off.replace(false));
    }
}

impl Clock for Hook {
    fn now(&self) -> Nanos {
        self.0.now.get()
    }

    fn wall(&self) -> Option<Nanos> {
        self.0.wall.get()
    }

    fn hold(&self) {
        assert!(!self.0.held.replace(true));
        self.0.holds.set(self.0.holds.get() + 1);
    }

    fn release(&self) {
        self.0.held.set(false);
    }
}

impl Policy for Hook {
    fn admit(&mut self) -> Result<(), Refusal> {
        self.0.light("admit");
        self.0.admit.get()
    }

    fn release(&mut self) {
        self.0.light("admission back");
    }
}

impl OsQuiesce for Hook {
    fn freeze(&mut self) -> Result<(), Refusal> {
        self.0.light("freeze os");
        Ok(())
    }

    fn thaw(&mut self) {
        self.0.light("thaw os");
    }

    fn wait(&mut self, until: Nanos) {
        self.0.light("wait");
        self.0.now.set(self.0.now.get().max(until.after(LATE)));
        if let Some(word) = self.0.meanwhile.borrow_mut().pop_front() {
            self.0.write(word);
        }
    }
}

impl VcpuPark for Hook {
    fn park(&mut self, until: Nanos) -> bool {
        self.0.light("park");
        assert!(until > self.0.now.get() && until <= self.0.now.get().after(Nanos::from_secs(2)));
        self.0.parks.get()
    }

    fn release(&mut self) {
        self.0.say("release");
    }
}

impl ArchOps for Hook {
    fn pre(&mut self, _: &Dark<'_>) {
        self.0.dark("pre");
    }

    fn call(&mut self, _: &Dark<'_>) -> isize {
        self.0.dark("call");
        self.0.wall.set(self.0.wall.get().map(|wall| wall.after(AWAY)));
        self.0.raw.get()
    }

    fn probe(&mut self, _: &Dark<'_>) -> Witnesses {
        self.0.dark("probe");
        self.0.witnesses.get()
    }

    fn post(&mut self, class: Class, _: &Dark<'_>) {
        self.0.dark(format!("post {class} at epoch {}", self.0.epoch.now()));
    }

    fn crash(&mut self, fatal: Fatal) {
        self.0.dark(format!("crash {:?}", fatal.stage));
    }
}

impl Control for Hook {
    fn read(&mut self) -> Option<ControlWord> {
        self.0.light("read");
        Some(self.0.node.get())
    }

    fn changed(&mut self) -> Option<ControlWord> {
        self.0.event.take().then(|| self.0.node.get())
    }

    fn acknowledge(&mut self, word: ControlWord) -> Ack {
        self.0.light(format!("acknowledge {word}"));
        if self.0.node.get() != word {
            return Ack::Changed(self.0.node.get());
        }
        self.0.write(ControlWord::Idle);
        Ack::Committed
    }

    fn fence(&mut self, until: Nanos) -> bool {
        self.0.light("fence");
        assert!(until > self.0.now.get() && until <= self.0.now.get().after(Nanos::from_secs(45)));
        true
    }

    fn unfence(&mut self) {
        self.0.light("unfence");
    }

    fn store_up(&mut self, class: Class, until: Nanos) -> bool {
        self.0.light(format!("store up {class}"));
        assert!(until <= self.0.now.get().after(Nanos::from_secs(30)));
        self.0.store.get()
    }

    fn publish(&mut self, class: Class) {
        self.0.light(format!("publish {class}"));
    }
}

impl Observer for Hook {
    fn state(&mut self, now: Nanos, state: State) {
        assert_eq!(now, self.0.now.get());
        self.0.states.borrow_mut().push(state);
    }

    fn ended(&mut self, _: Nanos, ending: &Ending, away: Option<Nanos>) {
        self.0.ends.borrow_mut().push((*ending, away));
    }

    fn unknown(&mut self, word: ControlWord) {
        self.0.light(format!("unknown {word}"));
    }
}

impl CoreService for Service {
    fn pre_dark(&mut self, _: &Dark<'_>) {
        self.0.dark(format!("{} pre", self.1));
    }

    fn rebuild(&mut self, stage: Stage, class: Class, _: &Dark<'_>) -> Result<(), Fatal> {
        self.0.dark(format!("{} rebuild {stage:?} {class} at epoch {}", self.1, self.0.epoch.now()));
        match self.0.fatal.get() {
            Some(fatal) if fatal.stage == stage => Err(fatal),
            _ => Ok(()),
        }
    }

    fn cancel(&mut self, _: &Dark<'_>) {
        self.0.dark(format!("{} cancel", self.1));
    }
}

impl DeviceSuspend for Device {
    fn prepare(&mut self) -> Poll<Result<(), Refusal>> {
        self.0.ask(format!("prepare {}", self.1), self.1)
    }

    fn unprepare(&mut self) {
        self.0.light(format!("unprepare {}", self.1));
    }

    fn freeze(&mut self) -> Poll<Result<(), Refusal>> {
        self.0.ask(format!("freeze {}", self.1), self.1)
    }

    fn thaw(&mut self, class: Class) {
        self.0.light(format!("thaw {} {class}", self.1));
    }

    fn dark_harvest(&mut self, _: &Dark<'_>) {
        self.0.dark(format!("harvest {}", self.1));
    }

    fn resume(&mut self, class: Class) -> Poll<Result<(), Refusal>> {
        self.0.ask(format!("resume {} {class}", self.1), self.1)
    }

    fn degrade(&mut self) {
        self.0.light(format!("degrade {}", self.1));
    }
}

/// What a test does with the runner.
#[derive(Clone, Copy)]
pub(crate) enum Do {
    Run,
    Wake,
}

/// Runs a coordinator that is new, with two core services and these devices.
pub(crate) fn run(world: &Rc<World>, devices: usize, what: Do) -> Outcome {
    let mut slots = vec![DeviceSlot::new(); devices];
    let mut coordinator = SuspendCoordinator::new(&mut slots, Deadlines::default());
    run_on(&mut coordinator, world, devices, what)
}

/// Runs this coordinator once.
pub(crate) fn run_on(
    coordinator: &mut SuspendCoordinator<impl DeviceSlots>,
    world: &Rc<World>,
    devices: usize,
    what: Do,
) -> Outcome {
    let hook = || Hook(world.clone());
    let (clock, mut policy, mut os, mut park) = (hook(), hook(), hook(), hook());
    let (mut arch, mut control, mut observer) = (hook(), hook(), hook());
    let (mut a, mut b) = (Service(world.clone(), 'A'), Service(world.clone(), 'B'));
    let mut devices: Vec<_> = (0..devices).map(|index| Device(world.clone(), index)).collect();
    let mut devices: Vec<&mut dyn DeviceSuspend> =
        devices.iter_mut().map(|device| -> &mut dyn DeviceSuspend { device }).collect();
    let embedder = Embedder {
        clock: &clock,
        epoch: &world.epoch,
        policy: &mut policy,
        os: &mut os,
        park: &mut park,
        arch: &mut arch,
        control: &mut control,
        core: &mut [&mut a, &mut b],
        devices: &mut devices,
        observer: &mut observer,
    };
    let mut runner = Runner::new(coordinator, embedder, &**world);
    match what {
        Do::Run => runner.run(),
        Do::Wake => runner.on_wake(),
    }
}
