//! Which lifecycles run, and how.

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
    /// Everything.
    Full,
    /// Nothing that waits for the toolstack's patience twice.
    Quick,
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

/// The lane of a lifecycle.
pub(crate) fn lane(lifecycle: &Lifecycle, extent: Extent) -> Lane {
    let waits = lifecycle.steps.iter().filter(|step| matches!(step, Step::SaveFails)).count();
    match lifecycle.only {
        Some((Host::Mock, why)) => Lane::Skipped(why),
        _ if waits == 0 => Lane::Foreground,
        _ if waits > 1 && extent == Extent::Quick => Lane::Skipped("longer than --quick allows"),
        _ => Lane::Background,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn lifecycle(name: &'static str, steps: &'static [Step]) -> Lifecycle {
        Lifecycle { name, about: "", cmdline: "", steps, only: None }
    }

    const TABLE: [Lifecycle; 3] = [
        lifecycle("fast", &[Step::Create]),
        lifecycle("slow", &[Step::Create, Step::SaveFails]),
        lifecycle("slower", &[Step::SaveFails, Step::SaveFails]),
    ];

    #[test]
    fn patience_decides_the_lane() {
        let lanes = |extent| TABLE.map(|lifecycle| lane(&lifecycle, extent));
        assert_eq!(lanes(Extent::Full), [Lane::Foreground, Lane::Background, Lane::Background]);
        assert!(matches!(lanes(Extent::Quick), [Lane::Foreground, Lane::Background, Lane::Skipped(_)]));
    }

    #[test]
    fn what_only_the_mock_can_run_is_skipped_with_its_reason() {
        let alone = Lifecycle { only: Some((Host::Mock, "why")), ..TABLE[0] };
        assert_eq!(lane(&alone, Extent::Full), Lane::Skipped("why"));
    }

    #[test]
    fn names_select_and_unknown_names_fail() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(select(&TABLE, &names(&["slow"])).unwrap().len(), 1);
        assert_eq!(select(&TABLE, &[]).unwrap().len(), 3);
        assert!(select(&TABLE, &names(&["none"])).unwrap_err().to_string().contains("slower"));
    }
}
