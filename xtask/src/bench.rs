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
    /// Reads by the xenstore client from the real daemons, beside libxenstore.
    Store(Daemons),
}

#[derive(Debug, clap::Args)]
struct Daemons {
    /// Fewer samples.
    #[arg(long)]
    quick: bool,
    /// Fail if a row is short of its target.
    #[arg(long)]
    strict: bool,
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
    let (name, How { quick, instructions, strict }) = match &args.what {
        What::Ring(how) => ("ring", how),
        What::Grant(how) => ("grant", how),
        What::Evtchn(how) => ("evtchn", how),
        What::Store(how) => return daemons(how),
    };
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
fn daemons(how: &Daemons) -> Result<()> {
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
