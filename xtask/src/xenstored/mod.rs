//! `cargo xtask xenstored`: the real daemons as ordinary processes, without Xen, in the hands of our client.

mod binaries;
mod daemon;
mod domain;
mod hands;
mod suite;

use crate::workspace;
use crate::xen::plan;
use anyhow::{Result, bail};
use binaries::Binaries;
use daemon::Daemon;
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

/// Runs everything on one daemon, and returns how much was missed.
fn on(kind: plan::Daemon, binaries: &Binaries) -> Result<usize> {
    let begin = Instant::now();
    let mut daemon = Daemon::start(kind, binaries)?;
    println!("{}: up in {} ms", kind.word(), begin.elapsed().as_millis());
    let missed = suite::run(&mut daemon)?;
    println!("{}: {:.1} s in all", kind.word(), begin.elapsed().as_secs_f64());
    Ok(missed)
}
