//! `cargo xtask miri`: the tests of the `no_std` crates under Miri, with strict provenance.

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::process::{Command, Stdio};

/// Arguments of `miri`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these crates.
    crates: Vec<String>,
    /// Fail where Miri is not installed, instead of saying so.
    #[arg(long)]
    require: bool,
}

/// The crates that touch memory, or whose tests do through the mock host.
const CRATES: [&str; 6] = ["xen-hypercall", "xen-evtchn", "xen-grant", "xen-ring", "xen-store", "xen-frontend"];

/// Pages of a guest live as long as the test's process, so leaks are none.
const FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-ignore-leaks -Zmiri-disable-isolation";

/// Random tests run so few cases, Miri being a thousand times slower than the processor.
const CASES: &str = "2";

/// Runs the tests.
pub(crate) fn run(args: &Args) -> Result<()> {
    if !installed() {
        if args.require {
            bail!("miri is not installed: rustup +nightly component add miri rust-src");
        }
        println!("skipped: needs a nightly toolchain with miri: rustup +nightly component add miri rust-src");
        return Ok(());
    }
    let crates: Vec<&str> = match args.crates.as_slice() {
        [] => CRATES.to_vec(),
        some => some.iter().map(String::as_str).collect(),
    };
    let mut command = Command::new("cargo");
    command.args(["+nightly", "miri", "test"]).args(crates.iter().flat_map(|name| ["-p", *name]));
    command.current_dir(workspace::root()?).env("MIRIFLAGS", FLAGS).env("PROPTEST_CASES", CASES);
    // The toolchain that runs this program would be the nightly one's too.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env("CARGO_TARGET_DIR", "target/miri");
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("miri failed");
    }
    println!("miri: {} crates passed", crates.len());
    Ok(())
}

/// Tells whether the nightly toolchain has Miri.
fn installed() -> bool {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "miri", "--version"]).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
