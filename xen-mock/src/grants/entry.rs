//! One entry of a table, of either version.

use xen_hypercall::{DomId, Gfn, GrantRef};

use crate::hypervisor::argument::Fields;

pub(crate) const TYPE_MASK: u16 = 3;
pub(crate) const PERMIT_ACCESS: u16 = 1;
pub(crate) const ACCEPT_TRANSFER: u16 = 2;
pub(crate) const TRANSITIVE: u16 = 3;
pub(crate) const READONLY: u16 = 1 << 2;
pub(crate) const READING: u16 = 1 << 3;
pub(crate) const WRITING: u16 = 1 << 4;
pub(crate) const PWT: u16 = 1 << 5;
pub(crate) const PCD: u16 = 1 << 6;
pub(crate) const PAT: u16 = 1 << 7;
pub(crate) const SUB_PAGE: u16 = 1 << 8;
/// The bits that Xen sets in an entry of version 1, and in the status of version 2.
pub(crate) const XEN_BITS: u16 = READING | WRITING;

/// The layout of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// 8 bytes an entry, with Xen's bits in it.
    V1,
    /// 16 bytes an entry, and 2 of status elsewhere.
    V2,
}

impl Version {
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// Size of an entry, in bytes.
    pub(crate) const fn entry_size(self) -> usize {
        match self {
            Self::V1 => 8,
            Self::V2 => 16,
        }
    }
}

/// What an entry gives to its domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing.
    Nothing,
    /// A page.
    Page(Gfn),
    /// Bytes of a page, to be copied only.
    Part { gfn: Gfn, offset: u16, length: u16 },
    /// What another domain granted to this one, to be copied only.
    Through { domain: DomId, gref: GrantRef },
    /// A place for a page that is to be given away.
    Transfer,
}

/// An entry as it stands in the table; one of version 1 fills the first half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) version: Version,
    pub(crate) bytes: [u8; 16],
}

impl Entry {
    pub(crate) fn flags(&self) -> u16 {
        self.bytes.u16(0)
    }

    pub(crate) fn domain(&self) -> DomId {
        DomId(self.bytes.u16(2))
    }

    fn gfn(&self) -> Gfn {
        match self.version {
            Version::V1 => Gfn(u64::from(self.bytes.u32(4))),
            Version::V2 => Gfn(self.bytes.u64(8)),
        }
    }

    pub(crate) fn content(&self) -> Content {
        let flags = self.flags();
        match (flags & TYPE_MASK, self.version) {
            (PERMIT_ACCESS, Version::V2) if flags & SUB_PAGE != 0 => {
                Content::Part { gfn: self.gfn(), offset: self.bytes.u16(4), length: self.bytes.u16(6) }
            }
            (PERMIT_ACCESS, _) => Content::Page(self.gfn()),
            (TRANSITIVE, Version::V2) => {
                Content::Through { domain: DomId(self.bytes.u16(4)), gref: GrantRef(self.bytes.u32(8)) }
            }
            (ACCEPT_TRANSFER, _) => Content::Transfer,
            _ => Content::Nothing,
        }
    }

    /// The same entry, with other flags.
    pub(crate) fn with_flags(mut self, flags: u16) -> Self {
        self.bytes[..2].copy_from_slice(&flags.to_le_bytes());
        self
    }

    /// Tells whether an entry that grants something is one that the header allows: no unknown bit, no padding, a range
    /// within the page, and Xen's bits are Xen's.
    pub(crate) fn is_well_formed(&self, xens: u16) -> bool {
        let known = TYPE_MASK | READONLY | xens | PWT | PCD | PAT;
        let sub = if self.version == Version::V2 { SUB_PAGE } else { 0 };
        let bits = self.flags() & !(known | sub) == 0;
        bits && match (self.content(), self.version) {
            (Content::Page(_), Version::V2) => self.bytes.u32(4) == 0,
            (Content::Part { offset, length, .. }, _) => {
                length != 0 && usize::from(offset) + usize::from(length) <= 4096
            }
            (Content::Through { .. }, _) => self.bytes.u16(6) == 0 && self.bytes.u32(12) == 0,
            (Content::Transfer, _) => false,
            (Content::Nothing | Content::Page(_), _) => true,
        }
    }
}
