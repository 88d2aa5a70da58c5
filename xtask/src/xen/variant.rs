//! How a domain is made: its kind, and its number of processors; and how it is told of events.

use anyhow::{Result, bail};
use guest::lifecycle::Lifecycle;

/// The kind of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Without emulated devices.
    Pvh,
    /// With a device model in dom0.
    Hvm,
}

impl Kind {
    /// What `xl` calls it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pvh => "pvh",
            Self::Hvm => "hvm",
        }
    }
}

/// The ABI of event channels that a guest is to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Abi {
    /// Queues: what a guest chooses that is told nothing.
    Fifo,
    /// Bitmaps.
    #[value(name = "2l")]
    TwoLevel,
}

/// A kind, a number of processors, and an ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variant {
    /// The kind.
    pub(crate) kind: Kind,
    /// How many virtual processors the domain has.
    pub(crate) vcpus: u32,
    /// How it is told of events, where the lifecycle does not say.
    pub(crate) abi: Abi,
}

impl Variant {
    /// The end of the domain's name.
    pub(crate) fn label(self) -> String {
        let end = match self.abi {
            Abi::Fifo => "",
            Abi::TwoLevel => "-2l",
        };
        format!("{}-{}{end}", self.kind.word(), self.vcpus)
    }

    /// The command line of a lifecycle's guest; of two words for the ABI the last one counts.
    pub(crate) fn cmdline(self, lifecycle: &Lifecycle) -> String {
        let first = match self.abi {
            Abi::Fifo => "",
            Abi::TwoLevel => "evtchn=2l ",
        };
        format!("{first}{}", lifecycle.cmdline)
    }
}

/// All variants of these kinds and numbers, each once; by the ABI that a guest chooses.
pub(crate) fn product(kinds: &[Kind], vcpus: &[u32]) -> Result<Vec<Variant>> {
    // The guest has room for no more.
    if let Some(count) = vcpus.iter().find(|count| !(1..=128).contains(*count)) {
        bail!("a domain of this guest has 1 to 128 processors, not {count}");
    }
    let mut all: Vec<Variant> = kinds
        .iter()
        .flat_map(|&kind| vcpus.iter().map(move |&vcpus| Variant { kind, vcpus, abi: Abi::Fifo }))
        .collect();
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// The guests that are tested: of the kinds and numbers that are wished for; where there is no wish, PVH guests of the usual numbers.
pub(super) fn wished(kinds: &[Kind], vcpus: &[u32], usual: &[u32]) -> Result<Vec<Variant>> {
    product(if kinds.is_empty() { &[Kind::Pvh] } else { kinds }, if vcpus.is_empty() { usual } else { vcpus })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_has_each_variant_once() {
        let all = product(&[Kind::Hvm, Kind::Pvh, Kind::Hvm], &[8, 1]).unwrap();
        let labels: Vec<_> = all.into_iter().map(Variant::label).collect();
        assert_eq!(labels, ["pvh-1", "pvh-8", "hvm-1", "hvm-8"]);
    }

    #[test]
    fn the_abi_is_in_name_and_command_line() {
        let fifo = Variant { kind: Kind::Pvh, vcpus: 2, abi: Abi::Fifo };
        let bitmaps = Variant { abi: Abi::TwoLevel, ..fifo };
        let lifecycle = Lifecycle { name: "a", about: "", cmdline: "wake=1", steps: &[], only: None };
        assert_eq!([fifo, bitmaps].map(Variant::label), ["pvh-2", "pvh-2-2l"]);
        assert_eq!([fifo, bitmaps].map(|one| one.cmdline(&lifecycle)), ["wake=1", "evtchn=2l wake=1"]);
    }

    #[test]
    fn a_wish_goes_before_what_is_usual() {
        let of = |kinds: &[Kind], vcpus: &[u32]| {
            wished(kinds, vcpus, &[1, 2]).unwrap().into_iter().map(Variant::label).collect::<Vec<_>>()
        };
        assert_eq!(of(&[], &[]), ["pvh-1", "pvh-2"]);
        assert_eq!(of(&[], &[4]), ["pvh-4"]);
        assert_eq!(of(&[Kind::Hvm], &[8]), ["hvm-8"]);
    }

    #[test]
    fn a_domain_has_processors() {
        assert!(product(&[Kind::Pvh], &[1, 0]).is_err());
        assert!(product(&[Kind::Pvh], &[129]).is_err());
    }
}
