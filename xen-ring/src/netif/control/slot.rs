//! Slots and answers as they lie in the ring.

use xen_hypercall::GrantRef;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{Ask, BadAsk, InPage, Kind, Queue, Status};
use crate::RequestId;
use crate::netif::{Algorithm, HashTypes, low};

/// A slot.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 2 | `id` | comes back in the answer |
/// | 2 | 2 | `type` | [`Kind`] |
/// | 4 | 12 | `data` | three numbers, by type |
///
/// # Xen
/// `struct xen_netif_ctrl_request` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Slot {
    id: u16,
    kind: u16,
    data: [u32; 3],
}
const _: () = assert!(size_of::<Slot>() == 16);

/// An answer.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 2 | `id` | of the request |
/// | 2 | 2 | `type` | of the request |
/// | 4 | 4 | `status` | [`Status`] |
/// | 8 | 4 | `data` | by type |
///
/// # Xen
/// `struct xen_netif_ctrl_response` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Answer {
    id: u16,
    kind: u16,
    status: u32,
    data: u32,
}
const _: () = assert!(size_of::<Answer>() == 12);

impl Slot {
    pub(super) const fn new(kind: Kind, data: [u32; 3]) -> Self {
        Self { id: 0, kind: kind.0, data }
    }

    pub(super) fn set_id(&mut self, id: RequestId) {
        self.id = low(id);
    }

    /// Returns the id, which the answer is to name.
    #[must_use]
    pub fn id(&self) -> RequestId {
        RequestId(self.id.into())
    }

    /// Returns the type, which the answer is to name, too.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        Kind(self.kind)
    }

    /// Checks what it asks.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn asked(&self) -> Result<Ask, BadAsk> {
        let [a, b, c] = self.data;
        let ask = match self.kind() {
            Kind::GET_HASH_FLAGS => Ask::HashTypes,
            Kind::SET_HASH_FLAGS => Ask::SetHashTypes(HashTypes::from_bits_retain(a)),
            Kind::SET_HASH_KEY => Ask::SetHashKey(InPage::new(GrantRef(a), b)),
            Kind::GET_HASH_MAPPING_SIZE => Ask::TableSize,
            Kind::SET_HASH_MAPPING_SIZE => Ask::SetTableSize(a),
            Kind::SET_HASH_MAPPING => Ask::SetTable { entries: InPage::new(GrantRef(a), b), offset: c },
            Kind::SET_HASH_ALGORITHM => {
                Ask::SetAlgorithm(Algorithm(u8::try_from(a).map_err(|_| BadAsk::Algorithm(a))?))
            }
            Kind::GET_GREF_MAPPING_SIZE => Ask::PagesSize(Queue(a)),
            Kind::ADD_GREF_MAPPING => Ask::AddPages(Queue(a), InPage::new(GrantRef(b), c)),
            Kind::DEL_GREF_MAPPING => Ask::DeletePages(Queue(a), InPage::new(GrantRef(b), c)),
            unknown => Ask::Other(unknown),
        };
        ask.check()
    }
}

impl Answer {
    /// Answers a slot: how it ended, and a number where the type has one.
    #[must_use]
    pub const fn new(to: &Slot, status: Status, number: u32) -> Self {
        Self { id: to.id, kind: to.kind, status: status.0, data: number }
    }

    pub(super) fn id(&self) -> RequestId {
        RequestId(self.id.into())
    }

    pub(super) const fn kind(&self) -> Kind {
        Kind(self.kind)
    }

    /// Returns the answer's number, no more than `most`, if it was done.
    ///
    /// # Errors
    /// The status otherwise.
    pub fn number(&self, most: u32) -> Result<u32, Status> {
        Status(self.status).result().map(|()| self.data.min(most))
    }
}
