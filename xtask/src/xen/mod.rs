//! `cargo xtask xen`: the guest's lifecycles on a real Xen, without root and without virtualisation hardware.

mod apart;
pub(crate) mod apt;
mod archive;
mod board;
mod boot;
mod cases;
mod census;
mod console;
mod cross;
mod device_model;
mod devices;
pub(crate) mod disk;
pub(crate) mod image;
mod in_place;
mod kernel;
pub(crate) mod libraries;
mod machine;
mod modules;
pub(crate) mod packages;
pub(crate) mod plan;
mod progress;
mod protocol;
pub(crate) mod release;
mod ring;
mod script;
mod soak;
mod store;
mod table;
mod together;
mod toy;
mod trouble;
pub(crate) mod variant;
mod verdict;

use crate::{guest_bin, mock_host, workspace};
use anyhow::{Context as _, Result, bail};
use board::Board;
use boot::Boot;
use guest::lifecycle;
use image::{DeviceModel, Image};
use plan::{Daemon, Extent, Job};
use release::Release;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use variant::{Abi, Kind, Variant};
use verdict::{Played, Verdict};

/// Arguments of `xen`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Lifecycles to run; all but `soak`, `ring`, `store`, `grant`, `evtchn`, `toy-kernel` and `async-guest` if none is named. The
    /// last two are kernels of their own, each played by itself, as a PVH guest.
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Play each lifecycle in fewer variants, leave out what waits for the toolstack's patience more than once, and play
    /// `soak`, `ring`, `store`, `grant`, `evtchn`, `toy-kernel` and `async-guest` for 3 rounds only.
    #[arg(long)]
    quick: bool,
    /// Play the lifecycles in guests of these kinds, by default `pvh,hvm`; `soak` and `ring` in one of them, `store`, `grant`
    /// and `evtchn` in `pvh` by default.
    #[arg(long, value_delimiter = ',', value_name = "KIND", global = true)]
    kind: Vec<Kind>,
    /// Play the lifecycles in guests with these numbers of virtual processors, by default `1,2,8`; `soak` and `ring` with 2,
    /// if it is among them; `grant` and `evtchn` by default with `1,2,4`, or `1,2` where it is quick, `store` with `1,2` or 1.
    #[arg(long, value_delimiter = ',', value_name = "N", global = true)]
    vcpus: Vec<u32>,
    /// Have the guests of the first daemon use the first of these ABIs of event channels, those of the next one the next:
    /// `fifo` (queues, what a guest chooses) or `2l` (bitmaps); `evtchn` plays both in any case.
    #[arg(long, value_delimiter = ',', default_value = "fifo,2l", value_name = "ABI", global = true)]
    evtchn: Vec<Abi>,
    /// Rounds of `soak`, 30 unless it is quick, or of `ring`, `store`, `grant`, `evtchn`,
    /// `toy-kernel` and `async-guest`, 10 unless it is quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Run everything so many times, each time in a fresh machine; stop after a round with a miss.
    #[arg(long, default_value_t = 1, value_name = "N")]
    repeat: u32,
    /// Run so many lifecycles beside each other, not counting those that mostly wait.
    #[arg(long, default_value_t = 1, value_name = "N")]
    jobs: u32,
    /// Run everything with each of these xenstore daemons, `c` or `ocaml`.
    #[arg(long, value_delimiter = ',', default_value = "c,ocaml", value_name = "DAEMON", global = true)]
    xenstored: Vec<Daemon>,
    /// Run everything with the Xen of each of these releases: `own` (the system's), or another suite of the archive
    /// that the system comes from, such as `trixie`. `cross` goes from each to the next.
    #[arg(long, value_delimiter = ',', value_name = "SUITE", global = true)]
    release: Vec<Release>,
    /// Processors of the emulated machine. With more than one, they share a thread of the emulator, and guests have the
    /// native time stamp counter: without either, guests have been seen to die.
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
    #[arg(long, global = true)]
    update: bool,
    /// Run this PVH binary instead of building the guest.
    #[arg(long, value_name = "PATH", hide = true)]
    guest_elf: Option<PathBuf>,
    #[command(subcommand)]
    other: Option<Other>,
}

impl Args {
    /// The kinds of guests, of the table.
    fn kinds(&self) -> Vec<Kind> {
        if self.kind.is_empty() { vec![Kind::Pvh, Kind::Hvm] } else { self.kind.clone() }
    }

    /// Their numbers of processors.
    fn vcpus(&self) -> Vec<u32> {
        if self.vcpus.is_empty() { vec![1, 2, 8] } else { self.vcpus.clone() }
    }

    /// These guests as they are on the boot of this number.
    fn on_boot(&self, boot: usize, guests: &[Variant]) -> Vec<Variant> {
        let abi = self.evtchn.iter().copied().cycle().nth(boot).unwrap_or(Abi::Fifo);
        guests.iter().map(|&guest| Variant { abi, ..guest }).collect()
    }
}

/// What runs in place of the table.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Other {
    /// Save the guest on the Xen of one release, and restore it on that of the next.
    Cross,
}

/// Runs the selected lifecycles and fails on any miss.
pub(crate) fn run(args: &Args) -> Result<()> {
    machine::require()?;
    let plan = plan(args)?;
    let guest = match &args.guest_elf {
        Some(path) => path.clone(),
        None => guest_bin::build(&toy::binary(&args.cases)?.unwrap_or(guest_bin::GUEST))?,
    };
    let cache = workspace::root()?.join("target").join("xen");
    fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("lock"))?;
    lock.try_lock().context("another `cargo xtask xen` runs in this workspace")?;
    let logs = cache.join("logs");
    let _ = fs::remove_dir_all(&logs);
    if matches!(args.other, Some(Other::Cross)) {
        return cross::run(args, &guest, &cache);
    }
    if !plan.iter().flat_map(|(_, jobs)| jobs).any(Job::runs) {
        let why = plan.iter().flat_map(|(_, jobs)| jobs).find_map(|job| match job.lane {
            plan::Lane::Skipped(why) => Some(why),
            _ => None,
        });
        bail!("nothing of this can run: {}", why.unwrap_or("nothing was chosen"));
    }
    let hvm = plan.iter().flat_map(|(_, jobs)| jobs).any(|job| job.runs() && job.variant.kind == Kind::Hvm);
    let model = if hvm { DeviceModel::Wanted } else { DeviceModel::Unused };
    let (own, mut misses) = ([Release::own()], Vec::new());
    for release in if args.release.is_empty() { &own[..] } else { &args.release } {
        let Some(image) = release::image(release, &cache, (args, model))? else { continue };
        let mut plan = plan.clone();
        in_place::excuse(plan.iter_mut().flat_map(|(_, jobs)| jobs), &image)?;
        misses.extend(play(args, (&image, &guest), (&plan, &logs.join(release.to_string())))?);
    }
    finish(&misses, &logs)
}

/// What runs on each boot.
type Plan = [(Daemon, Vec<Job>)];

/// All boots on the Xen of one release, and their table; returns what went wrong.
fn play(args: &Args, (image, guest): (&Image, &Path), (plan, logs): (&Plan, &Path)) -> Result<Vec<String>> {
    let (mut played, mut verdict, mut counted) = (Vec::new(), Verdict::default(), Vec::new());
    for round in 1..=args.repeat {
        for (daemon, jobs) in plan {
            let word = daemon.word();
            println!("round {round} of {}, Xen {}, xenstored: {word}", args.repeat, image.version);
            let board = once(args, (image, guest), (*daemon, jobs, logs.join(format!("{word}-{round}"))))?;
            counted.extend(census::tell(&board));
            played.push(Played { daemon: *daemon, jobs: jobs.clone(), board });
        }
        verdict = Verdict::new(&played, Some(mock_host::run));
        if !verdict.misses().is_empty() || !counted.is_empty() {
            break;
        }
    }
    println!("{}", table::show(&verdict, &played));
    let (table, missed) = cases::tell(&played, mock_host::run);
    if !table.is_empty() {
        println!("\n{table}");
    }
    counted.extend(missed);
    counted.extend(devices::tell(&played));
    println!("logs: {}", workspace::relative(logs).display());
    Ok([verdict.misses(), &counted].concat())
}

/// What runs on each boot: one boot a daemon.
fn plan(args: &Args) -> Result<Vec<(Daemon, Vec<Job>)>> {
    let extent = if args.quick { Extent::Quick } else { Extent::Full };
    let variants = variant::product(&args.kinds(), &args.vcpus())?;
    let pairs = variant::wished(&args.kind, &args.vcpus, together::usual(extent))?;
    let hoarders = variant::wished(&args.kind, &args.vcpus, store::usual(extent))?;
    let (mut apart, mut names) = (Vec::new(), Vec::new());
    for name in &args.cases {
        match apart::lifecycles(name, args.rounds, extent) {
            some if some.is_empty() => names.push(name.clone()),
            some => apart.extend(some),
        }
    }
    let (together, alone): (Vec<_>, Vec<_>) = apart.into_iter().partition(together::is_one);
    let (stores, alone): (Vec<_>, Vec<_>) = alone.into_iter().partition(store::is_one);
    let (toys, alone): (Vec<_>, Vec<_>) = alone.into_iter().partition(toy::is_one);
    let kernels = if toys.is_empty() { Vec::new() } else { toy::variants(&toys, &args.kind, &args.vcpus)? };
    let chosen =
        if names.is_empty() && !args.cases.is_empty() { Vec::new() } else { plan::select(lifecycle::ALL, &names)? };
    let mut daemons = args.xenstored.clone();
    daemons.dedup();
    let jobs = |boot| {
        let (variants, pairs) = (args.on_boot(boot, &variants), args.on_boot(boot, &pairs));
        let mut jobs = plan::jobs(&chosen, &variants, (boot, extent));
        jobs.extend(plan::jobs(&alone, &apart::variants(&variants), (boot, extent)));
        jobs.extend(plan::all(&together, &pairs));
        jobs.extend(plan::all(&stores, &args.on_boot(boot, &hoarders)));
        jobs.extend(plan::all(&toys, &kernels));
        jobs
    };
    Ok(daemons.into_iter().enumerate().map(|(boot, daemon)| (daemon, jobs(boot))).collect())
}

/// One boot, and the logs of what went wrong.
fn once(args: &Args, (image, guest): (&Image, &Path), (store, jobs, logs): (Daemon, &[Job], PathBuf)) -> Result<Board> {
    if !jobs.iter().any(Job::runs) {
        return Ok(Board::new(&[]));
    }
    let boot = Boot { image, guest, jobs, lanes: args.jobs, cpus: args.smp, store, logs };
    let board = boot.run()?;
    trouble::tell(&board, &boot.logs);
    Ok(board)
}

fn finish(misses: &[String], logs: &Path) -> Result<()> {
    if misses.is_empty() {
        return Ok(());
    }
    let logs = workspace::relative(logs);
    bail!("{} missed:\n  {}\nlogs: {}", misses.len(), misses.join("\n  "), logs.display());
}
