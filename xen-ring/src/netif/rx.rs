//! The receive ring: buffers from the front to the back, packets in them back.

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
use crate::{Complete, Front, Protocol, RequestId, Words};

pub use pieces::{Piece, packet};

/// The protocol of a receive ring: answer number `n` takes buffer number `n`, ids of 16 bits.
///
/// Whether a slot has an id is known to who reads the packet: [`Front::packet`] takes extra infos by
/// [`Complete::poll_unnamed`].
#[derive(Debug)]
pub struct Rx;

bitflags::bitflags! {
    /// Flags of a part; unknown bits are kept. They are hints of the peer's.
    ///
    /// # Xen
    /// `NETRXF_*` of `io/netif.h`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Flags: u16 {
        /// The back has seen that the checksum is right, or that there is none.
        const DATA_VALIDATED = 1 << 0;
        /// The checksum of the protocol is not filled in.
        const CSUM_BLANK = 1 << 1;
        /// Another part follows.
        const MORE_DATA = 1 << 2;
        /// Extra infos follow.
        const EXTRA_INFO = 1 << 3;
        /// Deprecated: the slot is no part, but says how the packet behind it is to be cut.
        const GSO_PREFIX = 1 << 4;
    }
}

/// A buffer.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 2 | `id` | comes back in the answer |
/// | 2 | 2 | `pad` | 0 |
/// | 4 | 4 | `gref` | the page |
///
/// # Xen
/// `struct netif_rx_request` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Request {
    id: u16,
    pad: u16,
    gref: u32,
}
const _: () = assert!(size_of::<Request>() == 8);

/// A slot of a packet: a part of it or an extra info, as the slot before it says.
///
/// # Xen
/// `union netif_rx_sring_entry` of `io/ring.h` and `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
pub struct Slot([u32; 2]);

/// A slot that is a part of a packet.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 2 | `id` | of the buffer |
/// | 2 | 2 | `offset` | where in the page it begins |
/// | 4 | 2 | `flags` | [`Flags`] |
/// | 6 | 2 | `status` | [`Status`]: bytes of it, or why there are none |
///
/// # Xen
/// `struct netif_rx_response` of `io/netif.h`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Response {
    id: u16,
    offset: u16,
    flags: u16,
    status: i16,
}
const _: () = assert!(size_of::<Response>() == 8);

/// A part of a packet, as its slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The buffer, by its id on the wire.
    pub id: RequestId,
    /// What is said of it; the flags that chain slots are for this library.
    pub flags: Flags,
    /// The bytes of the buffer's page.
    pub part: Part,
}

impl Request {
    /// Lends a page, all of it.
    #[must_use]
    pub const fn new(page: GrantRef) -> Self {
        Self { id: 0, pad: 0, gref: page.0 }
    }

    /// Returns the page.
    #[must_use]
    pub const fn page(&self) -> GrantRef {
        GrantRef(self.gref)
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> RequestId {
        RequestId(self.id.into())
    }
}

impl Slot {
    /// Gives a buffer back with nothing in it.
    #[must_use]
    pub fn lost(request: &Request, status: Status) -> Self {
        transmute!(Response { id: request.id, offset: 0, flags: 0, status: status.0 })
    }
}

impl Protocol for Rx {
    type Request = Request;
    type Response = Slot;
    type Kind = ();
    const ID_BITS: u32 = 16;
    const IN_ORDER: bool = true;

    #[inline]
    fn stamp(request: &mut Request, id: RequestId) {
        request.id = low(id);
    }

    #[inline]
    fn kind(_: &Request) {}

    #[inline]
    fn id(slot: &Slot) -> Option<RequestId> {
        let Response { id, .. } = transmute!(*slot);
        Some(RequestId(id.into()))
    }

    #[inline]
    fn answers(_: &Slot, (): ()) -> bool {
        true
    }
}

impl Direction for Rx {
    type Slot = Slot;
    type Fragment = Fragment;
}

impl Reads<Slot, Fragment> for Rx {
    const TOTAL_FIRST: bool = false;

    fn extra(slot: &Slot) -> ExtraInfo {
        transmute!(*slot)
    }

    fn flow(slot: &Slot) -> Flow {
        let Response { offset, flags, status, .. } = transmute!(*slot);
        let flags = Flags::from_bits_retain(flags);
        // What is no length ends the packet by an error before it is used.
        let length = Status(status).received().unwrap_or_default();
        Flow { more: flags.contains(Flags::MORE_DATA), extra: flags.contains(Flags::EXTRA_INFO), offset, length }
    }

    fn fragment(slot: &Slot, _: Position) -> Result<Fragment, BadPacket> {
        let Response { id, offset, flags, status } = transmute!(*slot);
        let length = Status(status).received().map_err(BadPacket::Lost)?;
        let part = Part::new(offset, length).ok_or(BadPacket::BeyondPage { offset, length })?;
        Ok(Fragment { id: RequestId(id.into()), flags: Flags::from_bits_retain(flags), part })
    }
}

impl<T, const N: usize, W: Words> Complete<'_, Rx, T, N, W> {
    /// Takes the slots of the next packet, one after the other, each with the payload of its buffer.
    pub fn packet(&mut self, limit: FragmentLimit) -> Links<Rx, impl FnMut(Want) -> Next<Slot, T>> {
        Links::new(limit, |want| {
            let answer = match want {
                Want::Fragment => self.poll_answer()?,
                Want::Extra => self.poll_unnamed()?,
            };
            Ok(answer.map(|answer| (answer.response, answer.payload)))
        })
    }
}

impl<T, const N: usize, W: Words> Front<'_, Rx, T, N, W> {
    /// As [`Complete::packet`].
    pub fn packet(&mut self, limit: FragmentLimit) -> Links<Rx, impl FnMut(Want) -> Next<Slot, T>> {
        self.complete.packet(limit)
    }
}
