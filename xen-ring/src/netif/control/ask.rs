//! What a front asks.

use core::fmt;

use super::{InPage, Kind, PageEntry, Queue, Slot};
use crate::netif::{Algorithm, HashTypes};

/// What a front asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Which hashes the back can calculate; the answer's number is [`HashTypes`].
    HashTypes,
    /// Has the back calculate these.
    SetHashTypes(HashTypes),
    /// Gives the back the key of the hash, by bytes.
    SetHashKey(InPage),
    /// How many entries the table from hashes to queues may have; the answer's number says it.
    TableSize,
    /// Makes such a table of so many entries.
    SetTableSize(u32),
    /// Fills a part of it with numbers of 32 bits, each a [`Queue`], from entry `offset` on.
    SetTable {
        /// The numbers.
        entries: InPage,
        /// Which entry the first is.
        offset: u32,
    },
    /// Chooses how hashes are calculated.
    SetAlgorithm(Algorithm),
    /// How many pages the back may keep mapped; the answer's number says it.
    PagesSize(Queue),
    /// Has the back keep these mapped, by [`PageEntry`].
    AddPages(Queue, InPage),
    /// Has the back unmap these, by [`PageEntry`]; the answer's number says how many it did.
    DeletePages(Queue, InPage),
    /// Something that this library does not know, to be answered with [`NOT_SUPPORTED`](super::Status::NOT_SUPPORTED).
    Other(Kind),
}

/// Why a request cannot be one, to be answered with [`INVALID_PARAMETER`](super::Status::INVALID_PARAMETER).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadAsk {
    /// More than are in a page.
    BeyondPage {
        /// How many.
        count: u32,
        /// How many are.
        most: usize,
    },
    /// Entries of a table beyond the last that has a number.
    BeyondNumbers {
        /// The first.
        offset: u32,
        /// How many.
        count: u32,
    },
    /// An algorithm whose number is too large.
    Algorithm(u32),
}

impl fmt::Display for BadAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeyondPage { count, most } => write!(f, "{count} in a page that holds {most}"),
            Self::BeyondNumbers { offset, count } => write!(f, "{count} entries from entry {offset} on"),
            Self::Algorithm(algorithm) => write!(f, "algorithm {algorithm}"),
        }
    }
}

impl core::error::Error for BadAsk {}

impl Ask {
    /// Returns what a slot says.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::HashTypes => Kind::GET_HASH_FLAGS,
            Self::SetHashTypes(_) => Kind::SET_HASH_FLAGS,
            Self::SetHashKey(_) => Kind::SET_HASH_KEY,
            Self::TableSize => Kind::GET_HASH_MAPPING_SIZE,
            Self::SetTableSize(_) => Kind::SET_HASH_MAPPING_SIZE,
            Self::SetTable { .. } => Kind::SET_HASH_MAPPING,
            Self::SetAlgorithm(_) => Kind::SET_HASH_ALGORITHM,
            Self::PagesSize(_) => Kind::GET_GREF_MAPPING_SIZE,
            Self::AddPages(..) => Kind::ADD_GREF_MAPPING,
            Self::DeletePages(..) => Kind::DEL_GREF_MAPPING,
            Self::Other(kind) => *kind,
        }
    }

    /// Makes a slot; its id is for the ring to write.
    ///
    /// # Errors
    /// If no back could do it: see [`BadAsk`].
    pub fn slot(&self) -> Result<Slot, BadAsk> {
        let data = match self.check()? {
            Self::HashTypes | Self::TableSize | Self::Other(_) => [0; 3],
            Self::SetHashTypes(types) => [types.bits(), 0, 0],
            Self::SetHashKey(key) => [key.page().0, key.count(), 0],
            Self::SetTableSize(entries) => [entries, 0, 0],
            Self::SetTable { entries, offset } => [entries.page().0, entries.count(), offset],
            Self::SetAlgorithm(algorithm) => [algorithm.0.into(), 0, 0],
            Self::PagesSize(queue) => [queue.0, 0, 0],
            Self::AddPages(queue, list) | Self::DeletePages(queue, list) => [queue.0, list.page().0, list.count()],
        };
        Ok(Slot::new(self.kind(), data))
    }

    /// Checks what no type rules out.
    pub(super) fn check(self) -> Result<Self, BadAsk> {
        match self {
            Self::SetHashKey(key) => _ = key.check(1)?,
            Self::SetTable { entries, offset } => {
                entries.check(size_of::<u32>())?;
                if offset.checked_add(entries.count()).is_none() {
                    return Err(BadAsk::BeyondNumbers { offset, count: entries.count() });
                }
            }
            Self::AddPages(_, list) | Self::DeletePages(_, list) => _ = list.check(size_of::<PageEntry>())?,
            _ => {}
        }
        Ok(self)
    }
}
