//! `cargo xtask hostile`: for each bad input of a catalogue the tests that stand for it, and that they fail when the check
//! is taken away.
//!
//! A test stands for the rows that its name begins with. A row without a test, with one that fails, or without a mutation
//! that makes one fail is a failure of the command.

mod catalogue;
mod report;
mod scratch;
mod tests;

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use catalogue::Catalogue;
use clap::ValueEnum as _;
use report::Report;
use scratch::Scratch;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tests::Program;

/// Arguments of `hostile`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The catalogue.
    family: Family,
    /// Only these rows, such as `R08`.
    rows: Vec<String>,
    /// Only run the tests, and see that what mutations take away is there.
    #[arg(long)]
    quick: bool,
}

/// A catalogue: `xen-sim/hostile/<family>.toml`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Family {
    Ring,
    Grant,
    Evtchn,
    Store,
}

/// How much is asked of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A mutation that can be made.
    Quick,
    /// One that was made, and noticed.
    Full,
}

impl Family {
    const fn file(self) -> &'static str {
        match self {
            Self::Ring => "xen-sim/hostile/ring.toml",
            Self::Grant => "xen-sim/hostile/grant.toml",
            Self::Evtchn => "xen-sim/hostile/evtchn.toml",
            Self::Store => "xen-sim/hostile/store.toml",
        }
    }
}

/// Goes through a catalogue and prints a line for each row.
pub(crate) fn run(args: &Args) -> Result<()> {
    let begin = Instant::now();
    let root = workspace::root()?;
    let mut catalogue = Catalogue::read(&root.join(args.family.file()))?;
    let programs = programs(&root, &catalogue)?;
    if !args.rows.is_empty() {
        catalogue.only(&args.rows)?;
    }
    let mut report = Report::new(&catalogue);
    programs.iter().try_for_each(|program| report.run(program))?;
    report.models(&models(&root)?);
    for mutation in &catalogue.mutations {
        report.texts(mutation, mutation.apply(&root).err());
    }
    let form = if args.quick { Form::Quick } else { Form::Full };
    if form == Form::Full {
        mutate(&root, &catalogue, &mut report)?;
        if args.rows.is_empty() {
            sequences(&root, &catalogue)?;
            if let Some(models) = &catalogue.loom {
                xtask(&root, &["loom", models])?;
            }
        }
    }
    println!("{}", report.table());
    report.verdict(form)?;
    println!("hostile: {}; {:.0} s", report.sum(), begin.elapsed().as_secs_f64());
    Ok(())
}

fn programs(root: &Path, catalogue: &Catalogue) -> Result<Vec<Program>> {
    let mut all = Vec::new();
    for package in &catalogue.packages {
        all.extend(tests::build(root, package)?.with_context(|| format!("{package} does not build"))?);
    }
    let mut every = Vec::new();
    for family in Family::value_variants() {
        every.extend(Catalogue::read(&root.join(family.file()))?.rows);
    }
    tests::known(&all, |id| every.iter().any(|row| row.id == id))?;
    Ok(all)
}

/// Takes each check away in turn.
fn mutate(root: &Path, catalogue: &Catalogue, report: &mut Report<'_>) -> Result<()> {
    let scratch = Scratch::fresh(root)?;
    let count = catalogue.mutations.len();
    for (at, mutation) in catalogue.mutations.iter().enumerate() {
        if mutation.apply(root).is_err() {
            continue;
        }
        let noticed = scratch.without(mutation, catalogue);
        let words = match &noticed {
            Ok(noticed) if noticed.len() == mutation.rows.len() => "noticed".to_owned(),
            Ok(noticed) => format!("NOT NOTICED by all of {}: {noticed:?}", mutation.rows.join(", ")),
            Err(error) => format!("FAILED: {error:#}"),
        };
        println!("hostile: {} of {count}, without {mutation}: {words}", at + 1);
        report.mutated(mutation, noticed);
    }
    Ok(())
}

/// Plays as many random scripts as the full form wants.
fn sequences(root: &Path, catalogue: &Catalogue) -> Result<()> {
    let catalogue::Sequences { package, target, cases } = &catalogue.sequences;
    println!("hostile: {cases} random scripts for each test of {package}, {target} …");
    let begin = Instant::now();
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["test", "--profile", "sweep", "-p", package, "--test", target]);
    let status = command.env("PROPTEST_CASES", cases.to_string()).status().context("cargo does not start")?;
    if !status.success() {
        bail!("a random script broke a rule");
    }
    println!("hostile: {cases} random scripts each, no rule broken; {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn xtask(root: &Path, words: &[&str]) -> Result<()> {
    let mut command = Command::new("cargo");
    let status = command.current_dir(root).arg("xtask").args(words).status().context("cargo does not start")?;
    if !status.success() {
        bail!("cargo xtask {} failed", words.join(" "));
    }
    Ok(())
}

/// The functions in the files of loom models.
fn models(root: &Path) -> Result<String> {
    let mut all = String::new();
    for entry in std::fs::read_dir(root)? {
        let file = entry?.path().join("tests/loom.rs");
        if file.is_file() {
            all.push_str(&std::fs::read_to_string(file)?);
        }
    }
    Ok(all)
}
