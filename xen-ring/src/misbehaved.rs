//! The ways a peer breaks the protocol of a ring.

use core::fmt;

use crate::RequestId;

/// Says how the peer broke the protocol; the object that says so is dead and can only be replaced.
#[doc(alias("RING_REQUEST_PROD_OVERFLOW", "RING_RESPONSE_PROD_OVERFLOW"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaved {
    /// The peer's index moved further than the ring's state allows, which includes any move backwards.
    Overrun {
        /// The index as last accepted.
        seen: u32,
        /// The index as the peer wrote it.
        now: u32,
        /// The most steps it could have taken.
        allowed: u32,
    },
    /// The peer answered an id whose place is not in the table.
    UnknownId(RequestId),
    /// The peer answered a request that is not with it: free, answered already, or staged and not yet published.
    NotOutstanding(RequestId),
    /// The peer answered an earlier request that had the same place.
    Stale(RequestId),
    /// The peer's answer does not fit what the request asked.
    WrongKind(RequestId),
    /// The peer answered a request that is not next, in a ring whose answers come in order.
    OutOfOrder(RequestId),
    /// The peer answered a slot without id, and none is with it.
    NothingUnnamed,
}

impl fmt::Display for Misbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overrun { seen, now, allowed } => {
                write!(f, "peer moved its index from {seen} to {now}, with at most {allowed} steps to go")
            }
            Self::UnknownId(id) => write!(f, "peer answered id {id}, which is out of range"),
            Self::NotOutstanding(id) => write!(f, "peer answered id {id}, which is not outstanding"),
            Self::Stale(id) => write!(f, "peer answered id {id}, which was settled before"),
            Self::WrongKind(id) => write!(f, "peer answered id {id} with another kind of answer"),
            Self::OutOfOrder(id) => write!(f, "peer answered id {id}, whose turn it is not"),
            Self::NothingUnnamed => f.write_str("peer answered a slot without id, and there was none"),
        }
    }
}

impl core::error::Error for Misbehaved {}

/// A reason in four words, by which one half of a front tells the other.
pub(crate) type Code = [u32; 4];

impl Misbehaved {
    /// Puts the reason into words, of which the first is not 0.
    pub(crate) fn encode(self) -> Code {
        let (kind, id) = match self {
            Self::Overrun { seen, now, allowed } => return [1, seen, now, allowed],
            Self::UnknownId(id) => (2, id),
            Self::NotOutstanding(id) => (3, id),
            Self::Stale(id) => (4, id),
            Self::WrongKind(id) => (5, id),
            Self::OutOfOrder(id) => (6, id),
            Self::NothingUnnamed => (7, RequestId(0)),
        };
        let [low, high] = halves(id.0);
        [kind, low, high, 0]
    }

    /// Reads what [`Misbehaved::encode`] made; 0 says that all is well.
    pub(crate) fn decode([kind, a, b, c]: Code) -> Option<Self> {
        let id = RequestId(u64::from(b) << 32 | u64::from(a));
        match kind {
            0 => None,
            1 => Some(Self::Overrun { seen: a, now: b, allowed: c }),
            2 => Some(Self::UnknownId(id)),
            3 => Some(Self::NotOutstanding(id)),
            4 => Some(Self::Stale(id)),
            5 => Some(Self::WrongKind(id)),
            6 => Some(Self::OutOfOrder(id)),
            _ => Some(Self::NothingUnnamed),
        }
    }
}

#[expect(clippy::as_conversions, reason = "the halves of a word")]
const fn halves(word: u64) -> [u32; 2] {
    [(word & 0xffff_ffff) as u32, (word >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::{Misbehaved, RequestId};

    #[test]
    fn r30_a_reason_comes_through_words() {
        let id = RequestId(0x1234_5678_9abc_def0);
        let named = [
            Misbehaved::UnknownId,
            Misbehaved::NotOutstanding,
            Misbehaved::Stale,
            Misbehaved::WrongKind,
            Misbehaved::OutOfOrder,
        ];
        let overrun = Misbehaved::Overrun { seen: 1, now: u32::MAX, allowed: 3 };
        for reason in named.map(|reason| reason(id)).into_iter().chain([overrun, Misbehaved::NothingUnnamed]) {
            assert_eq!(Misbehaved::decode(reason.encode()), Some(reason));
        }
        assert_eq!(Misbehaved::decode([0; 4]), None);
    }
}
