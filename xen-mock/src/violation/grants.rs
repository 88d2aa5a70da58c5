//! What a correct guest never does with grants.

use std::fmt;

use xen_hypercall::{DomId, Gfn, GrantRef};

/// A wrong use of the guest's own table, or of what others granted to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantMisuse {
    /// It granted a frame that it does not have, or that is not its own memory.
    NotOwn(GrantRef, Gfn),
    /// It granted to a number that no domain can have; its own is one, `DOMID_SELF` is none.
    ToNobody(GrantRef, DomId),
    /// It wrote an entry with bits, padding or a range that the header does not allow.
    Malformed(GrantRef),
    /// It changed an entry that belongs to the toolstack.
    ReservedTouched(GrantRef),
    /// It granted by an entry of version 2, and has not mapped the frame where its status stands.
    StatusNotMapped(GrantRef),
    /// It wrote to the status of an entry, which only Xen does.
    StatusWritten(GrantRef),
    /// It changed the version of its table while this entry granted something.
    Wiped(GrantRef),
    /// It asked for a page of another domain at a frame that is no hole, or is taken.
    NoSuchPlace(Gfn),
    /// It unmapped by a handle that is free again.
    UnmappedTwice(u32),
    /// It unmapped by a handle that was never given to it.
    NoSuchHandle(u32),
    /// It unmapped without an address, which does nothing.
    UnmappedNothing(u32),
    /// It unmapped by a handle of a page that is somewhere else.
    UnmappedElsewhere(u32, Gfn),
    /// It wrote to a page that is mapped for reading only; Xen drops that without a word.
    WroteToReadOnly(Gfn),
    /// It stopped for good, and this entry still granted something.
    GrantLeft(GrantRef),
    /// It stopped for good, and had a page of another domain mapped by this handle.
    MappingLeft(u32),
}

impl fmt::Display for GrantMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOwn(gref, gfn) => write!(f, "grant {gref} is of frame {gfn}, which is not the guest's own"),
            Self::ToNobody(gref, domain) => write!(f, "grant {gref} is for {domain}, which is no domain"),
            Self::Malformed(gref) => write!(f, "grant {gref} has bits or bytes that the header does not allow"),
            Self::ReservedTouched(gref) => write!(f, "grant {gref} is the toolstack's, and was changed"),
            Self::StatusNotMapped(gref) => write!(f, "grant {gref} is in use, and its status is not mapped"),
            Self::StatusWritten(gref) => write!(f, "the status of grant {gref} was written"),
            Self::Wiped(gref) => write!(f, "grant {gref} was wiped by a change of the table's version"),
            Self::NoSuchPlace(gfn) => write!(f, "a page was to be mapped at frame {gfn}, which is no hole"),
            Self::UnmappedTwice(handle) => write!(f, "mapping {handle} was undone, and is no more"),
            Self::NoSuchHandle(handle) => write!(f, "mapping {handle} was undone, and never was"),
            Self::UnmappedNothing(handle) => write!(f, "mapping {handle} was undone without an address"),
            Self::UnmappedElsewhere(handle, gfn) => {
                write!(f, "mapping {handle} was undone at frame {gfn}, and is not there")
            }
            Self::WroteToReadOnly(gfn) => write!(f, "frame {gfn} is mapped for reading only, and was written"),
            Self::GrantLeft(gref) => write!(f, "grant {gref} was left when the guest stopped"),
            Self::MappingLeft(handle) => write!(f, "mapping {handle} was left when the guest stopped"),
        }
    }
}
