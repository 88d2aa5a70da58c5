//! The layout of 64-bit machines: numbers of 64 bits at multiples of 8 bytes.

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

/// The layout of 64-bit machines, x86 and Arm.
///
/// # Xen
/// `XEN_IO_PROTO_ABI_X86_64` of `io/protocols.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct X86_64;

/// A slot: one of the requests below by its first byte, and what they leave of it.
///
/// # Xen
/// `union blkif_sring_entry` of `io/ring.h` and `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(transparent)]
pub struct Slot([u64; 14]);

/// A request with its segments.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1 | `operation` | [`Operation`] |
/// | 1 | 1 | `nr_segments` | how many of `seg` count |
/// | 2 | 2 | `handle` | [`Disk`] |
/// | 4 | 4 | | padding, 0 |
/// | 8 | 8 | `id` | comes back in the answer |
/// | 16 | 8 | `sector_number` | where on the disk |
/// | 24 | 88 | `seg` | eleven segments of 8 bytes |
///
/// # Xen
/// `struct blkif_request` of `io/blkif.h`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct ReadWrite {
    operation: u8,
    nr_segments: u8,
    handle: u16,
    pad: u32,
    id: u64,
    sector_number: u64,
    seg: [Raw; MAX_SEGMENTS],
}
const _: () = assert!(size_of::<ReadWrite>() == 112);

/// A request to give sectors up.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1 | `operation` | [`Operation::DISCARD`] |
/// | 1 | 1 | `flag` | [`DiscardFlags`] |
/// | 2 | 2 | `handle` | [`Disk`] |
/// | 4 | 4 | | padding, 0 |
/// | 8 | 8 | `id` | comes back in the answer |
/// | 16 | 8 | `sector_number` | where on the disk |
/// | 24 | 8 | `nr_sectors` | how many |
///
/// # Xen
/// `struct blkif_request_discard` of `io/blkif.h`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct DiscardSlot {
    operation: u8,
    flag: u8,
    handle: u16,
    pad: u32,
    id: u64,
    sector_number: u64,
    nr_sectors: u64,
}
const _: () = assert!(size_of::<DiscardSlot>() == 32);

/// A request whose segments are in pages of their own.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1 | `operation` | [`Operation::INDIRECT`] |
/// | 1 | 1 | `indirect_op` | [`Operation::READ`] or [`Operation::WRITE`] |
/// | 2 | 2 | `nr_segments` | how many segments are in the pages |
/// | 4 | 4 | | padding, 0 |
/// | 8 | 8 | `id` | comes back in the answer |
/// | 16 | 8 | `sector_number` | where on the disk |
/// | 24 | 2 | `handle` | [`Disk`] |
/// | 26 | 2 | | padding, 0 |
/// | 28 | 32 | `indirect_grefs` | grants of up to eight pages |
/// | 60 | 4 | | padding, 0 |
///
/// # Xen
/// `struct blkif_request_indirect` of `io/blkif.h`.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct IndirectSlot {
    operation: u8,
    indirect_op: u8,
    nr_segments: u16,
    pad: u32,
    id: u64,
    sector_number: u64,
    handle: u16,
    pad2: u16,
    indirect_grefs: [u32; MAX_PAGES],
    pad3: u32,
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
/// | 12 | 4 | | padding, 0 |
///
/// # Xen
/// `struct blkif_response` of `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Answer {
    id: u64,
    operation: u8,
    pad: u8,
    status: i16,
    pad2: u32,
}
const _: () = assert!(size_of::<Answer>() == 16);

impl Abi for X86_64 {
    type Slot = Slot;
    type Answer = Answer;
}

impl Layout<Slot, Answer> for X86_64 {
    codec!();
}
