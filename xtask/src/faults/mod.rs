//! `cargo xtask faults`: each hypercall of each lifecycle fails once in turn, and each answer of xenstore.

mod figures;
mod workers;

use crate::shard::Shard;
use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::process::Command;
use std::time::Instant;
use xen_sim::faults::{Baseline, Case, Variant, pairwise, subjects};

/// Arguments of `faults`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these lifecycles, or these cases, such as `restore/pvh-1/call/42/-22`; of a single case the guest's lines are shown.
    names: Vec<String>,
    /// Only a part in which all pairs of lifecycle, operation and result are, and of operation and moment.
    #[arg(long)]
    quick: bool,
    /// In these guests, one after the other; those with `2l` are told of events by bitmaps.
    #[arg(long, value_delimiter = ',', default_value = "pvh-1,pvh-2,hvm-1-2l,hvm-2-2l", value_name = "KIND-VCPUS")]
    guests: Vec<Variant>,
    /// Only every N-th case, from the I-th on.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// How many run beside each other; as many as there are processors by default.
    #[arg(long)]
    jobs: Option<usize>,
}

/// Plays the cases that `args` asks for; fails if a rule is broken in any.
pub(crate) fn run(args: &Args) -> Result<()> {
    let begin = Instant::now();
    let (baselines, all) = cases(args)?;
    let chosen = chosen(&all, args);
    if chosen.is_empty() {
        bail!("no lifecycle and no case of this name");
    }
    println!("faults: {} of {} cases", chosen.len(), all.len());
    let worker = build()?;
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let done = workers::play(&worker, &chosen, jobs)?;
    println!("{}", figures::table(&done));
    let played = |case: &Case| baselines.iter().find(|one| one.variant() == case.variant);
    if let [case] = chosen.as_slice()
        && let Some(baseline) = played(case)
    {
        let story = baseline.story(case);
        story.lines.iter().for_each(|line| println!("{:>10} ms  {}", line.at.0 / 1_000_000, line.text));
        print!("{}", story.emergencies);
    }
    let broken = done.iter().filter(|one| one.outcome.is_none()).count();
    let took = begin.elapsed().as_secs_f64();
    if broken > 0 {
        bail!("{broken} of {} cases broke a rule, after {took:.0} s; one alone: cargo xtask faults CASE", done.len());
    }
    println!("faults: {} cases, no rule broken ({took:.0} s)", done.len());
    Ok(())
}

/// Plays the lifecycles of the names without a fault, and returns their cases.
fn cases(args: &Args) -> Result<(Vec<Baseline>, Vec<Case>)> {
    let names = &args.names;
    let wanted = |one: &str| names.is_empty() || names.iter().any(|name| name.split('/').next() == Some(one));
    let mut baselines = Vec::new();
    for lifecycle in subjects().filter(|lifecycle| wanted(lifecycle.name)) {
        for &guest in args.guests.iter().filter(|guest| guest.takes(lifecycle)) {
            let baseline = Baseline::in_variant(lifecycle, guest);
            baselines.push(baseline.with_context(|| format!("{}/{guest}, without a fault", lifecycle.name))?);
        }
    }
    let mut cases: Vec<Case> = baselines.iter().flat_map(Baseline::cases).collect();
    let named = |case: &Case| names.iter().any(|name| *name == case.lifecycle || *name == case.to_string());
    cases.retain(|case| names.is_empty() || named(case));
    let met = |name: &&String| cases.iter().any(|case| **name == case.lifecycle || **name == case.to_string());
    if let Some(unknown) = names.iter().find(|name| !met(name)) {
        bail!("no lifecycle and no case is called {unknown}");
    }
    Ok((baselines, cases))
}

fn chosen(all: &[Case], args: &Args) -> Vec<Case> {
    let part = if args.quick { pairwise(all) } else { all.to_vec() };
    args.shard.of(part).collect()
}

/// Builds the program that plays cases, fast and with all checks, and returns its path.
fn build() -> Result<std::path::PathBuf> {
    let root = workspace::root()?;
    let mut command = Command::new("cargo");
    command.current_dir(&root).args(["build", "--quiet", "--profile", "sweep", "-p", "xen-sim", "--bin", "faults"]);
    let status = command.status().context("cargo does not start")?;
    if !status.success() {
        bail!("the program that plays cases is not built");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    Ok(target.join("sweep").join("faults"))
}
