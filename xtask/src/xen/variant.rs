//! How a domain is made: its kind, and its number of processors.

use anyhow::{Result, bail};

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

/// A kind and a number of processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variant {
    /// The kind.
    pub(crate) kind: Kind,
    /// How many virtual processors the domain has.
    pub(crate) vcpus: u32,
}

impl Variant {
    /// The end of the domain's name.
    pub(crate) fn label(self) -> String {
        format!("{}-{}", self.kind.word(), self.vcpus)
    }
}

/// All variants of these kinds and numbers, each once.
pub(crate) fn product(kinds: &[Kind], vcpus: &[u32]) -> Result<Vec<Variant>> {
    // The guest has room for no more.
    if let Some(count) = vcpus.iter().find(|count| !(1..=128).contains(*count)) {
        bail!("a domain of this guest has 1 to 128 processors, not {count}");
    }
    let mut all: Vec<Variant> =
        kinds.iter().flat_map(|&kind| vcpus.iter().map(move |&vcpus| Variant { kind, vcpus })).collect();
    all.sort_unstable();
    all.dedup();
    Ok(all)
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
    fn a_domain_has_processors() {
        assert!(product(&[Kind::Pvh], &[1, 0]).is_err());
        assert!(product(&[Kind::Pvh], &[129]).is_err());
    }
}
