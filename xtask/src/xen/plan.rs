//! Which lifecycles run, in which variants, and how.

use super::variant::{Kind, Variant};
use anyhow::{Result, bail};
use guest::lifecycle::{Host, Lifecycle, Step};

/// How a lifecycle runs on Xen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// One after the other.
    Foreground,
    /// From the beginning, beside the others: it mostly waits.
    Background,
    /// Not at all, for this reason.
    Skipped(&'static str),
}

/// A xenstore daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Daemon {
    /// The one in C.
    C,
    /// The one in OCaml.
    Ocaml,
}

impl Daemon {
    /// What dom0's init calls it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Ocaml => "ocaml",
        }
    }
}

/// How much of the table runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything; what is not of the [`CORE`] in half of the variants.
    Full,
    /// Each in one variant a boot, by turns; nothing that waits for the toolstack's patience twice.
    Quick,
}

/// The lifecycles that a full run plays in every variant.
const CORE: [&str; 7] = ["checkpoint", "restore", "migrate", "slow-resume", "poweroff", "reboot", "selftest"];

/// Why a variant is left out.
pub(crate) const PAIRED: &str = "paired";

/// A lifecycle in one variant, on one boot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// What is played.
    pub(crate) lifecycle: Lifecycle,
    /// In which kind of domain.
    pub(crate) variant: Variant,
    /// How.
    pub(crate) lane: Lane,
}

impl Job {
    /// The name of its domain.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.lifecycle.name, self.variant.label())
    }

    /// Tells whether it runs at all.
    pub(crate) const fn runs(&self) -> bool {
        !matches!(self.lane, Lane::Skipped(_))
    }
}

/// The lifecycles of `table` that `names` selects; all of them for no name.
pub(crate) fn select(table: &[Lifecycle], names: &[String]) -> Result<Vec<Lifecycle>> {
    if let Some(name) = names.iter().find(|name| table.iter().all(|lifecycle| lifecycle.name != **name)) {
        let known: Vec<_> = table.iter().map(|lifecycle| lifecycle.name).collect();
        bail!("no lifecycle {name}; there are: {}", known.join(", "));
    }
    let chosen = |lifecycle: &&Lifecycle| names.is_empty() || names.iter().any(|name| name == lifecycle.name);
    Ok(table.iter().filter(chosen).copied().collect())
}

/// All jobs of the boot number `boot` (one a daemon), those left out included.
pub(crate) fn jobs(chosen: &[Lifecycle], variants: &[Variant], (boot, extent): (usize, Extent)) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (row, lifecycle) in chosen.iter().enumerate() {
        let (able, unable): (Vec<_>, Vec<_>) = variants.iter().partition(|variant| can(lifecycle, variant).is_ok());
        let plays = plays(&able, (row, boot), share(lifecycle, extent));
        for (variant, plays) in able.into_iter().zip(plays) {
            let lane = if plays { lane(lifecycle, extent) } else { Lane::Skipped(PAIRED) };
            jobs.push(Job { lifecycle: *lifecycle, variant, lane });
        }
        let skipped = |variant: Variant| Some(Lane::Skipped(can(lifecycle, &variant).err()?));
        let skipped = |variant| Some(Job { lifecycle: *lifecycle, variant, lane: skipped(variant)? });
        jobs.extend(unable.into_iter().filter_map(skipped));
    }
    jobs
}

/// The jobs of lifecycles that are played in all of the variants.
pub(crate) fn all(chosen: &[Lifecycle], variants: &[Variant]) -> Vec<Job> {
    let job = |lifecycle, variant| Job { lifecycle, variant, lane: Lane::Foreground };
    chosen.iter().flat_map(|lifecycle| variants.iter().map(move |variant| job(*lifecycle, *variant))).collect()
}

/// Tells whether there can be such a lifecycle in a domain so made, or why not.
const fn can(lifecycle: &Lifecycle, variant: &Variant) -> Result<(), &'static str> {
    match (lifecycle.only, variant.kind) {
        (Some((Host::Mock, why)), _) | (Some((Host::Hvm, why)), Kind::Pvh) => Err(why),
        (Some((Host::Smp, why)), _) if variant.vcpus < 2 => Err(why),
        _ => Ok(()),
    }
}

/// How many of the variants play a lifecycle in one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// All.
    All,
    /// One kind for each number of processors; the next boot has the other kinds.
    Half,
    /// One; boots and lifecycles take turns.
    One,
}

fn share(lifecycle: &Lifecycle, extent: Extent) -> Share {
    match (extent, CORE.contains(&lifecycle.name)) {
        (Extent::Full, true) => Share::All,
        (Extent::Full, false) => Share::Half,
        (Extent::Quick, _) => Share::One,
    }
}

/// Which of the variants play, for the lifecycle and the boot of these numbers.
///
/// With two kinds and two daemons half of the product holds every pair of kind, number of processors and daemon.
fn plays(variants: &[Variant], (row, boot): (usize, usize), share: Share) -> Vec<bool> {
    let mut kinds: Vec<_> = variants.iter().map(|variant| variant.kind).collect();
    let mut counts: Vec<_> = variants.iter().map(|variant| variant.vcpus).collect();
    kinds.dedup();
    counts.sort_unstable();
    counts.dedup();
    let turn = |of: usize, turn: usize| turn % of.max(1);
    let plays = |variant: &Variant| {
        let kind = kinds.iter().position(|kind| *kind == variant.kind);
        let count = counts.iter().position(|count| *count == variant.vcpus).unwrap_or_default();
        match share {
            Share::All => true,
            Share::Half => kind == Some(turn(kinds.len(), count + boot)),
            Share::One => kind == Some(turn(kinds.len(), row + boot)) && count == turn(counts.len(), row + boot),
        }
    };
    variants.iter().map(plays).collect()
}

/// The lane of a lifecycle that is not left out.
fn lane(lifecycle: &Lifecycle, extent: Extent) -> Lane {
    let waits = lifecycle.steps.iter().filter(|step| matches!(step, Step::SaveFails)).count();
    match waits {
        0 => Lane::Foreground,
        1 => Lane::Background,
        _ if extent == Extent::Quick => Lane::Skipped("longer than --quick allows"),
        _ => Lane::Background,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xen::variant::{Abi, product};
    use std::collections::BTreeSet;

    const fn lifecycle(name: &'static str, steps: &'static [Step]) -> Lifecycle {
        Lifecycle { name, about: "", cmdline: "", steps, only: None }
    }

    const TABLE: [Lifecycle; 3] = [
        lifecycle("fast", &[Step::Create]),
        lifecycle("slow", &[Step::Create, Step::SaveFails]),
        lifecycle("slower", &[Step::SaveFails, Step::SaveFails]),
    ];

    fn six() -> Vec<Variant> {
        product(&[Kind::Pvh, Kind::Hvm], &[1, 2, 8]).unwrap()
    }

    /// Labels of what plays, of several boots.
    fn played(row: usize, share: Share) -> Vec<(usize, Variant)> {
        let boot = |boot| {
            let variants = six();
            let plays = plays(&variants, (row, boot), share);
            variants.into_iter().zip(plays).filter(|(_, plays)| *plays).map(move |(variant, _)| (boot, variant))
        };
        [0, 1].into_iter().flat_map(boot).collect()
    }

    #[test]
    fn patience_decides_the_lane() {
        let lanes = |extent| TABLE.map(|lifecycle| lane(&lifecycle, extent));
        assert_eq!(lanes(Extent::Full), [Lane::Foreground, Lane::Background, Lane::Background]);
        assert!(matches!(lanes(Extent::Quick), [Lane::Foreground, Lane::Background, Lane::Skipped(_)]));
    }

    #[test]
    fn what_only_the_mock_can_run_is_skipped_with_its_reason() {
        let alone = Lifecycle { only: Some((Host::Mock, "why")), ..TABLE[0] };
        let jobs = jobs(&[alone], &six(), (0, Extent::Full));
        assert!(jobs.len() == 6 && jobs.iter().all(|job| job.lane == Lane::Skipped("why")));
    }

    #[test]
    fn what_only_one_kind_can_run_is_skipped_for_the_other() {
        let several = Lifecycle { only: Some((Host::Smp, "why")), ..TABLE[0] };
        assert!(can(&several, &Variant { kind: Kind::Hvm, vcpus: 1, abi: Abi::Fifo }).is_err());
        assert!(can(&several, &Variant { kind: Kind::Pvh, vcpus: 2, abi: Abi::Fifo }).is_ok());
        let emulated = Lifecycle { only: Some((Host::Hvm, "why")), ..TABLE[0] };
        for boot in [0, 1] {
            let jobs = jobs(&[emulated], &six(), (boot, Extent::Quick));
            let why = |job: &&Job| job.variant.kind == Kind::Pvh && job.lane == Lane::Skipped("why");
            assert_eq!(jobs.iter().filter(why).count(), 3);
            assert_eq!(jobs.iter().filter(|job| job.runs()).count(), 1);
        }
    }

    #[test]
    fn names_select_and_unknown_names_fail() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(select(&TABLE, &names(&["slow"])).unwrap().len(), 1);
        assert_eq!(select(&TABLE, &[]).unwrap().len(), 3);
        assert!(select(&TABLE, &names(&["none"])).unwrap_err().to_string().contains("slower"));
    }

    #[test]
    fn half_of_the_product_has_every_pair() {
        let played = played(0, Share::Half);
        assert_eq!(played.len(), 6);
        let pairs = |pair: fn(&(usize, Variant)) -> (u32, u32)| played.iter().map(pair).collect::<BTreeSet<_>>().len();
        assert_eq!(pairs(|(_, variant)| (variant.kind as u32, variant.vcpus)), 6);
        assert_eq!(pairs(|(boot, variant)| (*boot as u32, variant.vcpus)), 6);
        assert_eq!(pairs(|(boot, variant)| (*boot as u32, variant.kind as u32)), 4);
    }

    #[test]
    fn one_a_boot_goes_through_all_variants() {
        let met: BTreeSet<Variant> =
            (0..6).flat_map(|row| played(row, Share::One)).map(|(_, variant)| variant).collect();
        assert_eq!(met.len(), 6);
        assert_eq!(played(3, Share::One).len(), 2);
    }

    #[test]
    fn a_choice_of_one_is_never_left_out() {
        let one = product(&[Kind::Hvm], &[2]).unwrap();
        for share in [Share::All, Share::Half, Share::One] {
            assert_eq!(plays(&one, (3, 1), share), [true], "{share:?}");
        }
        let counts = product(&[Kind::Hvm], &[1, 2, 8]).unwrap();
        assert_eq!(plays(&counts, (0, 0), Share::Half), [true; 3]);
    }

    #[test]
    fn the_core_is_in_the_table() {
        let known = |name: &&&str| guest::lifecycle::ALL.iter().any(|lifecycle| lifecycle.name == **name);
        assert_eq!(CORE.iter().filter(known).count(), CORE.len());
    }

    #[test]
    fn only_the_core_plays_all_variants() {
        let chosen = [lifecycle("restore", &[Step::Create]), TABLE[0]];
        let jobs = jobs(&chosen, &six(), (0, Extent::Full));
        assert_eq!(jobs.iter().filter(|job| job.runs()).count(), 6 + 3);
        assert_eq!(jobs[5].name(), "restore-hvm-8");
    }
}
