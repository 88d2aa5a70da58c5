//! The arguments that all benchmarks take, and what is done with them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

use super::plot;
use super::report::Report;
use super::sample::{self, Effort};

/// Measure a crate beside C that does the same.
#[derive(Debug, Parser)]
struct Args {
    /// Which one.
    bench: String,
    /// Fewer samples.
    #[arg(long)]
    quick: bool,
    /// Count instructions under callgrind, and measure no time.
    #[arg(long)]
    instructions: bool,
    /// Fail if a row is short of its target.
    #[arg(long)]
    strict: bool,
    /// Where to draw the ratios, as SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// Run the work of one row, for a counter: its name, the side, and how many rounds.
    #[arg(long, hide = true, num_args = 3)]
    work: Option<Vec<String>>,
}

/// One benchmark: its name, the title of its picture, and its rows.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// The word behind `cargo xtask bench`.
    pub name: &'static str,
    /// What stands above the picture.
    pub title: &'static str,
    /// Adds all rows that are measured in time.
    pub rows: fn(&mut Report, &Effort) -> Result<()>,
    /// Adds all rows that are counted in instructions.
    pub instructions: fn(&mut Report) -> Result<()>,
    /// Does the work of one of those, as `--work` names it.
    pub work: fn(&[String]) -> Result<()>,
}

/// Does what the command's arguments say, with one of these.
#[must_use]
pub fn main(all: &[Bench]) -> ExitCode {
    let args = Args::parse();
    match run(all, &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", args.bench);
            ExitCode::FAILURE
        }
    }
}

fn run(all: &[Bench], args: &Args) -> Result<()> {
    let bench = all.iter().find(|bench| bench.name == args.bench).context("no such benchmark")?;
    if let Some(work) = &args.work {
        return (bench.work)(work);
    }
    let mut report = Report::new(bench.name);
    if args.instructions {
        (bench.instructions)(&mut report)?;
    } else {
        sample::watchdog();
        let effort = if args.quick { Effort::QUICK } else { Effort::FULL };
        (bench.rows)(&mut report, &effort)?;
        if let Some(path) = &args.plot {
            plot::draw(&report, bench.title, path)?;
            println!("plot: {}", path.display());
        }
    }
    report.close()?;
    if args.strict { report.strict() } else { Ok(()) }
}
