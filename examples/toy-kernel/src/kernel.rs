//! Puts the services together, and serves.

use core::cell::RefCell;
use core::fmt::Write as _;
use core::sync::atomic::Ordering;

use xen_evtchn::{Events, Fifo};
use xen_frontend::console::{self, Console, ConsoleDevice, ConsoleService};
use xen_grant::Table;
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::{hvm, memory, sched};
use xen_hypercall::{Clock, EpochCell, IrqGate as _, Nanos, SharedInfo, SharedPage, Vcpu, detect};
use xen_store::{Core, PortLink, Store};
use xen_suspend::services::{
    Canary, ClockService, EventService, Features, GrantService, IpiPark, StoreControl, StoreService, VcpuService,
    XenArch,
};
use xen_suspend::{Deadlines, DeviceSlot, Embedder, Outcome, Rendezvous, Runner, Seat, SuspendCoordinator, Willing};

use crate::hooks::{Processor, RESUMES, System, Teller, abi};
use crate::machine::{self, Direct, EVENT, Gate, Native};
use crate::pages::{keep, map, page};
use crate::second::Crew;
use crate::ticker::{Common, TICKS, Ticker};

pub type Output = &'static Console<'static, &'static Direct, Gate>;

/// Where the boot code leads, with interrupts off.
#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    start()
}

/// The kernel from here on.
pub fn start() -> ! {
    machine::set_handlers();
    machine::start_interrupts();
    let (common, place) = begin();
    run(common, place)
}

/// Where all processors meet, what the epoch is, and where Xen tells.
pub type Place = (&'static EpochCell, &'static SharedInfo, &'static Crew);

/// Finds Xen, and makes what all processors use.
pub fn begin() -> (Common, Place) {
    detect(&Native).expect("Xen");
    let hook: &Direct = keep(Direct::new(&Native));
    let info: &SharedInfo = keep(SharedInfo::new(page()));
    memory::map_shared_info(hook, info.page()).expect("shared_info");
    let (epoch, controls): (&EpochCell, &SharedPage) = (keep(EpochCell::new()), keep(page()));
    let common = common((hook, epoch), info, controls);
    let rendezvous = keep(Rendezvous::new(keep([const { Seat::new() }; 2])));
    (common, (epoch, info, Crew::new(common, rendezvous, controls)))
}

/// What all processors use: hook, events and clock.
fn common(
    (hook, epoch): (&'static Direct, &'static EpochCell),
    info: &'static SharedInfo,
    controls: &'static SharedPage,
) -> Common {
    let ports = keep([const { xen_evtchn::Slot::new() }; 256]);
    let fifo = Fifo::new(keep([page()]), ControlBlock::new(controls, 0).expect("a place in the page"));
    let events: &Events<'_, _, _> = keep(Events::new(hook, epoch, info, ports).with_gate(Gate).with_fifo(fifo));
    events.choose().expect("event channels");
    let clock: &Clock<'_, _> = keep(Clock::new(Native, info));
    Common { hook, events, clock }
}

/// The console, if there is one. Without it the kernel runs all the same.
pub fn output(Common { hook, events, .. }: Common) -> Output {
    let ring = console::ring_gfn(hook).ok().map(|gfn| &*keep(map(gfn)));
    let console = keep(Console::new(events, ring));
    let _ = console.connect();
    console
}

/// Starts what is left, and runs until the toolstack says to stop.
fn run(common: Common, (epoch, info, crew): Place) -> ! {
    let Common { hook, events, clock } = common;
    let canary = keep(Canary::new());
    let event_service = &mut EventService::start(events, hvm::callback_gsi(1), canary).expect("callback");
    let vcpu_service = &mut VcpuService::start(hook, Some(EVENT)).expect("an upcall vector");
    let (frames, entries) = (keep([page()]), keep([const { xen_grant::Slot::new() }; 64]));
    let grants = keep(Table::new(hook, epoch, frames, entries).with_gate(Gate));
    grants.rebuild().expect("the grant table");
    let console = output(common);
    let link: &PortLink<'_, _, _, _> = keep(PortLink::new(events, clock));
    link.connect().expect("the port of xenstore");
    let ring = keep(map(xen_store::ring_gfn(hook).expect("the ring of xenstore")));
    let store = RefCell::new(Store::attach(ring, keep(Core::<4, 16>::new()), link).expect("xenstore"));
    let control = &mut StoreControl::start(&store, Features).expect("a watch");
    let _ = link.unmask();
    let ticker = Ticker::new(common, Vcpu(0), info.vcpu0());
    let _ = writeln!(&*console, "xen-guest: ready evtchn={} vcpus={}", abi(common), crew.start());
    ticker.start().expect("the timer");
    let embedder = Embedder {
        clock,
        epoch,
        policy: &mut Willing,
        os: &mut System { common, link },
        park: &mut IpiPark::new(crew.rendezvous, crew, clock),
        arch: &mut XenArch::new(hook, canary, Processor(hook)),
        control,
        core: &mut [
            event_service,
            vcpu_service,
            &mut GrantService(grants),
            &mut ConsoleService(console),
            &mut ClockService(clock),
            &mut StoreService::new(&store, ring),
            &mut &ticker,
        ],
        devices: &mut [&mut ConsoleDevice::new(console)],
        observer: &mut Teller { console, common },
    };
    serve(embedder, (common, &ticker, console))
}

/// The loop: what the toolstack wants, then events, then sleep.
fn serve(embedder: Embedder<'_>, (common, ticker, mut console): (Common, &Ticker, Output)) -> ! {
    let deadlines = Deadlines::default().with_dr(Nanos::from_secs(20));
    let mut coordinator = SuspendCoordinator::new([DeviceSlot::new(); 1], deadlines);
    let mut runner = Runner::new(&mut coordinator, embedder, &Gate);
    let mut seen = [0; 2];
    Gate.restore(true);
    loop {
        match runner.run() {
            Outcome::Idle => {}
            Outcome::Stop(word) => machine::end(word.stop().unwrap_or(sched::Reason::POWEROFF)),
            Outcome::Crashed(_) => machine::end(sched::Reason::CRASH),
        }
        let mut ticked = false;
        // What comes after the look and before the sleep ends the sleep.
        Gate.run(|| {
            if common.events.dispatch(64, |port| ticked |= ticker.take(port)) == 0 {
                machine::sleep();
            }
        });
        if ticked {
            let now = TICKS.each_ref().map(|ticks| ticks.load(Ordering::Relaxed));
            let cpus = now.iter().zip(seen).filter(|(now, seen)| *now != seen).count();
            let resumes = RESUMES.load(Ordering::Relaxed);
            let _ = writeln!(console, "xen-guest: tick n={} cpus={cpus} resumes={resumes}", now[0]);
            seen = now;
        }
    }
}
