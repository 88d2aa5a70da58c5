//! Puts the services together, and lets the tasks run.

use core::cell::RefCell;
use core::fmt;
use core::sync::atomic::AtomicBool;
use core::task::Poll;

use embassy_executor::raw::TaskPool;
use xen_evtchn::{BoundPort, Events, Fifo, Sleeper, Slot};
use xen_frontend::console::{self, Console};
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::{hvm, memory};
use xen_hypercall::{Clock, EpochCell, IrqGate as _, Nanos, SharedInfo, Stale};
use xen_store::future::{Client, Seat, WithAlarm};
use xen_store::{Core, PortLink, Store, ring_gfn};
use xen_suspend::services::{Canary, EventService, VcpuService};

use crate::alarm::Alarm;
use crate::executor::Executor;
use crate::platform::{Cpu, Gate, Hook, Machine};
use crate::suspend::{Parts, suspends};
use crate::tally::{NODES, PORTS, Tally};
use crate::tasks::{drives, hears, pokes, rings};

/// Requests to xenstore under way, and watches: one a node, and one for `control/shutdown`.
pub(crate) const REQUESTS: usize = 8;
pub(crate) const WATCHES: usize = NODES + 1;
/// How long the server may take: a host that restores guests has much to do.
const PATIENCE: Nanos = Nanos::from_secs(20);
/// Ports: more than the guest has.
const SLOTS: usize = 256;
/// The vector by which Xen tells of events.
const EVENT: u8 = 0xF3;

pub(crate) type Link = WithAlarm<&'static PortLink<'static, Hook, Gate, Cpu>, &'static Alarm>;
/// A task's port, which has another one behind it in each domain.
pub(crate) type PortPlace = RefCell<Option<BoundPort<'static, Hook, Gate>>>;

/// What all tasks use.
pub struct Guest {
    pub(crate) machine: Machine,
    pub(crate) epoch: &'static EpochCell,
    pub(crate) events: &'static Events<'static, Hook, Gate>,
    pub(crate) clock: &'static Clock<'static, Cpu>,
    pub(crate) console: &'static Console<'static, Hook, Gate>,
    pub(crate) link: &'static PortLink<'static, Hook, Gate, Cpu>,
    pub(crate) client: Client<'static, Link, REQUESTS, WATCHES>,
    pub(crate) alarm: &'static Alarm,
    pub(crate) ports: [PortPlace; PORTS],
    /// What the tasks were told, and heard.
    pub tally: Tally,
    executor: &'static Executor,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl Guest {
    /// Starts the services and all tasks, which run by [`run`](Self::run).
    ///
    /// # Panics
    /// If Xen or xenstore refuses what the guest cannot do without.
    pub fn start(machine: Machine) -> &'static Self {
        let hook = machine.hook();
        let info: &SharedInfo = machine.keep(SharedInfo::new(machine.page()));
        memory::map_shared_info(hook, info.page()).expect("shared_info");
        let epoch: &EpochCell = machine.keep(EpochCell::new());
        let events = events(&machine, epoch, info);
        let clock: &Clock<'_, _> = machine.keep(Clock::new(machine.cpu(), info));
        let canary: &Canary = machine.keep(Canary::new());
        let event_service = EventService::start(events, hvm::callback_gsi(1), canary).expect("callback");
        let vcpu_service = VcpuService::start(hook, Some(EVENT)).expect("an upcall vector");
        let ring = console::ring_gfn(hook).ok().map(|gfn| &*machine.keep(machine.map(gfn)));
        let console: &Console<'_, _, _> = machine.keep(Console::new(events, ring));
        let _ = console.connect();
        let alarm: &Alarm = machine.keep(Alarm::new(events, clock));
        alarm.start().expect("the timer");
        let link: &PortLink<'_, _, _, _> = machine.keep(PortLink::new(events, clock));
        link.connect().expect("the port of xenstore");
        let ring = machine.keep(machine.map(ring_gfn(hook).expect("the ring of xenstore")));
        let mut store = Store::attach(ring, machine.keep(Core::new()), WithAlarm::new(link, alarm)).expect("xenstore");
        store.set_patience(PATIENCE);
        let executor: &Executor = machine.keep(Executor::new(machine.keep(AtomicBool::new(false))));
        let (ports, tally) = ([const { RefCell::new(None) }; PORTS], Tally::default());
        // Two for each task that waits for a slot, which all those of nodes may do at once; the others have the client's own.
        let client = Client::new(store).with_seats(machine.keep([const { Seat::new() }; 2 * NODES]));
        let guest: &Self = machine.keep(Self {
            machine: machine.clone(),
            epoch,
            events,
            clock,
            console,
            link,
            client,
            alarm,
            ports,
            tally,
            executor,
        });
        guest.spawn(Parts { canary, event_service, vcpu_service, ring });
        guest
    }

    /// Starts the tasks, whose room is kept as the services are.
    fn spawn(&'static self, parts: Parts) {
        let (spawner, machine) = (self.executor.spawner(), &self.machine);
        spawner.spawn(machine.keep(TaskPool::<_, 1>::new()).spawn(|| drives(self)).expect("room"));
        spawner.spawn(machine.keep(TaskPool::<_, 1>::new()).spawn(|| suspends(self, parts)).expect("room"));
        let (nodes, ports) = (machine.keep(TaskPool::<_, NODES>::new()), machine.keep(TaskPool::<_, PORTS>::new()));
        (0..NODES).for_each(|task| spawner.spawn(nodes.spawn(|| hears(self, task)).expect("room")));
        (NODES..NODES + PORTS).for_each(|task| spawner.spawn(ports.spawn(|| rings(self, task)).expect("room")));
        spawner.spawn(machine.keep(TaskPool::<_, 1>::new()).spawn(|| pokes(self)).expect("room"));
    }

    /// Runs until something holds: tasks, then events, then sleep.
    pub fn run(&'static self, until: impl Fn(&Self) -> bool) {
        while !until(self) {
            self.executor.turn();
            // What comes after the look and before the sleep ends the sleep.
            Machine::GATE.run(|| {
                if self.dispatch() == 0 && !self.executor.is_pended() {
                    self.machine.sleep();
                }
            });
        }
    }

    /// Wakes tasks for what has come.
    fn dispatch(&self) -> usize {
        self.events.dispatch(64, |port| {
            if !self.alarm.take(port) {
                self.events.wake(port);
            }
        })
    }

    /// Waits for the event of a port.
    pub(crate) async fn event_of(&self, place: &PortPlace) -> Result<(), Stale> {
        core::future::poll_fn(|cx| {
            let port = place.borrow();
            port.as_ref().map_or(Poll::Pending, |port| port.poll_event(cx))
        })
        .await
    }
}

/// Event channels by FIFO, or 2-level where Xen has no other.
fn events(
    machine: &Machine,
    epoch: &'static EpochCell,
    info: &'static SharedInfo,
) -> &'static Events<'static, Hook, Gate> {
    let (slots, sleepers) =
        (machine.keep([const { Slot::new() }; SLOTS]), machine.keep([const { Sleeper::new() }; SLOTS]));
    let control = ControlBlock::new(machine.keep(machine.page()), 0).expect("a place in the page");
    let fifo = Fifo::new(machine.keep([machine.page()]), control);
    let events = Events::new(machine.hook(), epoch, info, slots).with_gate(Machine::GATE);
    let events: &Events<'_, _, _> = machine.keep(events.with_fifo(fifo).with_sleepers(sleepers));
    events.choose().expect("event channels");
    events
}
