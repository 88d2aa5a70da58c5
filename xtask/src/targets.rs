//! `cargo xtask targets`: the `no_std` crates compile where nobody here runs them.

use crate::{shell, workspace};
use anyhow::{Result, bail};
use std::process::Command;

/// Arguments of `targets`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// A hosted driver's, a bare-metal one of x86, and one of an architecture that has no ready-made hook.
const TARGETS: [&str; 3] = ["x86_64-pc-windows-msvc", "x86_64-unknown-none", "aarch64-unknown-none"];
const CRATES: [&str; 7] =
    ["xen-hypercall", "xen-ring", "xen-evtchn", "xen-grant", "xen-store", "xen-suspend", "xen-frontend"];

/// Checks each crate for each target.
pub(crate) fn run(_: &Args) -> Result<()> {
    let crates = CRATES.iter().flat_map(|name| ["-p", *name]);
    for target in TARGETS {
        if let Err(error) = shell::need_target(target) {
            workspace::skipped(&format!("needs the target {target}: {:#}", error.root_cause()))?;
            continue;
        }
        check(crates.clone().chain(["--target", target]))?;
        check(["-p", "xen-suspend", "--no-default-features", "--target", target].into_iter())?;
        println!("targets: {} crates for {target}", CRATES.len());
    }
    Ok(())
}

fn check<'a>(words: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root()?).args(["check", "--quiet"]).args(words);
    if !cargo.status()?.success() {
        bail!("{cargo:?} failed");
    }
    Ok(())
}
