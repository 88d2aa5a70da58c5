//! The least embedding that the coordinator runs in: a console, events, and a control node without a xenstore client.

use std::cell::Cell;

use xen_evtchn::Events;
use xen_frontend::console::{Console, ConsoleDevice, ConsoleService};
use xen_hypercall::op::hvm;
use xen_hypercall::{Clock, Nanos, NoGate};
use xen_mock::{Hook, Host, MockCpu, Save};
use xen_suspend::services::{Canary, EventService, Platform, SoleVcpu, XenArch};
use xen_suspend::{
    Ack, Class, Control, ControlWord, CoreService, Deadlines, DeviceSlot, Embedder, Ending, Fatal, Observer, OsQuiesce,
    Outcome, Refusal, Resumed, Runner, State, SuspendCoordinator, Willing,
};

use super::Stand;

/// The toolstack's word, served without a client.
struct Word<'h> {
    host: &'h Host,
    asked: Cell<bool>,
}

impl Control for Word<'_> {
    fn read(&mut self) -> Option<ControlWord> {
        Some(ControlWord::Idle)
    }

    fn changed(&mut self) -> Option<ControlWord> {
        self.asked.take().then_some(ControlWord::Suspend)
    }

    fn acknowledge(&mut self, _word: ControlWord) -> Ack {
        self.host.store().write("control/shutdown", "");
        Ack::Committed
    }

    fn fence(&mut self, _until: Nanos) -> bool {
        true
    }

    fn unfence(&mut self) {}

    fn store_up(&mut self, _class: Class, _until: Nanos) -> bool {
        true
    }

    fn publish(&mut self, _class: Class) {}
}

struct Idle<'e, 'c> {
    events: &'e Events<'c, &'c Hook>,
    host: &'e Host,
    waits: &'e Cell<usize>,
}

impl OsQuiesce for Idle<'_, '_> {
    fn freeze(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn thaw(&mut self) {}

    fn wait(&mut self, _until: Nanos) {
        self.waits.set(self.waits.get().wrapping_add(1));
        let deadline = self.host.guest().system_time().after(Nanos::from_millis(5));
        self.events.wait(&[], Some(deadline)).unwrap();
    }
}

/// A platform that has nothing to do and must not be asked for last words.
#[derive(Debug)]
pub struct Silent;

impl Platform for Silent {
    fn moved(&mut self) {}

    fn last_words(&mut self, fatal: Fatal) {
        panic!("the guest crashes: {fatal}");
    }
}

/// Writes a line at the beginning of each state, as a guest would that reports, and remembers the end.
struct Writing<'w, 'c> {
    console: &'w Console<'c, &'c Hook>,
    states: &'w [(State, &'static str)],
    ended: Option<Ending>,
}

impl Observer for Writing<'_, '_> {
    fn state(&mut self, _now: Nanos, state: State) {
        for (_, line) in self.states.iter().filter(|(when, _)| *when == state) {
            self.console.write(line.as_bytes());
        }
    }

    fn ended(&mut self, _now: Nanos, ending: &Ending, _away: Option<Nanos>) {
        self.ended = Some(*ending);
    }
}

/// A guest about to be suspended, and what it writes on the way.
#[derive(Debug)]
pub struct Suspending<'a, 'c> {
    pub stand: &'a Stand<'c>,
    /// Whether the console is rebuilt as a core service too, as it should be.
    pub service: bool,
    /// What is written at the beginning of a state.
    pub lines: &'a [(State, &'static str)],
    /// How often the coordinator waited for something.
    pub waits: Cell<usize>,
}

impl<'a, 'c> Suspending<'a, 'c> {
    pub fn new(stand: &'a Stand<'c>, lines: &'a [(State, &'static str)]) -> Self {
        Self { stand, service: true, lines, waits: Cell::new(0) }
    }

    /// Goes through one suspend.
    pub fn run(&self, save: Save) -> Resumed {
        let Stand { host, hook, epoch, info, events, console, .. } = self.stand;
        let (canary, clock) = (Canary::new(), Clock::new(host.guest().cpu(), info));
        let mut service = EventService::start(events, hvm::callback_vector(0x20), &canary).unwrap();
        // `start` masks and adopts nothing, so the console goes on.
        host.toolstack().save(save);
        let mut screen = ConsoleService(console);
        let mut core: Vec<&mut dyn CoreService> = vec![&mut service];
        if self.service {
            core.push(&mut screen);
        }
        let mut observer = Writing { console, states: self.lines, ended: None };
        let mut slots = [DeviceSlot::new()];
        let mut coordinator = SuspendCoordinator::new(&mut slots, Deadlines::default());
        let embedder = Embedder {
            clock: &clock as &Clock<'_, MockCpu>,
            epoch,
            policy: &mut Willing,
            os: &mut Idle { events, host, waits: &self.waits },
            park: &mut SoleVcpu,
            arch: &mut XenArch::new(*hook, &canary, Silent),
            control: &mut Word { host, asked: Cell::new(true) },
            core: &mut core,
            devices: &mut [&mut ConsoleDevice::new(console)],
            observer: &mut observer,
        };
        assert_eq!(Runner::new(&mut coordinator, embedder, &NoGate).run(), Outcome::Idle);
        match observer.ended {
            Some(Ending::Resumed(resumed)) => resumed,
            other => panic!("{other:?}"),
        }
    }
}
