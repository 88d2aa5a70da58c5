//! A daemon that is killed amid a request and started anew, with nothing in its store.

use super::daemon::Daemon;
use super::domain::Domain;
use super::hands::Hands;
use crate::xen::plan;
use anyhow::{Context as _, Result, bail, ensure};
use xen_hypercall::{DomId, Nanos};
use xen_store::{
    Core, Fault, Link, Nodes as _, Path, Place, Request, Socket, SocketStore, Store, StoreError, Ticket, Transport,
    WatchId,
};

/// The guest's number.
const GUEST: DomId = DomId(900);
/// The node that is watched, below the home of either client.
const NODE: Path<'_> = Path::literal("outage/node");

type Client<'a, L, T> = Store<'a, L, 4, 4, T>;

/// Over the socket: it is closed, which one error says, and the next daemon is told of the watches.
pub(super) fn over_socket(daemon: &mut Daemon) -> Result<()> {
    let mut core = Box::new(Core::new());
    let mut socket = Socket::connect(daemon.socket())?;
    let mut store: SocketStore<'_, 4, 4> = SocketStore::on_socket(&mut socket, &mut core);
    let watch = watched(&mut store)?;
    let ticket = asked_in_vain(&mut store, daemon)?;
    let gone = Err(StoreError::Poisoned(Fault::Closed));
    ensure!(store.wait_for(ticket).map(drop) == gone, "the request under way");
    ensure!(store.write(NODE, b"") == gone, "the next one");
    ensure!(store.reconnect().is_err(), "nobody listens");
    daemon.start_again()?;
    store.reconnect()?;
    goes_on(&mut store, watch)
}

/// Over the ring: no answer comes. Told of the guest, the next daemon in C empties the rings, which is found out; the one in
/// OCaml goes on from where they are, serves what lies in them, and connects them anew if it is asked to.
pub(super) fn over_ring(daemon: &mut Daemon) -> Result<()> {
    let domain = Domain::new(GUEST, daemon.folder())?;
    introduce(daemon)?;
    let mut core = Box::new(Core::new());
    let mut store = Client::attach(domain.page(), &mut core, &domain)?;
    let watch = watched(&mut store)?;
    let ticket = asked_in_vain(&mut store, daemon)?;
    store.set_patience(Nanos::from_millis(50));
    ensure!(store.wait_for(ticket).map(drop) == Err(StoreError::TimedOut), "the request under way");
    ensure!(store.write(NODE, b"") == Err(StoreError::TimedOut), "the next one");
    store.set_patience(Nanos::from_secs(5));
    daemon.start_again()?;
    introduce(daemon)?;
    match (daemon.kind(), store.write(NODE, b"")) {
        (plan::Daemon::C, Err(StoreError::Poisoned(Fault::Ring(_)))) => store.rebuild(domain.page())?,
        (plan::Daemon::Ocaml, Ok(())) => {
            store.rm(NODE)?;
            let deadline = store.link().now().after(Nanos::from_secs(5));
            store.reconnect(deadline)?;
        }
        (_, other) => bail!("{other:?}"),
    }
    goes_on(&mut store, watch)
}

fn introduce(daemon: &Daemon) -> Result<()> {
    let mut hands = Hands::connect(&daemon.socket(), GUEST)?;
    hands.introduce(GUEST)?;
    hands.give(GUEST, "outage", b"");
    Ok(())
}

/// Has a node and a watch on it.
fn watched<L: Link, T: Transport>(store: &mut Client<'_, L, T>) -> Result<WatchId> {
    store.write(NODE, b"before")?;
    let watch = store.watch(NODE)?;
    told(store, watch)?;
    Ok(watch)
}

/// Asks something of a daemon that stands still, and kills that.
fn asked_in_vain<L: Link, T: Transport>(store: &mut Client<'_, L, T>, daemon: &mut Daemon) -> Result<Ticket> {
    daemon.freeze()?;
    let ticket = store.core().submit(Request::Read(NODE), None)?;
    store.pump()?;
    daemon.kill()?;
    Ok(ticket)
}

/// All works on the new connection, the watch from before included.
fn goes_on<L: Link, T: Transport>(store: &mut Client<'_, L, T>, watch: WatchId) -> Result<()> {
    let deadline = store.link().now().after(Nanos::from_secs(5));
    store.reregister(deadline)?;
    told(store, watch)?;
    ensure!(store.read(NODE, &mut [0; 8]).is_err(), "the store is a new one");
    store.write(NODE, b"after")?;
    told(store, watch)?;
    let mut buffer = [0; 8];
    let value = store.read(NODE, &mut buffer)?;
    ensure!(value == b"after", "the value is {}", value.escape_ascii());
    Ok(())
}

/// Waits for an event of the watch.
fn told<L: Link, T: Transport>(store: &mut Client<'_, L, T>, watch: WatchId) -> Result<()> {
    let deadline = store.link().now().after(Nanos::from_secs(5));
    let event = store.wait_event(deadline)?.context("no event")?;
    ensure!(event.watch == watch && event.place == Place::Itself, "{event:?}");
    Ok(())
}
