//! `cargo xtask loom`: every interleaving of every model, how many there are, and a twin of each that fails.
//!
//! `xen-explore` runs the models and compares with the floor of each; here the crates that have some are found, and what
//! was explored is put together. A model without a failing twin is itself a failure.

mod report;

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};
use report::Report;
use std::process::Command;
use std::time::Instant;

/// Arguments of `loom`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these crates.
    crates: Vec<String>,
}

/// The test target in which a crate has its models.
const TARGET: &str = "loom";
/// Where `xen-explore` looks for the name of the report's file.
const REPORT: &str = "LOOM_REPORT";
/// Would make loom explore less, or otherwise, than a model's floor is meant for.
const LIMITS: [&str; 5] =
    ["LOOM_MAX_PREEMPTIONS", "LOOM_MAX_PERMUTATIONS", "LOOM_MAX_DURATION", "LOOM_MAX_BRANCHES", "LOOM_CHECKPOINT_FILE"];

/// Runs the models and prints what they explored.
pub(crate) fn run(args: &Args) -> Result<()> {
    let begin = Instant::now();
    let metadata = MetadataCommand::new().current_dir(workspace::root()?).no_deps().exec()?;
    let crates = with_models(&metadata);
    if let Some(unknown) = args.crates.iter().find(|name| !crates.contains(name)) {
        bail!("{unknown} has no models; these have: {}", crates.join(", "));
    }
    let crates = if args.crates.is_empty() { crates } else { args.crates.clone() };
    if let Some(why) = missing()? {
        return workspace::skipped(&why);
    }
    let reports: Vec<Report> = crates.iter().map(|name| explore(name)).collect::<Result<_>>()?;
    let models: usize = reports.iter().map(|report| report.models.len()).sum();
    let twins: usize = reports.iter().map(|report| report.twins.len()).sum();
    let explored: u64 = reports.iter().map(Report::explored).sum();
    let seconds = begin.elapsed().as_secs_f64();
    println!("loom: {models} models hold in {explored} interleavings, {twins} twins fail as they must; {seconds:.0} s");
    Ok(())
}

fn with_models(metadata: &Metadata) -> Vec<String> {
    let packages = metadata
        .packages
        .iter()
        .filter(|package| package.targets.iter().any(|target| target.is_test() && target.name == TARGET));
    packages.map(|package| package.name.to_string()).collect()
}

/// What loom needs and this machine has not: the crate itself, which an ordinary build does without.
fn missing() -> Result<Option<String>> {
    let mut command = Command::new("cargo");
    let fetched = command.current_dir(workspace::root()?).args(["fetch", "--locked", "--quiet"]).output()?;
    let words = String::from_utf8_lossy(&fetched.stderr);
    Ok((!fetched.status.success()).then(|| format!("needs the crate loom: {}", words.trim_end())))
}

/// Runs the models of one crate and prints its part of the table.
fn explore(name: &str) -> Result<Report> {
    let file = tempfile::NamedTempFile::new()?;
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root()?).args(["test", "--release", "-p", name, "--test", TARGET, "--quiet"]);
    // A folder of its own, since another RUSTFLAGS builds everything anew.
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", "target/loom").env(REPORT, file.path());
    for limit in LIMITS {
        command.env_remove(limit);
    }
    let done = command.output().context("cargo does not start")?;
    if !done.status.success() {
        print!("{}", String::from_utf8_lossy(&done.stdout));
        eprint!("{}", String::from_utf8_lossy(&done.stderr));
        bail!("the models of {name} failed");
    }
    let report: Report = std::fs::read_to_string(file.path())?.parse()?;
    report.lines().for_each(|line| println!("{name:<14} {line}"));
    report.complete().with_context(|| format!("the models of {name}"))?;
    Ok(report)
}
