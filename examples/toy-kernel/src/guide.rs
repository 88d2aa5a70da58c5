//! What the blocks of the guide bring into scope, each by its first line: the crates' names, the steps before, and the mock host.

pub use core::cell::RefCell;
pub use core::ptr::NonNull;

pub use xen_evtchn::{BindError, BoundPort, Events, Fifo, Scanner};
pub use xen_frontend::console::{self, Console, ConsoleDevice, ConsoleService};
pub use xen_grant::Table;
pub use xen_hypercall::op::event_channel::{ControlBlock, Virq};
pub use xen_hypercall::op::{hvm, memory, sched, vcpu};
pub use xen_hypercall::{
    Clock, DomId, EpochCell, Gfn, IrqGate, Nanos, PAGE_SIZE, SharedInfo, SharedPage, Vcpu, VcpuInfo, detect,
};
pub use xen_store::{Core, PortLink, Store};
pub use xen_suspend::services::{
    Canary, ClockService, EventService, Features, GrantService, IpiPark, Registration, StoreControl, StoreService,
    VcpuService, XenArch,
};
pub use xen_suspend::{
    Class, CoreService, Dark, Deadlines, DeviceSlot, Embedder, Fatal, Order, Outcome, Rendezvous, Runner, Seat, Stage,
    SuspendCoordinator, Willing,
};

pub use crate::hooks::{Processor, RESUMES, System, Teller};
pub use crate::kernel::{self, begin};
pub use crate::machine::pages::{keep, map, page, take};
pub use crate::machine::{self, Direct, EVENT, Gate, Native, host, on_second};
pub use crate::second::{Crew, SECOND};
pub use crate::services;
pub use crate::ticker::{Common, PERIOD, Ticker};

use xen_hypercall::{GrantRef, Port};
use xen_mock::{Destination, Host, MapMode, Operation, Outcome as Came, Save, State};

/// Step 2 once more, for the steps after it: the names that it leaves behind.
#[macro_export]
macro_rules! services {
    ($common:ident, $epoch:ident, $info:ident, $crew:ident; $canary:ident, $events:ident, $vcpus:ident;
     $grants:ident, $console:ident, $link:ident, $ring:ident, $store:ident, $control:ident) => {
        let ($common, ($epoch, $info, $crew)) = begin();
        let $canary = keep(Canary::new());
        let $events = &mut EventService::start($common.events, hvm::callback_gsi(1), $canary).expect("callback");
        let $vcpus = &mut VcpuService::start($common.hook, Some(EVENT)).expect("an upcall vector");
        let (frames, entries) = (keep([page()]), keep([const { xen_grant::Slot::new() }; 64]));
        let $grants: &Table<'_, _, _> = keep(Table::new($common.hook, $epoch, frames, entries).with_gate(Gate));
        $grants.rebuild().expect("the grant table");
        let $console = kernel::output($common);
        let $link: &PortLink<'_, _, _, _> = keep(PortLink::new($common.events, $common.clock));
        $link.connect().expect("the port of xenstore");
        let $ring = keep(map(xen_store::ring_gfn($common.hook).expect("the ring of xenstore")));
        let $store = RefCell::new(Store::attach($ring, keep(Core::<4, 16>::new()), $link).expect("xenstore"));
        let $control = &mut StoreControl::start(&$store, Features).expect("a watch");
    };
}

/// What the toolstack does, one after the other; the last is to power off.
const STORY: [Save; 3] = [Save::Checkpoint, Save::Restore(Destination::DEFAULT), Save::SlowResume];

/// A kernel's grant table.
type Grants = Table<'static, &'static Direct, Gate>;

/// Runs a kernel through checkpoint, migration and a slow resume, a second for each, until the toolstack powers it off.
///
/// After each, what it offers can be mapped; in the end its console has told of all.
pub fn live(grants: Option<&'static Grants>, kernel: impl FnOnce()) {
    let (mut story, mut under_way): (_, Option<Operation>) = (STORY.into_iter(), None);
    let mut next = Nanos::from_secs(1);
    host().direct(move |host| {
        if under_way.is_some_and(|operation| host.toolstack().outcome(operation).inspect(well).is_some()) {
            (under_way, next) = (None, host.now().after(Nanos::from_secs(1)));
        }
        if under_way.is_none() && host.now() >= next && host.state() == State::Running {
            grants.into_iter().for_each(can_offer);
            let toolstack = host.toolstack();
            under_way = Some(story.next().map_or_else(|| toolstack.poweroff(), |save| toolstack.save(save)));
        }
    });
    machine::until_it_ends(kernel);
    assert_eq!(host().state(), State::Shutdown(xen_mock::Reason::Poweroff));
    let lines = host().console().lines();
    let resumed = lines.iter().filter_map(|line| line.strip_prefix("xen-guest: resumed class="));
    let classes: Vec<&str> = resumed.filter_map(|rest| rest.split(' ').next()).collect();
    assert_eq!(classes, ["cancel", "new", "inplace"], "{lines:#?}");
    host().check().expect("a guest that keeps the rules");
}

fn can_offer(grants: &'static Grants) {
    let offer = grants.offer_read(page(), DomId::DOM0).expect("an entry");
    host().dom0().map(offer.reference(), MapMode::Read).expect("a page that is offered").unmap();
    offer.end().expect("a page that nobody has mapped");
}

fn well(came: &Came) {
    assert!(
        matches!(came, Came::Resumed(_) | Came::Restored(_) | Came::Stopped(xen_mock::Reason::Poweroff)),
        "{came:?}"
    );
}

/// The other end of a first ring: a backend in dom0.
#[derive(Debug)]
pub struct Backend(Host, xen_mock::Mapped, Port);

impl Backend {
    /// Maps the ring, and binds its port.
    pub fn connect(ring: GrantRef, port: Port) -> Self {
        let ring = host().dom0().map(ring, MapMode::Write).expect("a grant");
        Self(host(), ring, host().dom0().bind(port).expect("a port"))
    }

    /// Answers the first request with success, a while after its event, by the offsets of `io/ring.h` and `io/blkif.h`, and goes.
    pub fn answer_and_go(self) {
        let Self(host, ring, port) = self;
        host.after(Nanos(30_000), move |host| {
            assert_eq!((host.dom0().take_events(port), ring.u32(0)), (1, 1), "an event, and a request");
            let (operation, id) = (ring.read(64, 1), ring.read(72, 8));
            ring.write(64, &[&id[..], &operation, &[0; 3]].concat());
            ring.set_u32(8, 1);
            host.dom0().notify(port);
            host.dom0().close(port);
        });
    }
}
