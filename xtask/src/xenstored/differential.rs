//! Random requests to the mock host's server and to the daemon in C: the same answers, and the same events.

use super::daemon::Daemon;
use super::hands::Hands;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use xen_hypercall::DomId;
use xen_sim::store_suite::{Said, Scene, Step, Tested, Who, replay, said_by_mock, script};
use xen_store::Core;

/// The guest's number, which is that of the mock host's.
const GUEST: DomId = DomId(1);
/// `XS_RELEASE`.
const RELEASE: u32 = 9;
/// Steps of a script.
const STEPS: usize = 40;

/// Plays so many scripts, from a seed on.
pub(super) fn run(daemon: &Daemon, (seed, scripts): (u64, u64)) -> Result<()> {
    for seed in seed..seed + scripts {
        let steps = script(seed, STEPS, GUEST);
        if differs(daemon, &steps)? {
            bail!("seed {seed}\n{}", told(daemon, &shrink(daemon, steps)?)?);
        }
    }
    Ok(())
}

fn differs(daemon: &Daemon, steps: &[Step]) -> Result<bool> {
    Ok(said_by_mock(daemon.server(), steps) != said_by(daemon, steps)?)
}

/// Leaves away what is not needed for a difference.
fn shrink(daemon: &Daemon, mut steps: Vec<Step>) -> Result<Vec<Step>> {
    for at in (0..steps.len()).rev() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        if differs(daemon, &fewer)? {
            steps = fewer;
        }
    }
    Ok(steps)
}

fn told(daemon: &Daemon, steps: &[Step]) -> Result<String> {
    let mut text = String::new();
    let said = said_by_mock(daemon.server(), steps).into_iter().zip(said_by(daemon, steps)?);
    for (step, (mock, real)) in steps.iter().zip(said) {
        let verdict = if mock == real { "" } else { "  <-- differs" };
        writeln!(text, "  {step:?}\n    mock {mock:?}\n    real {real:?}{verdict}")?;
    }
    Ok(text)
}

/// Does a script's steps as a guest of the daemon's that is new.
fn said_by(daemon: &Daemon, steps: &[Step]) -> Result<Vec<Said>> {
    let (domain, mut hands) = Hands::with_guest(daemon, GUEST)?;
    let mut core = Box::new(Core::new());
    let store = Tested::attach(domain.page(), &mut core, &domain)?;
    let far = Box::new(Hands::connect(&daemon.socket(), GUEST)?);
    let mut scene = Scene { store, who: Who::Guest(GUEST), server: daemon.server(), far };
    scene.prepare();
    let said = replay(&mut scene, steps);
    // Its number is to be used again at once.
    let released = hands.ask(RELEASE, format!("{GUEST}\0").as_bytes());
    released.map_err(anyhow::Error::msg)?;
    Ok(said)
}
