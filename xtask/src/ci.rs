//! `cargo xtask ci`: everything that a change must pass, in the order of what is cheapest to know.

use crate::workspace;
use anyhow::{Context, Result, bail};
use std::process::Command;
use std::time::Instant;

/// Arguments of `ci`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave out what needs a real Xen.
    #[arg(long)]
    no_xen: bool,
}

/// One check: what it is called, its words, and what it wants in its environment.
struct Check {
    name: &'static str,
    words: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const fn check(name: &'static str, words: &'static [&'static str]) -> Check {
    Check { name, words, environment: &[] }
}

/// All checks. Tests do not keep the lints that `clippy, tests` allows: there a panic is a failed test.
const CHECKS: &[Check] = &[
    check("fmt", &["fmt", "--all", "--check"]),
    check("layers", &["xtask", "layers"]),
    check("abi", &["xtask", "abi", "--require", "--release", "own,trixie"]),
    check("clippy", &["clippy", "--workspace", "--", "-D", "warnings"]),
    check(
        "clippy, tests",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
            "-A",
            "clippy::arithmetic_side_effects",
            "-A",
            "clippy::as_conversions",
            "-A",
            "clippy::indexing_slicing",
            "-A",
            "clippy::unwrap_used",
            "-A",
            "clippy::expect_used",
            "-A",
            "clippy::panic",
            "-A",
            "clippy::too_many_lines",
            "-A",
            "clippy::std_instead_of_core",
        ],
    ),
    check(
        "clippy, guest",
        &["clippy", "-p", "guest", "--bins", "--target", "x86_64-unknown-none", "--", "-D", "warnings"],
    ),
    check(
        "clippy, kernels of the examples",
        &[
            "clippy",
            "-p",
            "toy-kernel",
            "-p",
            "async-guest",
            "--bins",
            "--target",
            "x86_64-unknown-none",
            "--",
            "-D",
            "warnings",
        ],
    ),
    check("targets", &["xtask", "targets"]),
    check("demo", &["xtask", "demo"]),
    check("hosted driver", &["run", "-p", "hosted-driver"]),
    check("test", &["test", "--workspace"]),
    check("xenstored", &["xtask", "xenstored", "--quick", "--release", "own,trixie"]),
    check("faults", &["xtask", "faults", "--quick"]),
    check("hostile", &["xtask", "hostile", "ring", "--quick"]),
    check("hostile, event channels", &["xtask", "hostile", "evtchn", "--quick"]),
    check("hostile, xenstore", &["xtask", "hostile", "store", "--quick"]),
    check("hostile, grants", &["xtask", "hostile", "grant", "--quick"]),
    check("loom", &["xtask", "loom"]),
    check("miri", &["xtask", "miri", "--quick"]),
    Check { name: "doc", words: &["doc", "--workspace", "--no-deps"], environment: &[("RUSTDOCFLAGS", "-D warnings")] },
    check("bench", &["xtask", "bench", "ring", "--quick"]),
    check("bench, event channels", &["xtask", "bench", "evtchn", "--quick"]),
    check("bench, grants", &["xtask", "bench", "grant", "--quick"]),
    check("bench, instructions", &["xtask", "bench", "ring", "--instructions"]),
    check("bench, instructions of event channels", &["xtask", "bench", "evtchn", "--instructions"]),
    check("bench, instructions of grants", &["xtask", "bench", "grant", "--instructions"]),
    check("bench, xenstore", &["xtask", "bench", "store", "--quick"]),
    check("bench, instructions of xenstore", &["xtask", "bench", "store", "--instructions"]),
    check("guest", &["xtask", "guest"]),
];

const XEN: &[Check] = &[
    check("xen", &["xtask", "xen", "--quick", "--xenstored", "c"]),
    check(
        "xen, the other xenstored",
        &[
            "xtask",
            "xen",
            "--quick",
            "--xenstored",
            "ocaml",
            "--evtchn",
            "2l",
            "restore",
            "migrate",
            "checkpoint",
            "slow-resume",
            "reboot",
            "poweroff",
            "selftest",
        ],
    ),
    check(
        "xen, two processors",
        &["xtask", "xen", "restore", "migrate", "--smp", "2", "--kind", "pvh", "--vcpus", "2", "--xenstored", "c"],
    ),
    check(
        "xen, newer",
        &["xtask", "xen", "--quick", "--release", "trixie", "--xenstored", "c", "selftest", "migrate", "reboot"],
    ),
    check(
        "xen, across",
        &["xtask", "xen", "cross", "--release", "bookworm,trixie", "--vcpus", "2", "--xenstored", "c"],
    ),
    check("xen, soak", &["xtask", "xen", "soak", "--quick", "--xenstored", "c"]),
    check("xen, toy kernel", &["xtask", "xen", "toy-kernel", "--quick", "--xenstored", "c"]),
];

/// Runs the checks and stops at the first that fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let begin = Instant::now();
    CHECKS.iter().try_for_each(one)?;
    if args.no_xen {
        println!("skipped: xen, by --no-xen");
    } else {
        XEN.iter().try_for_each(one)?;
    }
    println!("ci: all passed in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn one(check: &Check) -> Result<()> {
    println!("ci: {} …", check.name);
    let begin = Instant::now();
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root()?).args(check.words).envs(check.environment.iter().copied());
    let status = command.status().with_context(|| format!("cargo does not start for {}", check.name))?;
    if !status.success() {
        bail!("{} failed: cargo {}", check.name, check.words.join(" "));
    }
    println!("ci: {} passed in {:.0} s", check.name, begin.elapsed().as_secs_f64());
    Ok(())
}
