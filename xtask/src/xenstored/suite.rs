//! The suite of xenstore's clients on a daemon: over the socket and over the ring, and over either byte by byte.

use super::daemon::Daemon;
use super::domain::Domain;
use super::hands::Hands;
use anyhow::Result;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;
use xen_hypercall::DomId;
use xen_sim::store_suite::{Case, Drip, For, REQUESTS, Scene, Tap, Tested, WATCHES, Who, cases};
use xen_store::{Core, Link, Ring, Socket, Transport};

/// The first domain's number; each case has a domain of its own.
const FIRST: u16 = 1;

/// Plays all cases in all ways, and returns how many went wrong.
pub(super) fn run(daemon: &mut Daemon) -> Result<usize> {
    let mut missed = 0;
    let mut domain = FIRST;
    let mut next = || {
        domain += 1;
        DomId(domain)
    };
    missed += over("socket", daemon, over_socket)?;
    missed += over("socket, byte by byte", daemon, over_socket_drip)?;
    missed += over("ring", daemon, |daemon, case| over_ring(daemon, (next(), case)))?;
    missed += over("ring, byte by byte", daemon, |daemon, case| over_ring_drip(daemon, (next(), case)))?;
    Ok(missed)
}

/// Plays all cases in one way.
fn over(way: &str, daemon: &mut Daemon, mut one: impl FnMut(&Daemon, usize) -> Result<bool>) -> Result<usize> {
    let begin = Instant::now();
    let (mut went, mut missed) = (0, 0);
    for (number, case) in cases::<&Domain, Ring<'_>>().iter().enumerate() {
        let done = catch_unwind(AssertUnwindSafe(|| one(daemon, number)));
        daemon.check()?;
        match done {
            Ok(Ok(true)) => went += 1,
            Ok(Ok(false)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                println!("{}, {way}: {} FAILED", daemon.kind().word(), case.name);
                missed += 1;
            }
        }
    }
    println!("{}, {way}: {went} ok, {missed} failed, {:.1} s", daemon.kind().word(), begin.elapsed().as_secs_f64());
    Ok(missed)
}

fn over_socket(daemon: &Daemon, case: usize) -> Result<bool> {
    let mut core: Box<Core<REQUESTS, WATCHES>> = Box::new(Core::new());
    let mut socket = Socket::connect(daemon.socket())?;
    let store = Tested::on_socket(&mut socket, &mut core);
    play(daemon, (Who::Control, case), store)
}

fn over_socket_drip(daemon: &Daemon, case: usize) -> Result<bool> {
    let mut core: Box<Core<REQUESTS, WATCHES>> = Box::new(Core::new());
    let socket = Socket::connect(daemon.socket())?;
    let held = Cell::new(false);
    let store = Tested::over(Drip::new(&socket, &held), &mut core, Tap::new(&socket, &held));
    play(daemon, (Who::Control, case), store)
}

fn over_ring(daemon: &Daemon, (id, case): (DomId, usize)) -> Result<bool> {
    let (domain, _) = Hands::with_guest(daemon, id)?;
    let mut core: Box<Core<REQUESTS, WATCHES>> = Box::new(Core::new());
    let store = Tested::attach(domain.page(), &mut core, &domain)?;
    play(daemon, (Who::Guest(id), case), store)
}

fn over_ring_drip(daemon: &Daemon, (id, case): (DomId, usize)) -> Result<bool> {
    let (domain, _) = Hands::with_guest(daemon, id)?;
    let mut core: Box<Core<REQUESTS, WATCHES>> = Box::new(Core::new());
    let held = Cell::new(false);
    let ring = Ring::attach(domain.page()).map_err(xen_store::StoreError::Poisoned)?;
    let store = Tested::over(Drip::new(ring, &held), &mut core, Tap::new(&domain, &held));
    play(daemon, (Who::Guest(id), case), store)
}

/// Plays a case; `false` if it is not for such a client.
fn play<L: Link, T: Transport>(daemon: &Daemon, (who, case): (Who, usize), store: Tested<'_, L, T>) -> Result<bool> {
    let all = cases::<L, T>();
    let Case { audience, run, .. } = &all[case];
    if *audience == For::Guests && who == Who::Control {
        return Ok(false);
    }
    let far = Box::new(Hands::connect(&daemon.socket(), who.domain())?);
    let mut scene = Scene { store, who, server: daemon.server(), far };
    scene.prepare();
    run(&mut scene);
    Ok(true)
}
