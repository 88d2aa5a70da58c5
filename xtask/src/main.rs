//! The project's own commands: `cargo xtask <command>`.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::std_instead_of_core,
    reason = "a hosted tool: a panic is a failed command"
)]

mod abi;
mod bench;
mod ci;
mod demo;
mod faults;
mod fuzz;
mod guest_bin;
#[cfg(test)]
mod guide;
mod hostile;
mod layers;
mod loom;
mod miri;
mod mock_host;
mod shard;
mod shell;
mod spent;
mod targets;
mod workspace;
mod xen;
mod xenstored;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One variant a command, one module a variant.
#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the crates' layouts and numbers with Xen's C headers.
    Abi(abi::Args),
    /// Measure the crates beside others.
    Bench(bench::Args),
    /// Show the guest on the mock host: every lifecycle and every trouble, as a timeline.
    Demo(demo::Args),
    /// Let each hypercall of each lifecycle fail once in turn, and each answer of xenstore, on the mock host.
    Faults(faults::Args),
    /// Let libFuzzer look for bytes that break a rule.
    Fuzz(fuzz::Args),
    /// Run what CI runs.
    Ci(ci::Args),
    /// Build the guest's PVH binary; the last line printed is its path.
    Guest(guest_bin::Args),
    /// Show which tests stand for each bad input, and that they fail without the check.
    Hostile(hostile::Args),
    /// Check that the crate graph has downward arrows only.
    Layers(layers::Args),
    /// Explore every interleaving of the loom models, and count them.
    Loom(loom::Args),
    /// Run the tests of the `no_std` crates under Miri.
    Miri(miri::Args),
    /// Check that the `no_std` crates compile for other targets, and the coordinator without its services.
    Targets(targets::Args),
    /// Run the guest's lifecycles on a real Xen, inside an emulated machine.
    Xen(xen::Args),
    /// Run the suite of xenstore's clients on the real daemons, without Xen.
    Xenstored(xenstored::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Abi(args) => abi::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Faults(args) => faults::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Ci(args) => ci::run(&args),
        Command::Guest(args) => guest_bin::run(&args),
        Command::Hostile(args) => hostile::run(&args),
        Command::Layers(args) => layers::run(&args),
        Command::Loom(args) => loom::run(&args),
        Command::Miri(args) => miri::run(&args),
        Command::Targets(args) => targets::run(&args),
        Command::Xen(args) => xen::run(&args),
        Command::Xenstored(args) => xenstored::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
