//! `cargo xtask bench ring`: measures the rings beside the C macros, judges each row, and draws the ratios.
#![allow(
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::std_instead_of_core,
    reason = "hosted: a panic is a failed benchmark"
)]

#[cfg(xen_headers)]
mod code;
#[cfg(xen_headers)]
mod count;
#[cfg(xen_headers)]
mod partner;
#[cfg(xen_headers)]
mod patterns;
#[cfg(xen_headers)]
mod placement;
#[cfg(xen_headers)]
mod plot;
#[cfg(xen_headers)]
mod report;
#[cfg(xen_headers)]
mod rows;
#[cfg(xen_headers)]
mod sample;
#[cfg(xen_headers)]
mod two;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Measure the rings beside the C macros of Xen's public headers.
#[derive(Debug, Parser)]
struct Args {
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

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ring: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(xen_headers)]
fn run(args: &Args) -> Result<()> {
    if let Some(work) = &args.work {
        return count::work(work);
    }
    let mut report = report::Report::default();
    if args.instructions {
        count::rows(&mut report)?;
    } else {
        sample::watchdog();
        let effort = if args.quick { sample::Effort::QUICK } else { sample::Effort::FULL };
        rows::all(&mut report, &effort)?;
        if let Some(path) = &args.plot {
            plot::draw(&report, path)?;
            println!("plot: {}", path.display());
        }
    }
    report.close()?;
    if args.strict { report.strict() } else { Ok(()) }
}

#[cfg(not(xen_headers))]
fn run(_: &Args) -> Result<()> {
    xen_benches::skip();
    Ok(())
}
