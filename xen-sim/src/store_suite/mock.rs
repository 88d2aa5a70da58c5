//! The suite's guest on the mock host.

use std::cell::Cell;
use std::sync::atomic::Ordering::Relaxed;

use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::{event_channel, memory, sched};
use xen_hypercall::{DomId, Gfn, Nanos, Port, SharedPage, SystemTime};
use xen_mock::{Access, Guest, Hook, Host, Permission};
use xen_store::{Core, Link, Ring, Transport};

use super::{Drip, FarEnd, Said, Scene, Server, Step, Tap, Tested, Who, cases, replay};

/// The port of the store, polled.
#[derive(Debug)]
pub(super) struct StorePort {
    guest: Guest,
    xen: Hook,
    shared: SharedPage,
    port: Port,
}

impl StorePort {
    /// Finds port and page.
    pub(super) fn open(host: &Host) -> (Self, SharedPage) {
        let guest = host.guest();
        let xen = guest.hook();
        let shared = guest.page();
        memory::map_shared_info(&xen, &shared).unwrap();
        let page = guest.map(Gfn(hvm::param(&xen, Param::STORE_PFN).unwrap()));
        let port = Port(hvm::param(&xen, Param::STORE_EVTCHN).unwrap().try_into().unwrap());
        (Self { guest, xen, shared, port }, page)
    }
}

impl Link for StorePort {
    fn notify(&self) {
        event_channel::send(&self.xen, self.port).unwrap();
    }

    fn now(&self) -> Nanos {
        Nanos(self.guest.system_time().0)
    }

    fn wait(&self, deadline: Nanos) {
        sched::poll(&self.xen, &[self.port], Some(SystemTime(deadline.0))).unwrap();
        let words = self.shared.u64s_at::<2048, 64>();
        words[self.port.0 as usize / 64].fetch_and(!(1 << (self.port.0 % 64)), Relaxed);
    }
}

struct Hands(Host);

impl FarEnd for Hands {
    fn write(&mut self, path: &str, value: &[u8]) {
        self.0.store().write(path, value);
    }

    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        self.0.store().read_bytes(path)
    }

    fn remove(&mut self, path: &str) {
        self.0.store().remove(path);
    }

    fn permissions(&mut self, path: &str) -> Vec<String> {
        let letter = |access| match access {
            Access::None => 'n',
            Access::Read => 'r',
            Access::Write => 'w',
            Access::Both => 'b',
        };
        let all = self.0.store().permissions(path);
        all.iter().map(|entry| format!("{}{}", letter(entry.access), entry.domain)).collect()
    }

    fn set_permissions(&mut self, path: &str, entries: &[String]) {
        let access = |entry: &str| match entry.chars().next() {
            Some('r') => Access::Read,
            Some('w') => Access::Write,
            Some('b') => Access::Both,
            _ => Access::None,
        };
        let parse = |entry: &String| Permission { domain: DomId(entry[1..].parse().unwrap()), access: access(entry) };
        self.0.store().set_permissions(path, &entries.iter().map(parse).collect::<Vec<_>>());
    }
}

fn play<L: Link, T: Transport>(host: &Host, name: &str, store: Tested<'_, L, T>) {
    let who = Who::Guest(host.guest().domid());
    let mut scene = Scene { store, who, server: Server::Mock, far: Box::new(Hands(host.clone())) };
    scene.prepare();
    let cases = cases::<L, T>();
    let case = cases.iter().find(|case| case.name == name).expect("a case of this name");
    (case.run)(&mut scene);
    host.check().unwrap_or_else(|violations| panic!("{name}: {violations:?}"));
}

/// Plays the case of this name on a mock host of its own: as it is, and byte by byte.
///
/// # Panics
/// If the case fails, or there is none of this name.
pub fn on_mock(name: &str) {
    let host = Host::builder().build();
    let (link, page) = StorePort::open(&host);
    let mut core = Box::new(Core::new());
    play(&host, name, Tested::attach(&page, &mut core, &link).unwrap());

    let host = Host::builder().build();
    let (link, page) = StorePort::open(&host);
    let (mut core, held) = (Box::new(Core::new()), Cell::new(false));
    let ring = Ring::attach(&page).unwrap();
    play(&host, name, Tested::over(Drip::new(ring, &held), &mut core, Tap::new(&link, &held)));
}

/// Does a script's steps on a mock host of its own, which counts as `server` does, and returns what came of each.
///
/// # Panics
/// If an answer does not come.
#[must_use]
pub fn said_by_mock(server: Server, steps: &[Step]) -> Vec<Said> {
    let host = Host::builder().quotas(server.quotas()).build();
    let (link, page) = StorePort::open(&host);
    let mut core = Box::new(Core::new());
    let store = Tested::attach(&page, &mut core, &link).unwrap();
    let who = Who::Guest(host.guest().domid());
    let mut scene = Scene { store, who, server: Server::Mock, far: Box::new(Hands(host.clone())) };
    scene.prepare();
    let said = replay(&mut scene, steps);
    steps.iter().zip(said).map(|(step, said)| said.of(server, step)).collect()
}
