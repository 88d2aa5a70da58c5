//! `cargo xtask miri`: the unit tests and those on the mock host under Miri, with strict provenance.
//!
//! Each test target of each crate is a part of its own, so that they can be spread over machines. A test that Miri leaves
//! out is listed with its reason.

mod part;
mod quick;

use crate::shard::Shard;
use crate::spent::Spent;
use crate::{shell, workspace};
use anyhow::{Context as _, Result, bail};
use cargo_metadata::MetadataCommand;
use part::{Part, Tally};
use std::process::{Command, Stdio};

/// Arguments of `miri`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these crates.
    crates: Vec<String>,
    /// Only a few tests, by which each file with unsafe code is reached that Miri can interpret.
    #[arg(long)]
    quick: bool,
    /// Only every n-th part, beginning with the i-th: `1/3`.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// Print the parts and run none.
    #[arg(long)]
    list: bool,
}

/// The crates that touch memory, or whose tests do through the mock host. Whole guests (`xen-sim`, `guest`) go through
/// the same code at length.
const CRATES: [&str; 8] =
    ["xen-hypercall", "xen-evtchn", "xen-grant", "xen-ring", "xen-store", "xen-suspend", "xen-frontend", "xen-mock"];

/// Pages of a guest live as long as the test's process, so leaks are none.
/// Orders of memory are for loom: here their emulation breaks down over words that are bytes to one and 64 bits to another.
const FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-ignore-leaks -Zmiri-disable-isolation \
    -Zmiri-disable-weak-memory-emulation";

/// Random tests run so few cases, Miri being a thousand times slower than the processor.
const CASES: &str = "2";

/// How to get what is missing, where the toolchain is there.
const NIGHTLY: [&str; 7] = ["toolchain", "install", "nightly", "--profile", "minimal", "--component", "miri,rust-src"];
/// The same for a nightly toolchain that is there.
const COMPONENTS: [&str; 6] = ["component", "add", "--toolchain", "nightly", "miri", "rust-src"];

/// Runs the tests.
pub(crate) fn run(args: &Args) -> Result<()> {
    let begin = Spent::now();
    let parts = parts(args)?;
    if args.list {
        parts.iter().for_each(|part| println!("{part}"));
        if args.quick {
            quick::print();
        }
        return Ok(());
    }
    if let Some(why) = missing() {
        // What CI cannot install is not to be had there.
        println!("skipped: {why}");
        return Ok(());
    }
    let mut sum = Tally::default();
    for part in &parts {
        sum.add(one(part)?);
    }
    let Tally { passed, ignored } = sum;
    if passed == 0 {
        bail!("not one test was run");
    }
    let spent = Spent::since(begin);
    println!("miri: {passed} tests in {} parts passed, {} left out; {spent}", parts.len(), ignored.len());
    Ok(())
}

/// Lists what is to be run.
fn parts(args: &Args) -> Result<Vec<Part>> {
    let wanted = |name: &str| args.crates.is_empty() || args.crates.iter().any(|only| only == name);
    if let Some(unknown) = args.crates.iter().find(|name| !CRATES.contains(&name.as_str())) {
        bail!("{unknown} is not run by Miri; these are: {}", CRATES.join(", "));
    }
    let metadata = MetadataCommand::new().current_dir(workspace::root()?).no_deps().exec()?;
    let package = |name: &&str| metadata.packages.iter().find(|package| package.name.as_str() == *name);
    let packages = CRATES.iter().filter(|name| wanted(name)).filter_map(package);
    let parts = packages.flat_map(Part::of).filter_map(|part| if args.quick { part.quick() } else { Some(part) });
    Ok(args.shard.of(parts).collect())
}

/// Runs a part and says how it went.
fn one(part: &Part) -> Result<Tally> {
    let begin = Spent::now();
    let mut command = miri(&["test", "-p"]);
    command.args(part.words()).current_dir(workspace::root()?).env("MIRIFLAGS", FLAGS);
    command.env("PROPTEST_CASES", CASES).env("CARGO_TARGET_DIR", "target/miri").stderr(Stdio::piped());
    let done = command.output().context("cargo does not start")?;
    let said = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        print!("{said}");
        eprint!("{}", String::from_utf8_lossy(&done.stderr));
        bail!("miri failed: {part}");
    }
    let tally = part.tally(&said).with_context(|| format!("{part}"))?;
    let name = part.to_string();
    println!("{name:<32} {:>4} passed, {}", tally.passed, Spent::since(begin));
    tally.ignored.iter().for_each(|test| println!("  left out: {test}"));
    Ok(tally)
}

/// Tells what is missing to run Miri; where CI can install it, it does.
fn missing() -> Option<String> {
    if installed() {
        return None;
    }
    let advice = format!("needs a nightly toolchain with miri: rustup {}", NIGHTLY.join(" "));
    if !workspace::ci() {
        return Some(advice);
    }
    let rustup = |words: &[&str]| shell::output(Command::new("rustup").args(words));
    let tried = rustup(&COMPONENTS).or_else(|_| rustup(&NIGHTLY));
    tried.err().map(|error| format!("{advice} ({error:#})")).or_else(|| (!installed()).then_some(advice))
}

fn installed() -> bool {
    miri(&["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Miri of the nightly toolchain: the one that runs this program shall not be taken for it.
fn miri(words: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "miri"]).args(words).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}
