//! Puts the services together, and serves.

use core::cell::RefCell;
use core::fmt::Write as _;
use core::sync::atomic::{AtomicU64, Ordering};

use xen_evtchn::{Events, Fifo};
use xen_frontend::console::{self, Console, ConsoleDevice, ConsoleService};
use xen_grant::Table;
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::hvm::callback_gsi;
use xen_hypercall::op::{memory, sched, vcpu};
use xen_hypercall::x86_64::{Direct, Native};
use xen_hypercall::{Clock, EpochCell, IrqGate as _, Nanos, SharedInfo, Vcpu, VcpuInfo, detect};
use xen_store::{PortLink, Store};
use xen_suspend::services::{
    Canary, ClockService, EventService, GrantService, IpiPark, StoreControl, StoreService, VcpuService, XenArch,
};
use xen_suspend::{Deadlines, DeviceSlot, Embedder, Outcome, Rendezvous, Runner, Seat, SuspendCoordinator};

use crate::hooks::{Always, Features, Processor, RESUMES, System, Teller, abi};
use crate::machine::{self, EVENT, Gate};
use crate::pages::{keep, map, page};
use crate::second::{self, Crew};
use crate::ticker::{Common, TICKS, Ticker};

type Link = PortLink<'static, Direct, Gate, Native>;
type Output = &'static Console<'static, Direct, Gate>;

#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    machine::set_handlers();
    machine::start_interrupts();
    detect(&Native).expect("Xen");
    let hook: &Direct = keep(Direct::new(&Native));
    let info: &SharedInfo = keep(SharedInfo::new(page()));
    memory::map_shared_info(hook, info.page()).expect("shared_info");
    let epoch: &EpochCell = keep(EpochCell::new());
    let clock: &Clock<'_, _> = keep(Clock::new(Native, info));
    let canary: &Canary = keep(Canary::new());

    let ports = keep([const { xen_evtchn::Slot::new() }; 256]);
    let (words, controls) = (keep([page()]), keep(page()));
    let control = |vcpu| ControlBlock::new(controls, vcpu).expect("a place in the page");
    let fifo = Fifo::new(words, control(0));
    let events: &Events<'_, _, _> = keep(Events::new(hook, epoch, info, ports).with_gate(Gate).with_fifo(fifo));
    events.choose().expect("event channels");
    let common = Common { hook, events, clock };
    let mut event_service = EventService::start(hook, events, info, (callback_gsi(1), canary)).expect("the callback");
    let mut vcpu_service = VcpuService::start(hook, Some(EVENT)).expect("an upcall vector");

    let (frames, entries) = (keep([page()]), keep([const { xen_grant::Slot::new() }; 64]));
    let grants = keep(Table::new(hook, epoch, frames, entries).with_gate(Gate));
    grants.rebuild().expect("the grant table");

    let ring = console::ring_gfn(hook).ok().map(|gfn| &*keep(map(gfn)));
    let console: Output = keep(Console::with_gate(hook, events, ring, Gate));
    // Without a console it runs all the same.
    let _ = console.connect();

    let link: &Link = keep(PortLink::with_gate(hook, events, clock, Gate));
    link.connect().expect("the port of xenstore");
    let ring = keep(map(Link::ring_gfn(hook).expect("the ring of xenstore")));
    let core = keep(xen_store::Core::<4, 16>::new());
    let store = RefCell::new(Store::attach(ring, core, link).expect("xenstore"));
    let mut control_words = StoreControl::start(&store, Features).expect("a watch");
    let _ = link.unmask();

    let seats = keep([const { Seat::new() }; 2]);
    let crew: &Crew = keep(Crew {
        common,
        rendezvous: keep(Rendezvous::new(seats)),
        record: VcpuInfo::new(keep(page()), 0).expect("a place in the page"),
        control: control(1),
        apic: AtomicU64::new(0),
    });
    let vcpus = vcpu::count(hook, 2);
    if vcpus > 1 {
        second::start(crew);
    }
    let ticker = Ticker::new(common, Vcpu(0), info.vcpu0());
    ticker.start().expect("the timer");
    let _ = writeln!(&*console, "xen-guest: ready evtchn={} vcpus={vcpus}", abi(common));

    let mut slots = [DeviceSlot::new(); 1];
    let deadlines = Deadlines::default().with_dr(Nanos::from_secs(20));
    let mut coordinator = SuspendCoordinator::new(&mut slots, deadlines);
    let embedder = Embedder {
        clock,
        epoch,
        policy: &mut Always,
        os: &mut System { common, link },
        park: &mut IpiPark::new(crew.rendezvous, crew, clock),
        arch: &mut XenArch::new(hook, canary, Processor(hook)),
        control: &mut control_words,
        core: &mut [
            &mut event_service,
            &mut vcpu_service,
            &mut GrantService(grants),
            &mut ConsoleService(console),
            &mut ClockService(clock),
            &mut StoreService::new(&store, hook, link, ring),
            &mut &ticker,
        ],
        devices: &mut [&mut ConsoleDevice::new(console)],
        observer: &mut Teller { console, common },
    };
    let mut runner = Runner::new(&mut coordinator, embedder, &Gate);
    Gate.restore(true);
    let mut seen = [0; 2];
    loop {
        match runner.run() {
            Outcome::Idle => serve((events, &ticker), (console, &mut seen)),
            Outcome::Stop(word) => machine::end(word.stop().unwrap_or(sched::Reason::POWEROFF)),
            Outcome::Crashed(fatal) => panic!("{fatal:?}"),
        }
    }
}

/// Takes the events that have come, or sleeps until one comes; tells of each tick, and how many processors have ticked
/// since the last one.
fn serve(
    (events, ticker): (&Events<'_, &'static Direct, Gate>, &Ticker),
    (mut console, seen): (Output, &mut [u32; 2]),
) {
    let saved = Gate.off();
    let mut ticked = false;
    if events.dispatch(64, |port| ticked |= ticker.take(port)) == 0 {
        machine::sleep();
    }
    Gate.restore(saved);
    if ticked {
        let now = TICKS.each_ref().map(|ticks| ticks.load(Ordering::Relaxed));
        let cpus = now.iter().zip(seen.iter()).filter(|(now, seen)| now != seen).count();
        *seen = now;
        let resumes = RESUMES.load(Ordering::Relaxed);
        let _ = writeln!(console, "xen-guest: tick n={} cpus={cpus} resumes={resumes}", now[0]);
    }
}
