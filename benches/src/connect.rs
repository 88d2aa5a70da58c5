//! Devices that connect on the mock host, and what it takes.

use core::cell::Cell;
use core::fmt::Display;
use core::sync::atomic::Ordering::Relaxed;

use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::{event_channel, memory, sched};
use xen_hypercall::{Gfn, Nanos, Port, SharedPage, SystemTime};
use xen_mock::{Device as Given, Guest, Hook, Host};
use xen_store::{Connection, Core, Device, Link, OtherEnd, Path, Phase, Store, StoreError, Unfit, XenbusState};

/// A class of devices: what is read of the backend before the ring is published and after it, and what is published.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// The name of the class.
    pub name: &'static str,
    /// The frontend's state with its ring published.
    pub offered: XenbusState,
    /// What is read first.
    pub before: &'static [&'static str],
    /// What is published.
    pub nodes: &'static [&'static str],
    /// What is read of a backend that is connected.
    pub after: &'static [&'static str],
}

/// A disk of one ring: geometry, flush, discard, indirect requests.
pub const DISK: Class = Class {
    name: "vbd",
    offered: XenbusState::Initialised,
    before: &["max-ring-page-order"],
    nodes: &["ring-ref", "event-channel", "protocol"],
    after: &[
        "sectors",
        "sector-size",
        "physical-sector-size",
        "info",
        "feature-flush-cache",
        "feature-discard",
        "feature-max-indirect-segments",
    ],
};

/// A network card of one queue: checksums, scatter and gather, segmentation.
pub const NETWORK_CARD: Class = Class {
    name: "vif",
    offered: XenbusState::Connected,
    before: &[
        "feature-rx-copy",
        "feature-split-event-channels",
        "feature-sg",
        "feature-gso-tcpv4",
        "feature-gso-tcpv6",
        "feature-ipv6-csum-offload",
    ],
    nodes: &[
        "tx-ring-ref",
        "rx-ring-ref",
        "event-channel-tx",
        "event-channel-rx",
        "request-rx-copy",
        "feature-rx-notify",
        "feature-sg",
        "feature-gso-tcpv4",
        "feature-gso-tcpv6",
    ],
    after: &[],
};

/// What it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Waves of requests.
    pub waves: usize,
    /// Messages to the server, for all devices.
    pub messages: u64,
}

/// Connects so many devices of a class to backends that take their time; `None` if one does not come up.
#[must_use]
pub fn connect(class: Class, count: u32) -> Option<Taken> {
    let host = (0..count).fold(Host::builder(), |host, id| host.device(Given::new(class.name, id))).build();
    let backends = Backends::new(&host, class);
    let page = backends.page();
    let mut core: Box<Core<20, 64>> = Box::new(Core::new());
    let mut store = Store::attach(&page, &mut core, &backends).ok()?;
    let mut fronts: Vec<_> = (0..count).map(|id| Front { class, directory: backends.front(id) }).collect();
    let mut connections: Vec<_> = fronts.iter_mut().map(|front| Connection::new(front)).collect();
    let waves = store.connect_all(&mut connections, backends.now().after(Nanos::from_secs(60)));
    let up = connections.iter().all(|connection| connection.outcome() == Some(Ok(())));
    up.then(|| Taken { waves, messages: store.requests_sent() })
}

struct Front {
    class: Class,
    directory: String,
}

impl Device for Front {
    fn directory(&self) -> Path<'_> {
        Path::new(&self.directory).expect("a path")
    }

    fn offered(&self) -> XenbusState {
        self.class.offered
    }

    fn locate(&mut self, _other: &OtherEnd) -> Result<(), Unfit> {
        Ok(())
    }

    fn wanted(&self, phase: Phase) -> &[&str] {
        match phase {
            Phase::Offer => self.class.before,
            Phase::Connect => self.class.after,
        }
    }

    fn value(&mut self, _phase: Phase, _index: usize, _value: Result<&[u8], StoreError>) {}

    fn judge(&mut self, _phase: Phase) -> Result<(), Unfit> {
        Ok(())
    }

    fn nodes(&self, phase: Phase) -> usize {
        if phase == Phase::Offer { self.class.nodes.len() } else { 0 }
    }

    fn publish(&mut self, _phase: Phase, index: usize, write: &mut dyn FnMut(&dyn Display, &dyn Display)) {
        write(&self.class.nodes[index], &1);
    }
}

/// The guest's seam, and all backends: they do something only when the guest waits and has told nothing since it waited last,
/// so that no answer of theirs is there by luck.
struct Backends {
    host: Host,
    class: Class,
    guest: Guest,
    xen: Hook,
    shared: SharedPage,
    port: Port,
    told: Cell<bool>,
}

impl Backends {
    fn new(host: &Host, class: Class) -> Self {
        let guest = host.guest();
        let (xen, shared) = (guest.hook(), guest.page());
        memory::map_shared_info(&xen, &shared).expect("a page of the guest");
        hvm::set_param(&xen, Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).expect("a vector");
        let port = Port(hvm::param(&xen, Param::STORE_EVTCHN).expect("a parameter") as u32);
        Self { host: host.clone(), class, guest, xen, shared, port, told: Cell::new(true) }
    }

    fn page(&self) -> SharedPage {
        self.guest.map(Gfn(hvm::param(&self.xen, Param::STORE_PFN).expect("a parameter")))
    }

    fn front(&self, id: impl Display) -> String {
        format!("device/{}/{id}", self.class.name)
    }

    /// A toolstack starts a guest when its backends wait; each is connected when it has seen the ring.
    fn work(&self) {
        let store = self.host.store();
        for id in store.list(&format!("device/{}", self.class.name)) {
            let front = self.front(id);
            let Some(back) = store.read(&format!("{front}/backend")) else { continue };
            let states = [&back, &front].map(|end| store.read(&format!("{end}/state")).unwrap_or_default());
            match states.each_ref().map(String::as_str) {
                ["1", _] => store.write(&format!("{back}/state"), "2"),
                ["2", "3" | "4"] if !self.told.get() => store.write(&format!("{back}/state"), "4"),
                _ => {}
            }
        }
    }
}

impl Link for Backends {
    fn notify(&self) {
        self.told.set(true);
        event_channel::send(&self.xen, self.port).expect("our port");
    }

    fn now(&self) -> Nanos {
        Nanos(self.guest.system_time().0)
    }

    fn wait(&self, deadline: Nanos) {
        self.work();
        self.told.set(false);
        sched::poll(&self.xen, &[self.port], Some(SystemTime(deadline.0))).expect("our port");
        let words = self.shared.u64s_at::<2048, 64>();
        words[self.port.0 as usize / 64].fetch_and(!(1 << (self.port.0 % 64)), Relaxed);
    }
}
