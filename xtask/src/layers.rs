//! `cargo xtask layers`: the crate graph has downward arrows only.

use crate::workspace;
use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Arguments of `layers`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// The family, from the bottom up: a crate names only crates of a lower level.
const LEVELS: [&[&str]; 7] = [
    &["xen-hypercall"],
    &["xen-ring", "xen-evtchn", "xen-grant"],
    &["xen-store"],
    &["xen-suspend"],
    &["xen-frontend"],
    &["guest"],
    &["xen-sim"],
];
/// Host-side commands, which may name everything below them.
const TOOLS: [&str; 3] = ["xtask", "xen-benches", "xen-fuzz"];
/// Examples of embedders, which nobody names, and what each of them may name of the family.
const EMBEDDERS: [(&str, &[&str]); 3] = [
    ("async-guest", &["xen-hypercall", "xen-evtchn", "xen-store", "xen-suspend", "xen-frontend", "xen-mock"]),
    ("hosted-driver", &["xen-hypercall", "xen-suspend"]),
    (
        "toy-kernel",
        &["xen-hypercall", "xen-evtchn", "xen-grant", "xen-store", "xen-suspend", "xen-frontend", "xen-mock"],
    ),
];
/// Stands beside the family, on the lowest crate alone: a second opinion on the others.
const MOCK: &str = "xen-mock";
/// Runs the loom models of any crate.
const EXPLORE: &str = "xen-explore";
/// What only a build with `--cfg loom` has.
const MODELS: &str = "cfg(loom)";
/// What a published crate may depend on at run time without being asked.
const OUTSIDE: [&str; 5] = ["zerocopy", "bitflags", "volatile", "spin", "static_assertions"];

/// One arrow of the graph.
#[derive(Debug, Clone, Copy)]
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    kind: Kind,
}

/// What an arrow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Part of the crate as built.
    Built,
    /// Behind a feature.
    Optional,
    /// For tests alone, or for a build that is a model.
    Test,
}

/// Checks the workspace.
pub(crate) fn run(_: &Args) -> Result<()> {
    let metadata = MetadataCommand::new().current_dir(workspace::root()?).no_deps().exec()?;
    let arrows: Vec<Arrow<'_>> = metadata.packages.iter().flat_map(arrows_of).collect();
    let wrong: Vec<String> = arrows.iter().filter_map(|arrow| violation(*arrow)).collect();
    if !wrong.is_empty() {
        bail!("{} arrows are not allowed:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    println!("layers: {} crates, {} arrows, all allowed", metadata.packages.len(), arrows.len());
    Ok(())
}

fn arrows_of(package: &Package) -> impl Iterator<Item = Arrow<'_>> {
    package.dependencies.iter().map(|dependency| Arrow {
        from: package.name.as_str(),
        to: dependency.name.as_str(),
        kind: match dependency.kind {
            DependencyKind::Development => Kind::Test,
            _ if dependency.target.as_ref().is_some_and(|target| target.to_string() == MODELS) => Kind::Test,
            _ if dependency.optional => Kind::Optional,
            _ => Kind::Built,
        },
    })
}

/// Why an arrow is not allowed.
fn violation(arrow: Arrow<'_>) -> Option<String> {
    let Arrow { from, to, kind } = arrow;
    let name = format!("{from} -> {to}");
    if TOOLS.contains(&from) {
        return None;
    }
    if TOOLS.contains(&to) || EMBEDDERS.iter().any(|(embedder, _)| *embedder == to) {
        return Some(format!("{name}: a crate depends on a command or an example"));
    }
    if let Some((_, allowed)) = EMBEDDERS.iter().find(|(name, _)| *name == from) {
        let stray = ours(to) && kind != Kind::Test && !allowed.contains(&to);
        return stray.then(|| format!("{name}: this embedder does without it"));
    }
    if !ours(from) {
        return Some(format!("{from} has no level: give it one in xtask/src/layers.rs"));
    }
    if !ours(to) {
        let free = kind != Kind::Built || !published(from) || OUTSIDE.contains(&to);
        return (!free).then(|| format!("{name}: a published crate needs leave for this"));
    }
    let allowed = match (level(from), level(to)) {
        // it knows none of the crates
        _ if from == EXPLORE => false,
        // the mock may be tested by whatever it is there to test
        (None, _) => to == LEVELS[0][0] || kind == Kind::Test,
        (Some(_), None) => kind == Kind::Test || !published(from),
        (Some(above), Some(below)) => above > below,
    };
    (!allowed).then(|| format!("{name}: this arrow does not point down"))
}

fn ours(name: &str) -> bool {
    [MOCK, EXPLORE].contains(&name) || level(name).is_some()
}

/// The level of a crate; the mock has none, nor has what runs the models.
fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|crates| crates.contains(&name))
}

/// Whether others build on the crate: all of the family below the guest.
fn published(name: &str) -> bool {
    level(name).is_some_and(|at| at < 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, kind: Kind) -> Option<String> {
        violation(Arrow { from, to, kind })
    }

    #[test]
    fn downward_arrows_are_allowed() {
        for (from, to) in [
            ("xen-suspend", "xen-store"),
            ("xen-store", "xen-ring"),
            ("xen-ring", "xen-hypercall"),
            ("xen-mock", "xen-hypercall"),
            ("xen-sim", "xen-mock"),
            ("xtask", "xen-mock"),
            ("hosted-driver", "xen-suspend"),
            ("toy-kernel", "xen-frontend"),
            ("xen-ring", "zerocopy"),
        ] {
            assert_eq!(check(from, to, Kind::Built), None, "{from} -> {to}");
        }
        assert_eq!(check("xen-store", "xen-mock", Kind::Test), None);
        assert_eq!(check("xen-store", "proptest", Kind::Test), None);
        assert_eq!(check("xen-grant", "xen-explore", Kind::Test), None);
        assert_eq!(check("xen-frontend", "smoltcp", Kind::Optional), None);
    }

    #[test]
    fn planted_violations_are_found() {
        for (from, to) in [
            ("xen-ring", "xen-evtchn"),
            ("xen-hypercall", "xen-ring"),
            ("xen-suspend", "xen-frontend"),
            ("xen-mock", "xen-ring"),
            ("xen-store", "xen-mock"),
            ("guest", "xtask"),
            ("xen-ring", "log"),
            ("xen-new", "xen-ring"),
            ("xen-grant", "xen-explore"),
            ("xen-explore", "xen-grant"),
            ("hosted-driver", "xen-grant"),
            ("guest", "hosted-driver"),
            ("toy-kernel", "guest"),
            ("xen-sim", "toy-kernel"),
        ] {
            assert!(check(from, to, Kind::Built).is_some(), "{from} -> {to}");
        }
        assert!(check("xen-ring", "xen-store", Kind::Test).is_some());
    }
}
