//! `cargo xtask bench`: the crates' speed beside others', measured in one run.
//!
//! The package `xen-benches` measures and judges; here it is built and started.

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use std::process::Command;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The rings, beside the C macros of Xen's public headers.
    Ring(How),
    /// Grants, beside references in a list under a lock.
    Grant(How),
    /// The dispatch of events, beside the usual way in C.
    Evtchn(How),
    /// The xenstore client: its codec beside one in C, devices that connect, and reads from the real daemons beside libxenstore.
    Store(How),
}

#[derive(Debug, clap::Args)]
struct How {
    /// Fewer samples.
    #[arg(long)]
    quick: bool,
    /// Count instructions under callgrind, and measure no time.
    #[arg(long)]
    instructions: bool,
    /// Fail if a row is short of its target.
    #[arg(long)]
    strict: bool,
}

/// Measures, prints a row a line, and draws the ratios.
pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Ring(how) => beside("ring", how),
        What::Grant(how) => beside("grant", how),
        What::Evtchn(how) => beside("evtchn", how),
        What::Store(how) => {
            beside("store", how)?;
            if how.instructions { Ok(()) } else { daemons(how) }
        }
    }
}

/// Measures one crate beside C.
fn beside(name: &str, How { quick, instructions, strict }: &How) -> Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root()?);
    // As seen from the workspace's root.
    let plot = format!("target/bench/{name}.svg");
    command.args(["run", "--release", "--quiet", "-p", "xen-benches", "--", name, "--plot", &plot]);
    for (given, word) in [(quick, "--quick"), (instructions, "--instructions"), (strict, "--strict")] {
        command.args(given.then_some(word));
    }
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Measures with the rig of the daemons, built for speed.
fn daemons(how: &How) -> Result<()> {
    let samples = if how.quick { "15" } else { "100" };
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root()?);
    command.args(["run", "--release", "--quiet", "-p", "xtask", "--", "xenstored", "--speed", samples]);
    let status = command.args(how.strict.then_some("--strict")).status().context("cargo does not start")?;
    if !status.success() {
        bail!("store: {status}");
    }
    Ok(())
}
