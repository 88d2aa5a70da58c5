//! What is in an entry of the table, and how access is given and taken back.

mod v1;
mod v2;

use bitflags::bitflags;
use xen_hypercall::{DomId, Gfn, GrantRef, SharedPage};

pub(crate) use v1::{PER_FRAME as PER_FRAME_V1, V1};
pub(crate) use v2::{PER_FRAME as PER_FRAME_V2, PER_STATUS_FRAME, V2};

use crate::{Refusal, Version};

/// Entries that are the toolstack's: the console's, xenstore's, and six for times to come.
///
/// # Xen
/// `GNTTAB_NR_RESERVED_ENTRIES` of `grant_table.h`.
pub const RESERVED_ENTRIES: u32 = 8;

/// Where the domain stands in the first word, above the flags.
const DOMAIN_SHIFT: u32 = 16;

bitflags! {
    /// What an entry allows, and what the peer does with it.
    ///
    /// # Xen
    /// `GTF_*` of `grant_table.h`; the type is `GTF_permit_access`, or `GTF_invalid` without it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Flags: u16 {
        /// The peer may map the page; written by the guest.
        const PERMIT_ACCESS = 1;
        /// The peer may only read it; written by the guest.
        const READ_ONLY = 1 << 2;
        /// The peer has mapped it for reading; written by Xen.
        const READING = 1 << 3;
        /// The peer has mapped it for writing; written by Xen.
        const WRITING = 1 << 4;
    }
}

impl Flags {
    /// Tells whether a peer has the page mapped.
    #[inline]
    const fn in_use(bits: u16) -> bool {
        Self::from_bits_retain(bits).intersects(Self::READING.union(Self::WRITING))
    }
}

/// What is granted to whom: the first word of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permit {
    pub(crate) peer: DomId,
    pub(crate) flags: Flags,
}

impl Permit {
    #[inline]
    pub(crate) fn word(self) -> u32 {
        u32::from(self.peer.0) << DOMAIN_SHIFT | u32::from(self.flags.bits())
    }
}

/// An entry, in whichever version the table is.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    V1(V1<'a>),
    V2(V2<'a>),
}

impl<'a> Entry<'a> {
    /// Finds an entry, unless it is beyond the frames: those of the table, or those of the status words.
    #[inline]
    pub(crate) fn of(version: Version, (frames, status): Pages<'a>, gref: GrantRef) -> Option<Self> {
        let at = usize::try_from(gref.0).ok()?;
        match version {
            Version::V1 => V1::of(frames, at).map(Self::V1),
            Version::V2 => V2::of(frames, status, at).map(Self::V2),
        }
    }

    /// Finds an entry of version 1.
    #[inline(always)]
    pub(crate) fn v1(frames: &'a [SharedPage], gref: GrantRef) -> Option<V1<'a>> {
        V1::of(frames, usize::try_from(gref.0).ok()?)
    }

    /// Lets a peer reach a frame; the entry is unused.
    pub(crate) fn permit(&self, frame: Gfn, permit: Permit) -> Result<(), Refusal> {
        match self {
            Self::V1(entry) => {
                let number = u32::try_from(frame.0).map_err(|_| Refusal::TooHigh(frame))?;
                entry.permit(number, permit);
            }
            Self::V2(entry) => entry.permit(frame.0, permit),
        }
        Ok(())
    }

    /// Ends what was permitted, unless the peer has the page mapped, and tells whether it did.
    ///
    /// There is no way to ask first: the answer would be old.
    pub(crate) fn revoke(&self, permit: Permit) -> bool {
        match self {
            Self::V1(entry) => entry.revoke(permit.word()),
            Self::V2(entry) => entry.revoke(),
        }
    }

    /// Tells whether nothing is permitted, and no peer has the page mapped.
    pub(crate) fn is_idle(&self) -> bool {
        match self {
            Self::V1(entry) => entry.is_idle(),
            Self::V2(entry) => entry.is_idle(),
        }
    }

    /// Ends whatever was permitted, unless a peer has the page mapped, and tells whether it did.
    pub(crate) fn void(&self) -> bool {
        match self {
            Self::V1(entry) => entry.void(),
            Self::V2(entry) => entry.revoke(),
        }
    }
}

/// Frames of the table, and of its status words.
pub(crate) type Pages<'a> = (&'a [SharedPage], &'a [SharedPage]);
