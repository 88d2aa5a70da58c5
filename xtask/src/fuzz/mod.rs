//! `cargo xtask fuzz`: libFuzzer looks for bytes that break a rule, and the totals of it.
//!
//! The corpus that grows lies below `target/fuzz`; the seeds below `fuzz/corpus` are read, and changed by `--keep` alone.

mod totals;

use crate::spent::Spent;
use crate::{shell, workspace};
use anyhow::{Context as _, Result, bail};
use cargo_metadata::MetadataCommand;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use totals::Totals;

/// Arguments of `fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these targets.
    targets: Vec<String>,
    /// Minutes of a processor for each target.
    #[arg(long, value_name = "N", default_value = "1")]
    minutes: f64,
    /// Add to `fuzz/corpus` the inputs found that reach code which none there does.
    #[arg(long)]
    keep: bool,
}

/// What one call of libFuzzer may take, in seconds of real time: then it is seen how much of a processor that was.
const SLICE: u64 = 60;
/// No longer inputs: a short one says more.
const LONGEST: &str = "-max_len=256";
/// Nothing in reach has unsafe code, so nothing is there for a sanitizer to find.
const BUILD: [&str; 3] = ["+nightly", "fuzz", "run"];

/// Runs the targets one after the other and prints what each came to.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = targets()?;
    if let Some(unknown) = args.targets.iter().find(|name| !all.contains(name)) {
        bail!("{unknown} is no target; these are: {}", all.join(", "));
    }
    if let Some(why) = missing() {
        // What CI cannot install is not to be had there.
        println!("skipped: {why}");
        return Ok(());
    }
    let chosen = if args.targets.is_empty() { all } else { args.targets.clone() };
    let budget = Duration::from_secs_f64(args.minutes * 60.0);
    let mut crashes = Vec::new();
    for name in &chosen {
        let target = Target::new(name)?;
        let totals = target.search(budget)?;
        println!("fuzz: {name}: {totals}");
        crashes.extend(totals.crash.map(|input| format!("{name}: cargo +nightly fuzz run {name} {input}")));
        if args.keep {
            target.keep()?;
        }
    }
    if !crashes.is_empty() {
        bail!("{} of {} targets broke a rule:\n  {}", crashes.len(), chosen.len(), crashes.join("\n  "));
    }
    println!("fuzz: {} targets, no rule broken", chosen.len());
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let manifest = workspace::root()?.join("fuzz/Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
    let bins = metadata.packages.iter().flat_map(|package| &package.targets).filter(|target| target.is_bin());
    Ok(bins.map(|target| target.name.clone()).collect())
}

/// What is missing here.
fn missing() -> Option<String> {
    let works = |words: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !works(&["+nightly", "--version"]) {
        return Some("needs a nightly toolchain: rustup toolchain install nightly".to_owned());
    }
    (!works(&["+nightly", "fuzz", "--version"])).then(|| "needs cargo-fuzz: cargo install cargo-fuzz".to_owned())
}

/// One target, and where its inputs are.
struct Target<'a> {
    name: &'a str,
    root: PathBuf,
    found: PathBuf,
    seeds: PathBuf,
}

impl<'a> Target<'a> {
    fn new(name: &'a str) -> Result<Self> {
        let root = workspace::root()?;
        let found = root.join("target/fuzz").join(name);
        let seeds = root.join("fuzz/corpus").join(name);
        for folder in [&found, &seeds] {
            std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        Ok(Self { name, root, found, seeds })
    }

    /// Has libFuzzer search for so much time of a processor, slice by slice.
    fn search(&self, budget: Duration) -> Result<Totals> {
        let mut totals = Totals::default();
        self.call(&[&self.found, &self.seeds], &["-runs=0"]).context("the target is not built")?;
        while totals.processor < budget && totals.crash.is_none() {
            let left = (budget - totals.processor).as_secs().clamp(1, SLICE);
            let begin = Spent::now();
            let said = self.call(&[&self.found, &self.seeds], &[&format!("-max_total_time={left}")])?;
            totals.add(&said, &Spent::since(begin))?;
        }
        Ok(totals)
    }

    /// Calls libFuzzer and returns what it said, also of an input that breaks a rule.
    fn call(&self, folders: &[&Path], options: &[&str]) -> Result<String> {
        let mut command = Command::new("cargo");
        command.current_dir(self.root.join("fuzz")).args(BUILD).args(["--sanitizer", "none", self.name]).args(folders);
        command.args(["--", LONGEST, "-print_final_stats=1", "-timeout=10"]).args(options).stdin(Stdio::null());
        let done = command.output().map_err(|error| shell::missing("cargo", &error))?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if !done.status.success() && totals::crash(&said).is_none() {
            bail!("{}: {}\n{said}", self.name, done.status);
        }
        Ok(said)
    }

    /// Adds to the seeds what reaches more than they do.
    fn keep(&self) -> Result<()> {
        let count = || Ok::<_, std::io::Error>(std::fs::read_dir(&self.seeds)?.count());
        let before = count()?;
        // Without counters an edge counts as reached, however often: that is a tenth of the inputs.
        self.call(&[&self.seeds, &self.found], &["-set_cover_merge=1", "-use_counters=0"])?;
        println!("fuzz: {}: {} inputs added to {before}", self.name, count()? - before);
        Ok(())
    }
}
