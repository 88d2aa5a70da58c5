//! `cargo xtask xenstored`: the real daemons as ordinary processes, without Xen, in the hands of our client.

mod binaries;
mod daemon;
mod domain;
mod hands;
mod outage;
mod suite;
mod tools;

use crate::workspace;
use crate::xen::plan;
use anyhow::{Result, bail};
use binaries::Binaries;
use daemon::Daemon;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Arguments of `xenstored`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which daemon, `c` or `ocaml`; both if none is named.
    #[arg(value_name = "DAEMON")]
    daemons: Vec<plan::Daemon>,
    /// Fewer rounds of what is random.
    #[arg(long)]
    quick: bool,
}

/// Runs everything on each daemon.
pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(lacking) = binaries::lacking() {
        return workspace::skipped(&lacking);
    }
    let cache = workspace::root()?.join("target").join("xen");
    std::fs::create_dir_all(&cache)?;
    let binaries = Binaries::prepare(&cache)?;
    println!("xenstored: the daemons of Xen {}", binaries.version());
    let all = [plan::Daemon::C, plan::Daemon::Ocaml];
    let kinds = if args.daemons.is_empty() { &all[..] } else { &args.daemons };
    let mut missed = 0;
    for kind in kinds {
        missed += on(*kind, &binaries)?;
    }
    if missed > 0 {
        bail!("{missed} missed");
    }
    Ok(())
}

/// What is checked beside the suite.
const CHECKS: &[(&str, Check)] = &[
    ("xenstore-… of the command line", tools::run),
    ("killed and started again, over the socket", outage::over_socket),
    ("killed and started again, over the ring", outage::over_ring),
];

type Check = fn(&mut Daemon) -> Result<()>;

/// Makes one check, and returns 1 if it was missed.
fn one(daemon: &mut Daemon, (name, check): (&str, Check)) -> Result<usize> {
    let begin = Instant::now();
    let word = daemon.kind().word();
    let done = catch_unwind(AssertUnwindSafe(|| check(daemon)));
    let missed = match done {
        Ok(Ok(())) => {
            println!("{word}, {name}: ok, {:.1} s", begin.elapsed().as_secs_f64());
            return Ok(0);
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "a panic".into(),
    };
    println!("{word}, {name}: FAILED: {missed}");
    daemon.start_again()?;
    Ok(1)
}

/// Runs everything on one daemon, and returns how much was missed.
fn on(kind: plan::Daemon, binaries: &Binaries) -> Result<usize> {
    let begin = Instant::now();
    let mut daemon = Daemon::start(kind, binaries)?;
    println!("{}: up in {} ms", kind.word(), begin.elapsed().as_millis());
    let mut missed = suite::run(&mut daemon)?;
    for (name, check) in CHECKS {
        missed += one(&mut daemon, (name, *check))?;
    }
    println!("{}: {:.1} s in all", kind.word(), begin.elapsed().as_secs_f64());
    Ok(missed)
}
