//! `cargo xtask xenstored`: the real daemons as ordinary processes, without Xen, in the hands of our client.

mod binaries;
mod breakage;
mod comings;
mod daemon;
mod differential;
mod domain;
mod hands;
mod live_update;
mod outage;
mod pyxs;
mod speed;
mod suite;
mod tools;
mod upstream;

use crate::workspace;
use crate::xen::plan;
use crate::xen::release::{self, Release};
use anyhow::{Result, bail};
use binaries::Binaries;
use daemon::Daemon;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Arguments of `xenstored`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which daemon, `c` or `ocaml`; both if none is named.
    #[arg(value_name = "DAEMON")]
    daemons: Vec<plan::Daemon>,
    /// Those of each of these releases: `own` (the system's), or another suite of the archive that the system comes from.
    #[arg(long, value_delimiter = ',', default_value = "own", value_name = "SUITE")]
    release: Vec<Release>,
    /// Fewer rounds of what is random.
    #[arg(long)]
    quick: bool,
    /// The seed of the first random script; the next ones follow it.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Random scripts of 40 requests, 250 unless it is quick.
    #[arg(long, value_name = "N")]
    scripts: Option<u64>,
    /// Only measure how fast it is, with so many samples: in a release build, for `cargo xtask bench store`.
    #[arg(long, value_name = "N", hide = true)]
    speed: Option<usize>,
    /// Fail if one of those is short of its target.
    #[arg(long, hide = true)]
    strict: bool,
}

impl Args {
    fn scripts(&self) -> u64 {
        self.scripts.unwrap_or(if self.quick { 25 } else { 250 })
    }
}

/// Runs everything on each daemon.
pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(lacking) = binaries::lacking() {
        return workspace::skipped(&lacking);
    }
    let cache = workspace::root()?.join("target").join("xen");
    let mut missed = 0;
    for release in &args.release {
        let (apt, folder) = release.open(&cache);
        std::fs::create_dir_all(&folder)?;
        if let Some(binaries) = release::or_skipped(Binaries::prepare(&folder, &apt))? {
            missed += all(&binaries, args)?;
        }
    }
    if missed > 0 {
        bail!("{missed} missed");
    }
    Ok(())
}

/// Runs everything on the daemons of one release.
fn all(binaries: &Binaries, args: &Args) -> Result<usize> {
    println!("xenstored: the daemons of Xen {}", binaries.version());
    let all = [plan::Daemon::C, plan::Daemon::Ocaml];
    let kinds = if args.daemons.is_empty() { &all[..] } else { &args.daemons };
    kinds.iter().try_fold(0, |missed, kind| Ok(missed + on(*kind, binaries, args)?))
}

/// What is checked beside the suite.
const CHECKS: &[(&str, Check)] = &[
    ("xenstore-… of the command line", tools::run),
    ("Xen's test-xenstore beside a guest", upstream::run),
    ("domains that come and go", comings::of_domains),
    ("a client after another", comings::of_clients),
    ("a ring that the guest breaks", breakage::run),
    ("killed and started again, over the socket", outage::over_socket),
    ("killed and started again, over the ring", outage::over_ring),
    ("replaced by itself amid requests", live_update::run),
];

type Check = fn(&mut Daemon) -> Result<()>;

/// Makes one check, and returns 1 if it was missed.
fn one(daemon: &mut Daemon, name: &str, check: impl Fn(&mut Daemon) -> Result<()>) -> Result<usize> {
    let begin = Instant::now();
    let word = daemon.kind().word();
    let done = catch_unwind(AssertUnwindSafe(|| check(daemon)));
    let missed = match done {
        Ok(Ok(())) => {
            println!("{word}, {name}: ok, {:.1} s", begin.elapsed().as_secs_f64());
            return Ok(0);
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "a panic".into(),
    };
    println!("{word}, {name}: FAILED: {missed}");
    daemon.start_again()?;
    Ok(1)
}

/// Runs everything on one daemon, and returns how much was missed.
fn on(kind: plan::Daemon, binaries: &Binaries, args: &Args) -> Result<usize> {
    let begin = Instant::now();
    let mut daemon = Daemon::start(kind, binaries)?;
    println!("{}: up in {} ms", kind.word(), begin.elapsed().as_millis());
    if let Some(samples) = args.speed {
        let short = speed::run(&daemon, samples)?;
        return Ok(if args.strict { short } else { 0 });
    }
    let mut missed = suite::run(&mut daemon)?;
    for (name, check) in CHECKS {
        missed += one(&mut daemon, name, *check)?;
    }
    match binaries.pyxs() {
        Ok(_) => missed += one(&mut daemon, "pyxs", pyxs::run)?,
        Err(why) => workspace::skipped(&format!("{why} ({}, pyxs)", kind.word()))?,
    }
    if kind == plan::Daemon::C {
        let scripts = args.scripts();
        let name = format!("{scripts} random scripts beside the mock host, from seed {}", args.seed);
        missed += one(&mut daemon, &name, |daemon| differential::run(daemon, (args.seed, scripts)))?;
    }
    println!("{}: {:.1} s in all", kind.word(), begin.elapsed().as_secs_f64());
    Ok(missed)
}
