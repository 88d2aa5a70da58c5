//! What is asked, and how it ended.

use core::fmt;

/// What is asked; unknown values are kept.
///
/// # Xen
/// `XEN_NETIF_CTRL_TYPE_*` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub u16);

impl Kind {
    /// Nothing.
    pub const INVALID: Self = Self(0);
    /// Which hashes the back can calculate.
    pub const GET_HASH_FLAGS: Self = Self(1);
    /// Has the back calculate hashes.
    pub const SET_HASH_FLAGS: Self = Self(2);
    /// Gives the back the key of the hash.
    pub const SET_HASH_KEY: Self = Self(3);
    /// How many entries the table from hashes to queues may have.
    pub const GET_HASH_MAPPING_SIZE: Self = Self(4);
    /// Makes such a table, filled with zeros.
    pub const SET_HASH_MAPPING_SIZE: Self = Self(5);
    /// Fills a part of it.
    pub const SET_HASH_MAPPING: Self = Self(6);
    /// Chooses how hashes are calculated.
    pub const SET_HASH_ALGORITHM: Self = Self(7);
    /// How many pages the back may keep mapped.
    pub const GET_GREF_MAPPING_SIZE: Self = Self(8);
    /// Has the back keep pages mapped.
    pub const ADD_GREF_MAPPING: Self = Self(9);
    /// Has the back unmap such pages.
    pub const DEL_GREF_MAPPING: Self = Self(10);
}

/// How a request ended; unknown values are kept.
///
/// # Xen
/// `XEN_NETIF_CTRL_STATUS_*` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u32);

impl Status {
    /// It was done.
    pub const SUCCESS: Self = Self(0);
    /// The back does not do such a thing.
    pub const NOT_SUPPORTED: Self = Self(1);
    /// What it says cannot be.
    pub const INVALID_PARAMETER: Self = Self(2);
    /// It is larger than the back can take.
    pub const BUFFER_OVERFLOW: Self = Self(3);

    /// Returns whether it was done; nothing but 0 says so.
    ///
    /// # Errors
    /// The status otherwise.
    pub const fn result(self) -> Result<(), Self> {
        match self {
            Self::SUCCESS => Ok(()),
            refused => Err(refused),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SUCCESS => f.write_str("done"),
            Self::NOT_SUPPORTED => f.write_str("the backend does not do such a thing"),
            Self::INVALID_PARAMETER => f.write_str("the backend says that this cannot be"),
            Self::BUFFER_OVERFLOW => f.write_str("larger than the backend can take"),
            Self(unknown) => write!(f, "the backend ended it with the unknown status {unknown}"),
        }
    }
}

impl core::error::Error for Status {}
