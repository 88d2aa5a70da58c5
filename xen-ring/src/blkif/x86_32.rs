//! The layout of 32-bit x86: numbers of 64 bits at multiples of 4 bytes.

use xen_hypercall::GrantRef;
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes};

use super::abi::{Abi, AskedFor, Layout};
use super::answer::{Response, Status};
use super::codec::{codec, put, take};
use super::indirect::{Indirect, MAX_PAGES, SegmentLimit};
use super::request::{Access, BadRequest, Discard, DiscardFlags, Disk, Operation, Request, Transfer};
use super::sector::{Sector, Sectors};
use super::segment::{MAX_SEGMENTS, Raw, Segments};
use crate::RequestId;

/// The layout of 32-bit x86.
///
/// # Xen
/// `XEN_IO_PROTO_ABI_X86_32` of `io/protocols.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct X86_32;

/// A number of 64 bits that is aligned as 32 bits are, the lower half first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
struct Halves([u32; 2]);

impl From<u64> for Halves {
    fn from(number: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
        Self([u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])])
    }
}

impl From<Halves> for u64 {
    fn from(Halves([low, high]): Halves) -> Self {
        Self::from(high) << 32 | Self::from(low)
    }
}

/// A slot: one of the requests below by its first byte, and what they leave of it.
///
/// # Xen
/// `union blkif_sring_entry` of `io/ring.h` and `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
pub struct Slot([u32; 27]);

/// A request with its segments.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1 | `operation` | [`Operation`] |
/// | 1 | 1 | `nr_segments` | how many of `seg` count |
/// | 2 | 2 | `handle` | [`Disk`] |
/// | 4 | 8 | `id` | comes back in the answer |
/// | 12 | 8 | `sector_number` | where on the disk |
/// | 20 | 88 | `seg` | eleven segments of 8 bytes |
///
/// # Xen
/// `struct blkif_request` of `io/blkif.h`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ReadWrite {
    operation: u8,
    nr_segments: u8,
    handle: u16,
    id: Halves,
    sector_number: Halves,
    seg: [Raw; MAX_SEGMENTS],
}
const _: () = assert!(size_of::<ReadWrite>() == 108);

/// A request to give sectors up.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1 | `operation` | [`Operation::DISCARD`] |
/// | 1 | 1 | `flag` | [`DiscardFlags`] |
/// | 2 | 2 | `handle` | [`Disk`] |
/// | 4 | 8 | `id` | comes back in the answer |
/// | 12 | 8 | `sector_number` | where on the disk |
/// | 20 | 8 | `nr_sectors` | how many |
///
/// # Xen
/// `struct blkif_request_discard` of `io/blkif.h`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct DiscardSlot {
    operation: u8,
    flag: u8,
    handle: u16,
    id: Halves,
    sector_number: Halves,
    nr_sectors: Halves,
}
const _: () = assert!(size_of::<DiscardSlot>() == 28);

/// A request whose segments are in pages of their own.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1 | `operation` | [`Operation::INDIRECT`] |
/// | 1 | 1 | `indirect_op` | [`Operation::READ`] or [`Operation::WRITE`] |
/// | 2 | 2 | `nr_segments` | how many segments are in the pages |
/// | 4 | 8 | `id` | comes back in the answer |
/// | 12 | 8 | `sector_number` | where on the disk |
/// | 20 | 2 | `handle` | [`Disk`] |
/// | 22 | 2 | | padding, 0 |
/// | 24 | 32 | `indirect_grefs` | grants of up to eight pages |
/// | 56 | 8 | | padding, 0 |
///
/// # Xen
/// `struct blkif_request_indirect` of `io/blkif.h`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct IndirectSlot {
    operation: u8,
    indirect_op: u8,
    nr_segments: u16,
    id: Halves,
    sector_number: Halves,
    handle: u16,
    pad2: u16,
    indirect_grefs: [u32; MAX_PAGES],
    pad3: Halves,
}
const _: () = assert!(size_of::<IndirectSlot>() == 64);

/// An answer.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 8 | `id` | of the request |
/// | 8 | 1 | `operation` | of the request |
/// | 9 | 1 | | padding, 0 |
/// | 10 | 2 | `status` | [`Status`] |
///
/// # Xen
/// `struct blkif_response` of `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Answer {
    id: Halves,
    operation: u8,
    pad: u8,
    status: i16,
}
const _: () = assert!(size_of::<Answer>() == 12);

impl Abi for X86_32 {
    type Slot = Slot;
    type Answer = Answer;
}

impl Layout<Slot, Answer> for X86_32 {
    codec!();
}
