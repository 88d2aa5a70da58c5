//! The task that suspends the guest.

use core::fmt::Write as _;

use embassy_futures::select::{Either, select};
use xen_evtchn::Abi;
use xen_frontend::console::{ConsoleDevice, ConsoleService};
use xen_hypercall::op::sched::Reason;
use xen_hypercall::{Nanos, SharedPage};
use xen_store::{Link as _, Nodes};
use xen_suspend::services::{
    Canary, ClockService, EventService, Features, Publisher, SoleVcpu, StoreControl, StoreService, VcpuService, XenArch,
};
use xen_suspend::{
    Deadlines, DeviceSlot, Embedder, Ending, Observer, OsQuiesce, Outcome, Refusal, Runner, SuspendCoordinator, Willing,
};

use crate::guest::Guest;
use crate::platform::{Gate, Hook, Machine};
use crate::tally::{NODES, PORTS};
use crate::tasks::node;

/// How often the word is looked for although no event came: servers lose some.
const RECHECK: Nanos = Nanos::from_secs(10);

/// What no task needs but this one.
pub(crate) struct Parts {
    pub(crate) canary: &'static Canary,
    pub(crate) event_service: EventService<'static, Hook, Gate>,
    pub(crate) vcpu_service: VcpuService<Hook>,
    pub(crate) ring: &'static SharedPage,
}

/// No task runs while this one does: that is the whole freeze.
struct Tasks(&'static Guest);

impl OsQuiesce for Tasks {
    fn freeze(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn thaw(&mut self) {
        // The port of a new domain comes masked. Refused, an alarm of the driver's looks for answers all the same.
        let _ = self.0.link.unmask();
    }

    fn wait(&mut self, until: Nanos) {
        self.0.link.wait(until);
    }
}

/// The guest's nodes: its features, and those that tasks wait for.
struct Published(&'static Guest);

impl Publisher for Published {
    fn publish(&mut self, nodes: &mut impl Nodes) {
        Features.publish(nodes);
        let Guest { tally, .. } = self.0;
        // In a new epoch each node is watched anew and written, and each port is gone: reasons to be woken.
        (0..NODES + PORTS).for_each(|task| tally.reason(task));
        if tally.told() == 0 {
            return;
        }
        for task in 0..NODES {
            nodes.write(node(task).as_path(), &tally.told().to_le_bytes()).expect("a node of our own");
            tally.reason(task);
        }
    }
}

/// Tells on the console of each resume.
struct Teller(&'static Guest);

impl Observer for Teller {
    fn ended(&mut self, _now: Nanos, ending: &Ending, _away: Option<Nanos>) {
        let Guest { console, tally, .. } = self.0;
        let mut console = *console;
        let _ = match ending {
            Ending::Resumed(resumed) => {
                let (class, evtchn, blackout) = (resumed.class, abi(self.0), resumed.blackout.0);
                let n = tally.resumed();
                writeln!(console, "xen-guest: resumed class={class} evtchn={evtchn} n={n} blackout_ns={blackout}")
            }
            Ending::Aborted(abort) => writeln!(console, "xen-guest: aborted {abort:?}"),
        };
    }
}

/// The name of the ABI of event channels in force.
fn abi(guest: &Guest) -> &'static str {
    match guest.events.abi() {
        Abi::Fifo => "fifo",
        Abi::TwoLevel => "2l",
    }
}

/// Waits for what the toolstack wants, and does it.
pub(crate) async fn suspends(guest: &'static Guest, parts: Parts) {
    let Parts { canary, mut event_service, mut vcpu_service, ring } = parts;
    let Guest { epoch, clock, console, client, alarm, .. } = guest;
    let mut control = StoreControl::start(client, Published(guest)).expect("a watch");
    let watch = control.watch();
    let _ = guest.link.unmask();
    let _ = writeln!(&mut &**console, "xen-guest: ready evtchn={} vcpus=1 tasks={}", abi(guest), NODES + PORTS);
    let mut coordinator = SuspendCoordinator::new([DeviceSlot::new(); 1], Deadlines::default());
    loop {
        // The event stays for the coordinator, which reads the word and acknowledges it.
        if let Either::First(heard) = select(client.heard(watch), alarm.sleep(RECHECK)).await {
            heard.expect("xenstore");
        }
        let embedder = Embedder {
            clock: *clock,
            epoch,
            policy: &mut Willing,
            os: &mut Tasks(guest),
            park: &mut SoleVcpu,
            arch: &mut XenArch::new(guest.machine.hook(), canary, guest.machine.clone()),
            control: &mut control,
            core: &mut [
                &mut event_service,
                &mut vcpu_service,
                &mut ConsoleService(console),
                &mut ClockService(clock),
                &mut StoreService::new(client, ring),
                &mut &**alarm,
            ],
            devices: &mut [&mut ConsoleDevice::new(console)],
            observer: &mut Teller(guest),
        };
        match Runner::new(&mut coordinator, embedder, &Machine::GATE).run() {
            Outcome::Idle => {}
            Outcome::Stop(word) => guest.machine.end(word.stop().unwrap_or(Reason::POWEROFF)),
            Outcome::Crashed(_) => guest.machine.end(Reason::CRASH),
        }
    }
}
