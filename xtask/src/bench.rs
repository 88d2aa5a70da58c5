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
    Ring(Ring),
}

#[derive(Debug, clap::Args)]
struct Ring {
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

/// Where the ratios are drawn, as seen from the workspace's root.
const PLOT: &str = "target/bench/ring.svg";

/// Measures, prints a row a line, and draws the ratios.
pub(crate) fn run(args: &Args) -> Result<()> {
    let What::Ring(Ring { quick, instructions, strict }) = &args.what;
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root()?);
    command.args(["run", "--release", "--quiet", "-p", "xen-benches", "--bin", "ring", "--", "--plot", PLOT]);
    for (given, word) in [(quick, "--quick"), (instructions, "--instructions"), (strict, "--strict")] {
        command.args(given.then_some(word));
    }
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("the rings: {status}");
    }
    Ok(())
}
