//! The guest from its first hypercall to its last.

use core::cell::RefCell;
use core::fmt;

use xen_evtchn::{Abi, AbiError, Events, Fifo};
use xen_frontend::console::{Console, ring_gfn};
use xen_grant::{Table, TableError, Version};
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::hvm::{callback_gsi, callback_vector};
use xen_hypercall::op::memory;
use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::{
    Clock, Devices, Drivers, EpochCell, Errno, Hypercall, Nanos, NoXen, NotUnplugged, SharedInfo, Traced, detect,
};
use xen_store::{Core, LinkError, Nodes, Path, PortLink, Store, StoreError};
use xen_suspend::services::{Canary, EventService, Features, StoreControl, StoreService, UnplugService, VcpuService};

use crate::ballast::Ballast;
use crate::crew::{Crew, Quarters, TableOf};
use crate::hoard::GROUPS;
use crate::options::{self, Upcall};
use crate::serve::{Engine, Service};
use crate::trace::Trace;
use crate::voice::{Voice, cry};
use crate::{Emulated, Machine, Options, UPCALL_VECTOR};

/// Requests to xenstore that may be under way, and watches: those of a hoard among them.
pub(crate) const REQUESTS: usize = 16;
pub(crate) const WATCHES: usize = GROUPS + 4;

/// Events that are handed out in one go.
pub(crate) const BUDGET: usize = 64;

/// How long xenstore may take to answer, at the start and later. A guest that begins has nothing else to do, and a host that
/// makes domains much.
const PATIENT: Nanos = Nanos::from_secs(30);
const PATIENCE: Nanos = Nanos::from_secs(5);

/// The node that holds the guest's own number.
pub(crate) const DOMID: Path<'static> = Path::literal("domid");

/// The link to xenstore of a guest on machine `M` with hook `H`.
pub(crate) type LinkOf<'b, M, H> = PortLink<'b, &'b H, <M as Machine>::Gate, &'b <M as Machine>::Cpu>;

/// The xenstore client of a guest on machine `M` with hook `H`.
pub(crate) type StoreOf<'p, 'b, M, H> = Store<'p, &'p LinkOf<'b, M, H>, REQUESTS, WATCHES>;

/// Why the guest could not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartError {
    /// There is no Xen.
    NoXen(NoXen),
    /// The machine has too few pages.
    NoMemory,
    /// Xen refused what every guest needs.
    Xen(Errno),
    /// Event channels are of no use.
    Abi(AbiError),
    /// The grant table was not made.
    Grants(TableError),
    /// There is no way to xenstore.
    Link(LinkError),
    /// xenstore does not answer as it should.
    Store(StoreError),
    /// There is no platform device with an interrupt.
    NoIntx,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoXen(error) => error.fmt(f),
            Self::NoMemory => f.write_str("too few pages"),
            Self::Xen(error) => error.fmt(f),
            Self::Abi(error) => error.fmt(f),
            Self::Grants(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::NoIntx => f.write_str("no platform device with an interrupt"),
        }
    }
}

impl core::error::Error for StartError {}

/// Runs the guest on a machine until it is to stop, and shuts the domain down; returns the reason it shut down for.
///
/// `line` is the kernel command line, see [`Options`].
pub fn run<M: Machine>(machine: &M, line: &str) -> Reason {
    let trace = Trace::default();
    let note = |number, command, _| trace.note(number, command);
    let hook = Traced::new(machine.hook(), note);
    let end = start(machine, &hook, (line, &trace)).unwrap_or_else(|error| {
        cry(machine, format_args!("start {error}"));
        End::Stop(Reason::CRASH)
    });
    match end {
        End::Stop(reason) => {
            shut_down(&hook, reason);
            reason
        }
        End::Crashed => Reason::CRASH,
    }
}

/// Shuts the domain down, and asks again should Xen refuse; not for ever, for that is left to the machine.
fn shut_down<H: Hypercall>(hook: &H, reason: Reason) {
    for _ in 0..3 {
        if sched::shutdown(hook, reason) == 0 {
            return;
        }
    }
}

/// How the guest ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// It is to shut down for this reason.
    Stop(Reason),
    /// The coordinator shut it down already.
    Crashed,
}

/// What the core services start with.
pub(crate) type Core0<'b, M, H> = (EventService<'b, &'b H, <M as Machine>::Gate>, VcpuService<&'b H>);

/// Makes what everything else refers to: `shared_info`, event channels and the clock.
fn start<M: Machine, H: Hypercall>(machine: &M, hook: &H, run: (&str, &Trace)) -> Result<End, StartError> {
    detect(machine.cpu()).map_err(StartError::NoXen)?;
    let emulated = machine.emulated();
    let unplug = UnplugService::start(machine.ports(), Drivers::EXPERIMENTAL, Devices::DISKS.and(Devices::NICS));
    // What means nothing is said when there is somebody to say it to.
    let options = Options::parse(run.0, |_| ());
    let page = || machine.page().ok_or(StartError::NoMemory);
    let info = SharedInfo::new(page()?);
    memory::map_shared_info(hook, info.page()).map_err(StartError::Xen)?;
    let (epoch, canary) = (EpochCell::new(), Canary::new());
    let ports = [const { xen_evtchn::Slot::new() }; 512];
    // Event words of 1024 ports, and the control block of vCPU 0.
    let (words, controls) = ([page()?], page()?);
    let mut events = Events::new(hook, &epoch, &info, &ports).with_gate(machine.gate());
    if let (Abi::Fifo, Some(control)) = (options.evtchn, ControlBlock::new(&controls, 0)) {
        events = events.with_fifo(Fifo::new(&words, control));
    }
    events.choose().map_err(StartError::Abi)?;
    let callback = callback(machine, options.upcall)?;
    let service = EventService::start(&events, callback, &canary).map_err(StartError::Xen)?;
    let own = (options.upcall == Upcall::Vector).then_some(UPCALL_VECTOR);
    let vector = own.or((options.upcall == Upcall::Intx).then_some(UPCALL_VECTOR));
    let vcpu = VcpuService::start(hook, own).map_err(StartError::Xen)?;
    let clock = Clock::new(machine.cpu(), &info);
    let (epoch, canary, events, clock) = (&epoch, &canary, &events, &clock);
    let platform = (&unplug, emulated);
    let Options { upcall, grant: version, .. } = options;
    let base = Base { machine, hook, info: &info, epoch, canary, events, clock, vector, upcall, version, platform };
    furnish(base, (service, vcpu), (options, run))
}

/// The callback parameter. With vectors of the processors' own it only has to be something.
fn callback<M: Machine>(machine: &M, upcall: Upcall) -> Result<u64, StartError> {
    match upcall {
        Upcall::Poll | Upcall::Callback => Ok(callback_vector(UPCALL_VECTOR)),
        Upcall::Vector => Ok(callback_gsi(1)),
        Upcall::Intx => machine.intx(UPCALL_VECTOR).ok_or(StartError::NoIntx),
    }
}

/// What everything else refers to.
pub(crate) struct Base<'b, M: Machine, H> {
    pub(crate) machine: &'b M,
    pub(crate) hook: &'b H,
    pub(crate) info: &'b SharedInfo,
    pub(crate) epoch: &'b EpochCell,
    pub(crate) canary: &'b Canary,
    pub(crate) events: &'b Events<'b, &'b H, M::Gate>,
    pub(crate) clock: &'b Clock<'b, &'b M::Cpu>,
    /// The upcall vector that each processor but vCPU 0 registers for itself.
    pub(crate) vector: Option<u8>,
    /// How vCPU 0 is told of events.
    pub(crate) upcall: Upcall,
    /// The version of the grant table, where it is to be had.
    pub(crate) version: Version,
    /// What keeps emulated devices away, and what there was of them.
    pub(crate) platform: (&'b UnplugService<&'b M::Ports>, Emulated),
}

/// Makes console and grant table, starts the other processors, and makes the link to xenstore.
fn furnish<'b, M: Machine, H: Hypercall>(
    base: Base<'b, M, H>,
    core: Core0<'b, M, H>,
    (options, run): (Options, (&str, &Trace)),
) -> Result<End, StartError> {
    let Base { machine, hook, events, clock, .. } = base;
    let ring = ring_gfn(hook).ok().map(|gfn| machine.map(gfn));
    let console = Console::new(events, ring.as_ref());
    if let Err(error) = console.connect() {
        // It goes on without: what it says is kept, as far as there is room.
        cry(machine, format_args!("console {error}"));
    }
    let frames = [machine.page().ok_or(StartError::NoMemory)?];
    let entries = [const { xen_grant::Slot::new() }; 64];
    let status = match base.version {
        Version::V1 => None,
        Version::V2 => Some(machine.page().ok_or(StartError::NoMemory)?),
    };
    let table =
        Table::new(hook, base.epoch, &frames, &entries).with_gate(machine.gate()).with_status(status.as_slice());
    table.rebuild().map_err(StartError::Grants)?;
    let link = PortLink::new(events, clock);
    let quarters = Quarters::new();
    let crew = Crew::new(&base, &table, &quarters, &options);
    let ground = Ground { base: &base, console: &console, table: &table, link: &link, crew: &crew };
    machine.with_others(&crew, options.upcall, || connect(&ground, core, (options, run)))
}

/// What lies below xenstore.
pub(crate) struct Ground<'g, 'b, M: Machine, H: Hypercall> {
    pub(crate) base: &'g Base<'b, M, H>,
    pub(crate) console: &'g Console<'b, &'b H, M::Gate>,
    pub(crate) table: &'g TableOf<'g, 'b, M, H>,
    pub(crate) link: &'g LinkOf<'b, M, H>,
    pub(crate) crew: &'g Crew<'g, 'b, M, H>,
}

impl<'g, 'b, M: Machine, H: Hypercall> Ground<'g, 'b, M, H> {
    pub(crate) const fn voice(&self) -> Voice<'g, 'b, M, H> {
        Voice::new(self.base.machine, self.console)
    }

    /// Has vCPU 0 told of xenstore's events, whose port is a fresh one, and masked.
    pub(crate) fn hear_store(&self) {
        // Refused, its events end the sleep of the link all the same.
        let _ = self.link.unmask();
    }

    /// Returns the word for the ABI of event channels that is in force.
    pub(crate) fn abi(&self) -> &'static str {
        options::word(self.base.events.abi())
    }

    /// Says what there is of emulated devices, if some were unplugged.
    pub(crate) fn say_unplugged(&self) {
        if self.base.platform.0.result().is_ok() {
            self.voice().say(format_args!("unplugged {}", self.base.machine.emulated()));
        }
    }
}

/// Connects to xenstore and serves.
fn connect<'b, M: Machine, H: Hypercall>(
    ground: &Ground<'_, 'b, M, H>,
    (events, vcpu): Core0<'b, M, H>,
    (options, (line, trace)): (Options, (&str, &Trace)),
) -> Result<End, StartError> {
    let Base { machine, hook, .. } = *ground.base;
    let vcpus = ground.crew.muster();
    let gfn = xen_store::ring_gfn(hook).map_err(StartError::Link)?;
    let page = machine.map(gfn);
    ground.link.connect().map_err(StartError::Link)?;
    let mut core = Core::new();
    let mut store = Store::attach(&page, &mut core, ground.link).map_err(StartError::Store)?;
    store.set_patience(PATIENT);
    let store = RefCell::new(store);
    let mut control = StoreControl::start(&store, Features).map_err(StartError::Store)?;
    let ballast = Ballast::fill(machine).ok_or(StartError::NoMemory)?;
    let voice = ground.voice();
    let domid = store.borrow_mut().read_number(DOMID).map_err(StartError::Store)?;
    store.borrow_mut().set_patience(PATIENCE);
    match ground.base.platform {
        (unplug, emulated) if unplug.result() != Err(NotUnplugged::NoPlatform) => {
            voice.say(format_args!("platform {emulated}"));
        }
        _ => {}
    }
    ground.say_unplugged();
    let (epoch, abi) = (ground.base.epoch.now(), ground.abi());
    voice.say(format_args!("ready domid={domid} epoch={epoch} evtchn={abi} vcpus={vcpus}"));
    voice.say(format_args!("hypercalls by={}", machine.calls_by()));
    Options::parse(line, |word| voice.say(format_args!("option unknown={word}")));
    ground.hear_store();
    let link = StoreService::new(&store, &page);
    let service = Service::new(ground, &store, (options, trace, ballast));
    Ok(service.serve(Engine { events, vcpu, link, control: &mut control }))
}
