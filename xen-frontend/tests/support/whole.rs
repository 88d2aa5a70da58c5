//! A guest with every service of the family, put together by their public interfaces alone.

use std::cell::{Cell, RefCell};
use std::task::Poll;

use xen_evtchn::{Events, Slot};
use xen_frontend::console::{Console, ConsoleDevice, ConsoleService, ring_gfn};
use xen_grant::Table;
use xen_hypercall::op::{hvm, memory};
use xen_hypercall::{Clock, EpochCell, Nanos, NoGate, SharedInfo};
use xen_mock::{Hook, Host, MockCpu};
use xen_store::{Core, Link, Nodes, Path, PortLink, Store};
use xen_suspend::services::{
    Canary, ClockService, EventService, GrantService, Publisher, SoleVcpu, StoreControl, StoreService, XenArch,
};
use xen_suspend::{
    Class, Deadlines, DeviceSlot, DeviceSuspend, Embedder, Ending, Observer, OsQuiesce, Outcome, Refusal, Resumed,
    Runner, State, SuspendCoordinator, Willing,
};

use super::embedding::Silent;

/// What this guest has in `CALLBACK_IRQ`.
pub const CALLBACK: u64 = hvm::callback_vector(0xF3);

type LinkOf<'b> = PortLink<'b, &'b Hook, NoGate, MockCpu>;
type StoreOf<'p, 'b> = Store<'p, &'p LinkOf<'b>, 4, 4>;
type Lock<'p, 'b> = RefCell<StoreOf<'p, 'b>>;
type Control<'p, 'b> = StoreControl<'p, 'p, Lock<'p, 'b>, &'p LinkOf<'b>, Feature, 4, 4>;
type Rebuild<'p, 'b> = StoreService<'p, 'p, Lock<'p, 'b>, &'p LinkOf<'b>, 4, 4>;

/// The nodes of this guest: one.
#[derive(Debug)]
pub struct Feature;

impl Publisher for Feature {
    fn publish(&mut self, nodes: &mut impl Nodes) {
        // Without xenstore nothing is published.
        let _ = nodes.write(Path::literal("control/feature-suspend"), b"1");
    }
}

/// A device that only notes what it is told.
#[derive(Debug, Default)]
struct Spy(Vec<String>);

impl DeviceSuspend for Spy {
    fn prepare(&mut self) -> Poll<Result<(), Refusal>> {
        self.0.push("prepare".into());
        Poll::Ready(Ok(()))
    }

    fn unprepare(&mut self) {
        self.0.push("unprepare".into());
    }

    fn freeze(&mut self) -> Poll<Result<(), Refusal>> {
        self.0.push("freeze".into());
        Poll::Ready(Ok(()))
    }

    fn thaw(&mut self, class: Class) {
        self.0.push(format!("thaw {class}"));
    }

    fn resume(&mut self, class: Class) -> Poll<Result<(), Refusal>> {
        self.0.push(format!("resume {class}"));
        Poll::Ready(Ok(()))
    }

    fn degrade(&mut self) {
        self.0.push("degrade".into());
    }
}

struct Waiting<'p, 'b>(&'p LinkOf<'b>);

impl OsQuiesce for Waiting<'_, '_> {
    fn freeze(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn thaw(&mut self) {}

    fn wait(&mut self, until: Nanos) {
        self.0.wait(until);
    }
}

#[derive(Default)]
struct Ends(Cell<Option<Ending>>);

impl Observer for Ends {
    fn ended(&mut self, _now: Nanos, ending: &Ending, _away: Option<Nanos>) {
        assert_eq!(self.0.replace(Some(*ending)), None, "it ended twice");
    }
}

/// Which way the runner is entered.
#[derive(Debug, Clone, Copy)]
enum Cause {
    Word,
    Wake,
}

/// The guest.
pub struct Whole<'p, 'b> {
    pub host: &'p Host,
    pub hook: &'b Hook,
    pub epoch: &'b EpochCell,
    pub events: &'b Events<'b, &'b Hook>,
    pub clock: &'b Clock<'b, MockCpu>,
    pub table: &'p Table<'p, &'b Hook>,
    pub console: &'p Console<'b, &'b Hook>,
    pub store: &'p Lock<'p, 'b>,
    pub link: &'p LinkOf<'b>,
    canary: &'b Canary,
    service: EventService<'b, &'b Hook, NoGate>,
    rebuild: Rebuild<'p, 'b>,
    control: Control<'p, 'b>,
    spy: Spy,
}

/// Runs a test on a guest that is up, and then asks the host whether the guest kept the rules.
pub fn up(host: &Host, test: impl FnOnce(&mut Whole<'_, '_>)) {
    let hook = host.guest().hook();
    let info = SharedInfo::new(host.guest().page());
    memory::map_shared_info(&hook, info.page()).unwrap();
    let (epoch, canary) = (EpochCell::new(), Canary::new());
    let slots = [const { Slot::new() }; 64];
    let events = Events::new(&hook, &epoch, &info, &slots);
    let service = EventService::start(&events, CALLBACK, &canary).unwrap();
    let clock = Clock::new(host.guest().cpu(), &info);
    let ring = host.guest().map(ring_gfn(&hook).unwrap());
    let console = Console::new(&events, Some(&ring));
    console.connect().unwrap();
    let (frames, entries) = ([host.guest().page()], [const { xen_grant::Slot::new() }; 64]);
    let table = Table::new(&hook, &epoch, &frames, &entries);
    table.rebuild().unwrap();
    let page = host.guest().map(xen_store::ring_gfn(&hook).unwrap());
    let link = PortLink::new(&events, &clock);
    link.connect().unwrap();
    let mut core = Core::new();
    let store = RefCell::new(Store::attach(&page, &mut core, &link).unwrap());
    let control = StoreControl::start(&store, Feature).unwrap();
    let rebuild = StoreService::new(&store, &page);
    let mut whole = Whole {
        host,
        hook: &hook,
        epoch: &epoch,
        events: &events,
        clock: &clock,
        table: &table,
        console: &console,
        store: &store,
        link: &link,
        canary: &canary,
        service,
        rebuild,
        control,
        spy: Spy::default(),
    };
    // The watch has an event at once.
    assert_eq!(whole.serve(), (Outcome::Idle, None));
    test(&mut whole);
    host.check().unwrap();
}

impl Whole<'_, '_> {
    /// Does what the toolstack asks for, if anything; tells how a suspend ended, if there was one.
    pub fn serve(&mut self) -> (Outcome, Option<Ending>) {
        self.enter(Cause::Word)
    }

    /// Finds out where the guest woke.
    pub fn wake(&mut self) -> (Outcome, Option<Ending>) {
        self.enter(Cause::Wake)
    }

    /// Finds out where the guest woke, and returns the figures.
    pub fn wakes(&mut self) -> Resumed {
        match self.wake() {
            (Outcome::Idle, Some(Ending::Resumed(resumed))) => resumed,
            other => panic!("{other:?}"),
        }
    }

    /// Returns what the device was told since the last look.
    pub fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.spy.0)
    }

    /// Sleeps so long.
    pub fn sleep(&self, time: Nanos) {
        self.events.wait(&[], Some(self.host.guest().system_time().after(time))).unwrap();
    }

    /// Reads a node over the guest's own connection.
    pub fn read(&self, node: &'static str) -> String {
        let mut buffer = [0; 64];
        let value = self.store.borrow_mut().read(Path::literal(node), &mut buffer).unwrap().to_vec();
        String::from_utf8(value).unwrap()
    }

    fn enter(&mut self, cause: Cause) -> (Outcome, Option<Ending>) {
        let mut slots = [DeviceSlot::new(); 2];
        let mut coordinator = SuspendCoordinator::new(&mut slots, Deadlines::default());
        let mut observer = Ends::default();
        let embedder = Embedder {
            clock: self.clock,
            epoch: self.epoch,
            policy: &mut Willing,
            os: &mut Waiting(self.link),
            park: &mut SoleVcpu,
            arch: &mut XenArch::new(self.hook, self.canary, Silent),
            control: &mut self.control,
            core: &mut [
                &mut self.service,
                &mut GrantService(self.table),
                &mut ConsoleService(self.console),
                &mut ClockService(self.clock),
                &mut self.rebuild,
            ],
            devices: &mut [&mut ConsoleDevice::new(self.console), &mut self.spy],
            observer: &mut observer,
        };
        let mut runner = Runner::new(&mut coordinator, embedder, &NoGate);
        let outcome = match cause {
            Cause::Word => runner.run(),
            Cause::Wake => runner.on_wake(),
        };
        if outcome == Outcome::Idle {
            assert_eq!(coordinator.state(), State::Running);
        }
        (outcome, observer.0.take())
    }
}
