//! The kinds of guests that a sweep knows.

use core::fmt;
use core::str::FromStr;

use guest::lifecycle::{Host as On, Lifecycle};
use xen_evtchn::Abi;
use xen_mock::Kind;

/// A guest of a kind, with so many processors, and an ABI of event channels; as a word `pvh-2`, or by bitmaps `pvh-2-2l`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// With emulated devices or without.
    pub kind: Kind,
    /// How many processors it has.
    pub vcpus: u32,
    /// How it is told of events.
    pub evtchn: Abi,
}

impl Variant {
    /// A guest without emulated devices, and with one processor.
    pub const PLAIN: Self = Self { kind: Kind::Pvh, vcpus: 1, evtchn: Abi::Fifo };

    /// Tells whether such a guest can go through a lifecycle.
    #[must_use]
    pub const fn takes(self, lifecycle: &Lifecycle) -> bool {
        !matches!(lifecycle.only, Some((On::Smp, _))) || self.vcpus > 1
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Pvh => "pvh",
            Kind::Hvm => "hvm",
        };
        let end = match self.evtchn {
            Abi::Fifo => "",
            Abi::TwoLevel => BITMAPS,
        };
        write!(f, "{kind}-{}{end}", self.vcpus)
    }
}

/// The end of the word for a guest that is told of events by bitmaps.
const BITMAPS: &str = "-2l";

/// A word that names no guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoVariant;

impl fmt::Display for NoVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a guest is pvh-N, hvm-N, pvh-N-2l or hvm-N-2l, with 1 to 8 processors")
    }
}

impl std::error::Error for NoVariant {}

impl FromStr for Variant {
    type Err = NoVariant;

    fn from_str(text: &str) -> Result<Self, NoVariant> {
        let (text, evtchn) = text.strip_suffix(BITMAPS).map_or((text, Abi::Fifo), |text| (text, Abi::TwoLevel));
        let (kind, vcpus) = text.split_once('-').ok_or(NoVariant)?;
        let kind = match kind {
            "pvh" => Kind::Pvh,
            "hvm" => Kind::Hvm,
            _ => return Err(NoVariant),
        };
        let vcpus = vcpus.parse().ok().filter(|vcpus| (1..=8).contains(vcpus)).ok_or(NoVariant)?;
        Ok(Self { kind, vcpus, evtchn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_a_guest() {
        for word in ["pvh-1", "hvm-8", "pvh-2-2l"] {
            assert_eq!(word.parse::<Variant>().unwrap().to_string(), word);
        }
        for word in ["", "pvh", "pv-1", "pvh-0", "hvm-9", "hvm-x", "hvm-2l", "pvh-1-3l"] {
            assert_eq!(word.parse::<Variant>(), Err(NoVariant), "{word}");
        }
    }
}
