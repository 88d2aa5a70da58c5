//! Domains that come and go, and a client that comes where another one was.

use super::daemon::Daemon;
use super::hands::Hands;
use anyhow::{Context as _, Result, ensure};
use xen_hypercall::{DomId, Nanos};
use xen_sim::store_suite::FarEnd as _;
use xen_store::{Core, Link, Nodes as _, Path, Place, Request, Socket, SocketStore, Special, Store, WatchId};

/// The guest's number.
const GUEST: DomId = DomId(902);
const NODE: Path<'_> = Path::literal("comings/node");

/// The control domain is told of each domain that comes, and of each that goes.
pub(super) fn of_domains(daemon: &mut Daemon) -> Result<()> {
    let mut core = Box::new(Core::new());
    let mut socket = Socket::connect(daemon.socket())?;
    let mut store: SocketStore<'_, 4, 4> = SocketStore::on_socket(&mut socket, &mut core);
    let introduced = store.watch(Special::Introduced(None).path().as_path())?;
    let released = store.watch(Special::Released(None).path().as_path())?;
    let mut told = |watch: WatchId| {
        let deadline = store.link().now().after(Nanos::from_secs(5));
        let event = store.wait_event(deadline)?.context("no event")?;
        ensure!(event.watch == watch && event.place == Place::Itself, "{event:?}");
        Ok(())
    };
    told(introduced)?;
    told(released)?;
    let (domain, _) = Hands::with_guest(daemon, GUEST)?;
    told(introduced)?;
    drop(domain);
    told(released)
}

/// A guest's kernel follows its firmware on the same ring: what that left under way and watched does no harm.
pub(super) fn of_clients(daemon: &mut Daemon) -> Result<()> {
    let (domain, mut hands) = Hands::with_guest(daemon, GUEST)?;
    hands.give(GUEST, "comings/node", b"before");
    let mut first = Box::new(Core::<4, 4>::new());
    let mut firmware = Store::attach(domain.page(), &mut first, &domain)?;
    firmware.watch(NODE)?;
    let unanswered = firmware.core().submit(Request::Read(NODE), None)?;
    firmware.pump()?;
    drop((firmware, unanswered));

    let mut second = Box::new(Core::<4, 4>::new());
    let mut kernel = Store::attach(domain.page(), &mut second, &domain)?;
    kernel.reset()?;
    let mut buffer = [0; 16];
    ensure!(kernel.read(NODE, &mut buffer)? == b"before", "the value");
    hands.write("comings/node", b"after");
    kernel.read(NODE, &mut buffer)?;
    ensure!(kernel.poll_event()?.is_none(), "an event for nobody");
    let watch = kernel.watch(NODE)?;
    let deadline = domain.now().after(Nanos::from_secs(5));
    ensure!(kernel.wait_event(deadline)?.map(|event| event.watch) == Some(watch), "the new watch");
    Ok(())
}
