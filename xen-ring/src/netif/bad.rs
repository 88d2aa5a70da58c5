//! Why slots are no packet.

use core::fmt;

use super::chain::Want;
use super::extra::BadExtra;
use super::status::Lost;

/// Why slots are no packet. All of them count as taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPacket {
    /// It is not all there: this is what comes next, and nothing does.
    CutShort(Want),
    /// It has more parts than the limit.
    TooManyFragments {
        /// The limit.
        most: u16,
    },
    /// A part has no bytes and is not the last.
    EmptyFragment,
    /// It has no bytes, and nothing is said but that.
    Empty,
    /// It is longer than a number of 16 bits says.
    TooLong {
        /// Bytes of it.
        length: u32,
    },
    /// A part is not within its page.
    BeyondPage {
        /// Where in the page it begins.
        offset: u16,
        /// How long it is.
        length: u16,
    },
    /// The parts behind the first are longer than the whole.
    PartsExceedWhole {
        /// Bytes of the whole.
        whole: u16,
        /// Bytes of those parts.
        parts: u32,
    },
    /// Extra infos are announced by a part that is not the first.
    LateExtra,
    /// An extra info is none.
    Extra(BadExtra),
    /// The back lost it.
    Lost(Lost),
}

impl fmt::Display for BadPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort(Want::Fragment) => f.write_str("a packet that goes on, and nothing follows"),
            Self::CutShort(Want::Extra) => f.write_str("a packet with an extra info, and none follows"),
            Self::TooManyFragments { most } => write!(f, "a packet of more than {most} parts"),
            Self::EmptyFragment => f.write_str("a packet with an empty part before its end"),
            Self::Empty => f.write_str("an empty packet"),
            Self::TooLong { length } => write!(f, "a packet of {length} bytes"),
            Self::BeyondPage { offset, length } => write!(f, "{length} bytes from byte {offset} of a page on"),
            Self::PartsExceedWhole { whole, parts } => {
                write!(f, "a packet of {whole} bytes with {parts} behind its first part")
            }
            Self::LateExtra => f.write_str("extra infos behind a part that is not the first"),
            Self::Extra(why) => why.fmt(f),
            Self::Lost(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for BadPacket {}
