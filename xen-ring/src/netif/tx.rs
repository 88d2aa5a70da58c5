//! The transmit ring: packets from the front to the back.

mod pieces;

use xen_hypercall::GrantRef;
use zerocopy::{FromBytes, Immutable, IntoBytes, transmute};

use super::bad::BadPacket;
use super::chain::{Direction, Flow, FragmentLimit, Position, Reads, Want};
use super::extra::ExtraInfo;
use super::links::{Links, Next};
use super::low;
use super::part::Part;
use super::status::Status;
use crate::{Back, Protocol, RequestId, Words};

pub use pieces::{Piece, packet};

/// The protocol of a transmit ring: ids of 16 bits, answers in any order, and slots without id.
///
/// An answer of [`Status::NULL`] is for an extra info: the oldest that has none.
#[derive(Debug)]
pub struct Tx;

/// What stands in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// A part of a packet, answered by its id.
    Fragment,
    /// An extra info, answered without id.
    Extra,
}

bitflags::bitflags! {
    /// Flags of a part; unknown bits are kept.
    ///
    /// # Xen
    /// `NETTXF_*` of `io/netif.h`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Flags: u16 {
        /// The checksum of the protocol is for the back to fill in.
        const CSUM_BLANK = 1 << 0;
        /// The front has seen that the checksum is right, or that there is none.
        const DATA_VALIDATED = 1 << 1;
        /// Another part follows.
        const MORE_DATA = 1 << 2;
        /// Extra infos follow.
        const EXTRA_INFO = 1 << 3;
    }
}

/// A slot: a part of a packet or an extra info, as the slot before it says.
///
/// # Xen
/// `union netif_tx_sring_entry` of `io/ring.h` and `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
pub struct Slot([u32; 3]);

/// A slot that is a part of a packet.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 4 | `gref` | the page |
/// | 4 | 2 | `offset` | where in the page it begins |
/// | 6 | 2 | `flags` | [`Flags`] |
/// | 8 | 2 | `id` | comes back in the answer |
/// | 10 | 2 | `size` | bytes of it; of the first part, those of the whole packet |
///
/// # Xen
/// `struct netif_tx_request` of `io/netif.h`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Request {
    gref: u32,
    offset: u16,
    flags: u16,
    id: u16,
    size: u16,
}
const _: () = assert!(size_of::<Request>() == 12);

/// A slot that is an extra info.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ExtraSlot {
    info: ExtraInfo,
    pad: [u8; 4],
}
const _: () = assert!(size_of::<ExtraSlot>() == 12);

/// An answer.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 2 | `id` | of the request; nothing if `status` is [`Status::NULL`] |
/// | 2 | 2 | `status` | [`Status`] |
///
/// # Xen
/// `struct netif_tx_response` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Answer {
    id: u16,
    status: i16,
}
const _: () = assert!(size_of::<Answer>() == 4);

/// A part of a packet, as its slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// What the answer is to name.
    pub id: RequestId,
    /// The page.
    pub page: GrantRef,
    /// What is said of it; the flags that chain slots are for this library.
    pub flags: Flags,
    /// The bytes of the page, or `None` of the first part: they are known when all are, from [`Packet::first`](super::Packet::first).
    pub part: Option<Part>,
}

impl Slot {
    /// Returns the id of a part.
    #[must_use]
    pub fn id(&self) -> RequestId {
        let Request { id, .. } = transmute!(*self);
        RequestId(id.into())
    }
}

impl Answer {
    /// Answers a part.
    #[must_use]
    pub fn to_fragment(id: RequestId, status: Status) -> Self {
        Self { id: low(id), status: status.0 }
    }

    /// Answers an extra info.
    #[must_use]
    pub const fn to_extra() -> Self {
        Self { id: 0, status: Status::NULL.0 }
    }

    /// Returns how the packet ended.
    #[must_use]
    pub const fn status(&self) -> Status {
        Status(self.status)
    }
}

impl Protocol for Tx {
    type Request = Slot;
    type Response = Answer;
    type Kind = Carries;
    const ID_BITS: u32 = 16;

    #[inline]
    fn stamp(slot: &mut Slot, id: RequestId) {
        let request: &mut Request = zerocopy::transmute_mut!(slot);
        request.id = low(id);
    }

    #[inline]
    fn kind(_: &Slot) -> Carries {
        Carries::Fragment
    }

    #[inline]
    fn kind_unnamed(_: &Slot) -> Carries {
        Carries::Extra
    }

    fn is_named(asked: Carries) -> bool {
        asked == Carries::Fragment
    }

    #[inline]
    fn id(answer: &Answer) -> Option<RequestId> {
        (answer.status() != Status::NULL).then(|| RequestId(answer.id.into()))
    }

    #[inline]
    fn answers(_: &Answer, asked: Carries) -> bool {
        asked == Carries::Fragment
    }
}

impl Direction for Tx {
    type Slot = Slot;
    type Fragment = Fragment;
}

impl Reads<Slot, Fragment> for Tx {
    const TOTAL_FIRST: bool = true;

    fn extra(slot: &Slot) -> ExtraInfo {
        let ExtraSlot { info, .. } = transmute!(*slot);
        info
    }

    fn flow(slot: &Slot) -> Flow {
        let Request { offset, flags, size, .. } = transmute!(*slot);
        let flags = Flags::from_bits_retain(flags);
        Flow { more: flags.contains(Flags::MORE_DATA), extra: flags.contains(Flags::EXTRA_INFO), offset, length: size }
    }

    fn fragment(slot: &Slot, position: Position) -> Result<Fragment, BadPacket> {
        let Request { gref, offset, flags, id, size: length } = transmute!(*slot);
        let part = match position {
            Position::First => None,
            Position::Later => Some(Part::new(offset, length).ok_or(BadPacket::BeyondPage { offset, length })?),
        };
        Ok(Fragment { id: RequestId(id.into()), page: GrantRef(gref), flags: Flags::from_bits_retain(flags), part })
    }
}

impl<W: Words> Back<'_, Tx, W> {
    /// Takes the slots of the next packet, one after the other.
    pub fn packet(&mut self, limit: FragmentLimit) -> Links<Tx, impl FnMut(Want) -> Next<Slot, ()>> {
        Links::new(limit, |_| Ok(self.poll_request()?.map(|slot| (slot, ()))))
    }
}
