//! `cargo xtask xen`: the guest's lifecycles on a real Xen, without root and without virtualisation hardware.

mod archive;
mod board;
mod boot;
mod census;
mod console;
mod disk;
mod image;
mod in_place;
mod kernel;
mod libraries;
mod machine;
mod modules;
mod packages;
mod plan;
mod progress;
mod protocol;
mod script;
mod soak;
mod trouble;
mod verdict;

use crate::{guest_bin, mock_host, workspace};
use anyhow::{Context as _, Result, bail};
use boot::Boot;
use guest::lifecycle::{self, Lifecycle};
use plan::{Daemon, Extent, Lane};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use verdict::Verdict;

/// Arguments of `xen`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Lifecycles to run, or `soak`; all lifecycles if none is named.
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Leave out what waits for the toolstack's patience more than once, and soak for 3 rounds only.
    #[arg(long)]
    quick: bool,
    /// Rounds of `soak`, 30 unless it is quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Run everything so many times, each time in a fresh machine; stop at the first miss.
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: u32,
    /// Run so many lifecycles beside each other, not counting those that mostly wait.
    #[arg(long, default_value_t = 1, value_name = "N")]
    jobs: u32,
    /// Run everything with each of these xenstore daemons, `c` or `ocaml`.
    #[arg(long, value_delimiter = ',', default_value = "c", value_name = "DAEMON")]
    xenstored: Vec<Daemon>,
    /// Virtual processors of the machine. More than one is no faster, and guests have been seen to die of it.
    #[arg(long, default_value_t = 1, value_name = "N")]
    smp: u32,
    /// Boot this hypervisor (gzip or ELF) instead of the packaged one, to whose toolstack it must fit.
    #[arg(long, value_name = "PATH")]
    xen: Option<PathBuf>,
    /// Boot this kernel (bzImage or ELF) in dom0 instead of the packaged one.
    #[arg(long, value_name = "PATH")]
    dom0_kernel: Option<PathBuf>,
    /// Take dom0's modules from here, for a kernel of your own that has Xen's drivers as modules.
    #[arg(long, value_name = "DIR")]
    dom0_modules: Option<PathBuf>,
    /// Fetch the packages anew.
    #[arg(long)]
    update: bool,
    /// Run this PVH binary instead of building the guest.
    #[arg(long, value_name = "PATH", hide = true)]
    guest_elf: Option<PathBuf>,
}

/// Runs the selected lifecycles and fails on any miss.
pub(crate) fn run(args: &Args) -> Result<()> {
    machine::require()?;
    let mut jobs = jobs(args)?;
    let guest = match &args.guest_elf {
        Some(path) => path.clone(),
        None => guest_bin::build()?,
    };
    let cache = workspace::root()?.join("target").join("xen");
    fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("lock"))?;
    lock.try_lock().context("another `cargo xtask xen` runs in this workspace")?;
    let image = image::prepare(&cache, args)?;
    in_place::excuse(&mut jobs, &image)?;
    let logs = cache.join("logs");
    let _ = fs::remove_dir_all(&logs);
    let (lanes, cpus) = (args.jobs, args.smp);
    let boot = |store, logs| Boot { image: &image, guest: &guest, jobs: &jobs, lanes, cpus, store, logs };
    for round in 1..=args.repeat {
        for &store in &args.xenstored {
            println!("round {round} of {}, xenstored: {}", args.repeat, store.word());
            once(&boot(store, logs.join(format!("{}-{round}", store.word()))))?;
        }
    }
    Ok(())
}

/// What runs, and in which lane.
fn jobs(args: &Args) -> Result<Vec<(Lifecycle, Lane)>> {
    let extent = if args.quick { Extent::Quick } else { Extent::Full };
    let mut table = lifecycle::ALL.to_vec();
    // Only when it is named: its time is its own.
    if args.cases.iter().any(|name| name == soak::NAME) {
        table.push(soak::lifecycle(soak::rounds(args.rounds, extent)));
    }
    let chosen = plan::select(&table, &args.cases)?;
    Ok(chosen.into_iter().map(|lifecycle| (lifecycle, plan::lane(&lifecycle, extent))).collect())
}

/// One boot, its table, and what went wrong.
fn once(boot: &Boot<'_>) -> Result<()> {
    let on_xen = boot.jobs.iter().any(|(_, lane)| !matches!(lane, Lane::Skipped(_)));
    let board = if on_xen { boot.run()? } else { board::Board::new(&[]) };
    let verdict = Verdict::new(boot.jobs, &board, Some(mock_host::run));
    let mut misses = verdict.misses();
    misses.extend(census::tell(boot.jobs, &board));
    if !misses.is_empty() {
        trouble::tell(&board, &boot.logs);
    }
    println!("{}", verdict.table());
    println!("logs: {}", workspace::relative(&boot.logs).display());
    finish(&misses, &boot.logs)
}

fn finish(misses: &[String], logs: &Path) -> Result<()> {
    if misses.is_empty() {
        return Ok(());
    }
    let logs = workspace::relative(logs);
    bail!("{} missed:\n  {}\nlogs: {}", misses.len(), misses.join("\n  "), logs.display());
}
