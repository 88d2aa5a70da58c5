//! What the toolstack writes to `control/shutdown`.

use core::fmt;

use xen_hypercall::op::sched::Reason;

/// Bytes of an unknown word that are kept for a report.
const KEPT: usize = 24;

/// A value of `control/shutdown`.
///
/// # Xen
/// `xenstore-paths`, `control/shutdown`: written by the toolstack, acknowledged by the guest with an empty value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlWord {
    /// Empty, or no such node: nothing is asked for.
    Idle,
    /// Stop for good.
    Poweroff,
    /// Stop for good; told apart from [`ControlWord::Poweroff`] in reports only.
    Halt,
    /// Stop and start anew.
    Reboot,
    /// Be saved, checkpointed or migrated.
    Suspend,
    /// A word that is not served: never acknowledged, only reported.
    Unknown(Unknown),
}

/// The beginning of a word that is not known, for a report.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    bytes: [u8; KEPT],
    len: u8,
}

impl Unknown {
    fn new(value: &[u8]) -> Self {
        let mut bytes = [0; KEPT];
        let kept = bytes.iter_mut().zip(value).map(|(to, from)| *to = *from).count();
        Self { bytes, len: u8::try_from(kept).unwrap_or(0) }
    }

    /// Returns the first 24 bytes of the word, as the toolstack wrote them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for Unknown {
    /// Writes the word with everything that is not printable escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().escape_ascii().fmt(f)
    }
}

impl ControlWord {
    /// Takes the value of the node.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        match value {
            b"" => Self::Idle,
            b"poweroff" => Self::Poweroff,
            b"halt" => Self::Halt,
            b"reboot" => Self::Reboot,
            b"suspend" => Self::Suspend,
            other => Self::Unknown(Unknown::new(other)),
        }
    }

    /// Returns the reason to shut down for, if the word asks for a stop.
    #[must_use]
    pub const fn stop(self) -> Option<Reason> {
        match self {
            Self::Poweroff | Self::Halt => Some(Reason::POWEROFF),
            Self::Reboot => Some(Reason::REBOOT),
            Self::Idle | Self::Suspend | Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for ControlWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Poweroff => "poweroff",
            Self::Halt => "halt",
            Self::Reboot => "reboot",
            Self::Suspend => "suspend",
            Self::Unknown(word) => return word.fmt(f),
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use alloc::string::ToString;

    use super::{ControlWord, Reason};

    #[test]
    fn known_words_are_exact() {
        assert_eq!(ControlWord::parse(b"suspend"), ControlWord::Suspend);
        assert_eq!(ControlWord::parse(b"halt").stop(), Some(Reason::POWEROFF));
        assert_eq!(ControlWord::parse(b"reboot").stop(), Some(Reason::REBOOT));
        for near in [&b"suspend\0"[..], b"Suspend", b" suspend", b"suspen", b"crash", b"s3"] {
            assert!(matches!(ControlWord::parse(near), ControlWord::Unknown(_)), "{near:?}");
            assert_eq!(ControlWord::parse(near).stop(), None);
        }
    }

    #[test]
    fn junk_is_kept_short_and_printed_safely() {
        let junk = ControlWord::parse(b"\x1b[2J\xff a word far longer than what is kept of it");
        assert_eq!(junk.to_string(), r"\x1b[2J\xff a word far longer ");
    }
}
