//! A guest that breaks its own ring: what the daemon says of it, and how the connection is mended.

use super::daemon::Daemon;
use super::hands::Hands;
use crate::xen::plan;
use anyhow::{Result, ensure};
use std::sync::atomic::Ordering;
use xen_hypercall::{DomId, Nanos};
use xen_store::{Core, Fault, Features, Link as _, Nodes as _, Path, Store, StoreError};

/// The guest's number.
const GUEST: DomId = DomId(901);
const NODE: Path<'_> = Path::literal("domid");
/// Where the index of requests lies in the page.
const REQ_PROD: usize = 2052;
/// Where the daemon in C says why it stopped.
const ERROR: usize = 2072;

/// The daemon in C says why it stopped. The one in OCaml says nothing, and offers to connect rings anew, but not to who has
/// broken one. Either way there is an error in time, and the toolstack is to introduce the domain anew.
pub(super) fn run(daemon: &mut Daemon) -> Result<()> {
    let (domain, _) = Hands::with_guest(daemon, GUEST)?;
    let mut core: Box<Core<4, 4>> = Box::new(Core::new());
    let mut store = Store::attach(domain.page(), &mut core, &domain)?;
    let offered = store.core().features();
    store.watch(Path::literal("@introduceDomain"))?;
    domain.page().u32_at::<REQ_PROD>().store(0x4000_0000, Ordering::Release);
    domain.notify();
    // Not before the daemon has seen it: the next request mends the index.
    let seen = domain.now().after(Nanos::from_millis(500));
    while domain.page().u32_at::<ERROR>().load(Ordering::Acquire) == 0 && domain.now() < seen {
        domain.wait(seen.min(domain.now().after(Nanos::from_millis(10))));
    }
    store.set_patience(Nanos::from_millis(300));
    let said = store.read(NODE, &mut [0; 8]).map(drop);
    store.set_patience(Nanos::from_secs(5));
    let deadline = domain.now().after(Nanos::from_millis(300));
    let asked = store.reconnect(deadline);
    let expected = match daemon.kind() {
        plan::Daemon::C => (
            Features::empty(),
            StoreError::Poisoned(Fault::ServerClosed(2)),
            StoreError::NotOffered(Features::RECONNECTION),
        ),
        plan::Daemon::Ocaml => (Features::RECONNECTION, StoreError::TimedOut, StoreError::TimedOut),
    };
    ensure!(offered == expected.0, "offered are {offered:?}");
    ensure!(said == Err(expected.1), "said was {said:?}");
    ensure!(asked == Err(expected.2), "asked to reconnect: {asked:?}");
    Ok(())
}
