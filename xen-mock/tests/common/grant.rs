//! Raw argument blocks of `grant_table_op`, and entries of both versions, written for these tests from the public header.
#![allow(dead_code, reason = "each test uses a part")]

use xen_hypercall::op::memory;
use xen_hypercall::{Gfn, GrantRef, Number, SharedPage, Word};
use xen_mock::{Guest, Hook};

use super::raw;

pub(crate) const MAP: usize = 0;
pub(crate) const UNMAP: usize = 1;
pub(crate) const SETUP: usize = 2;
pub(crate) const COPY: usize = 5;
pub(crate) const QUERY: usize = 6;
pub(crate) const SET_VERSION: usize = 8;
pub(crate) const STATUS_FRAMES: usize = 9;
pub(crate) const GET_VERSION: usize = 10;
pub(crate) const SWAP: usize = 11;
pub(crate) const FLUSH: usize = 12;

pub(crate) const PERMIT: u16 = 1;
pub(crate) const TRANSITIVE: u16 = 3;
pub(crate) const READONLY: u16 = 1 << 2;
pub(crate) const READING: u16 = 1 << 3;
pub(crate) const WRITING: u16 = 1 << 4;
pub(crate) const SUB_PAGE: u16 = 1 << 8;

pub(crate) const GENERAL: i16 = -1;
pub(crate) const BAD_DOMAIN: i16 = -2;
pub(crate) const BAD_REF: i16 = -3;
pub(crate) const BAD_HANDLE: i16 = -4;
pub(crate) const BAD_ADDRESS: i16 = -5;
pub(crate) const DENIED: i16 = -8;
pub(crate) const BAD_PAGE: i16 = -9;
pub(crate) const BAD_COPY: i16 = -10;
pub(crate) const AGAIN: i16 = -12;
pub(crate) const NO_SPACE: i16 = -13;
/// What a status is before the call: Xen never gives it.
pub(crate) const UNWRITTEN: i16 = i16::MIN;

pub(crate) const HOST: u32 = 2;
pub(crate) const HOST_READ: u32 = 6;
pub(crate) const SELF: u16 = 0x7ff0;

/// Makes the hypercall on a batch of blocks.
pub(crate) fn call<const N: usize>(xen: &Hook, cmd: usize, blocks: &mut [[u8; N]]) -> isize {
    let words = [Word::int(cmd), Word::ptr(blocks.as_mut_ptr()), Word::int(blocks.len()), Word::ZERO, Word::ZERO];
    raw(xen, Number::GRANT_TABLE_OP, words)
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

pub(crate) fn status(bytes: &[u8], at: usize) -> i16 {
    i16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn put<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    parts.concat().try_into().unwrap()
}

pub(crate) fn map_block(place: Gfn, flags: u32, (domain, gref): (u16, u32)) -> [u8; 32] {
    let address = place.0 << 12;
    put(&[
        &address.to_le_bytes(),
        &flags.to_le_bytes(),
        &gref.to_le_bytes(),
        &domain.to_le_bytes(),
        &UNWRITTEN.to_le_bytes(),
        &[0xee; 12],
    ])
}

/// Maps one grant: the handle, or the status.
pub(crate) fn map(xen: &Hook, place: Gfn, flags: u32, grant: (u16, u32)) -> Result<u32, i16> {
    let mut blocks = [map_block(place, flags, grant)];
    assert_eq!(call(xen, MAP, &mut blocks), 0);
    match status(&blocks[0], 18) {
        0 => Ok(u32_at(&blocks[0], 20)),
        other => Err(other),
    }
}

pub(crate) fn unmap_block(place: Gfn, handle: u32) -> [u8; 24] {
    let address = place.0 << 12;
    put(&[&address.to_le_bytes(), &[0; 8], &handle.to_le_bytes(), &UNWRITTEN.to_le_bytes(), &[0; 2]])
}

/// Unmaps one mapping, and returns the status.
pub(crate) fn unmap(xen: &Hook, place: Gfn, handle: u32) -> i16 {
    let mut blocks = [unmap_block(place, handle)];
    assert_eq!(call(xen, UNMAP, &mut blocks), 0);
    status(&blocks[0], 20)
}

/// One side of a copy.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Ref(u16, u32),
    Frame(u16, Gfn),
}

pub(crate) fn copy_block(source: (Side, u16), dest: (Side, u16), len: u16) -> [u8; 40] {
    let half = |(side, offset): (Side, u16)| -> [u8; 16] {
        let (number, domain) = match side {
            Side::Ref(domain, gref) => (u64::from(gref), domain),
            Side::Frame(domain, gfn) => (gfn.0, domain),
        };
        put(&[&number.to_le_bytes(), &domain.to_le_bytes(), &offset.to_le_bytes(), &[0; 4]])
    };
    let flag = |side: Side, bit: u16| if matches!(side, Side::Ref(..)) { bit } else { 0 };
    let flags = flag(source.0, 1) | flag(dest.0, 2);
    let tail: [u8; 8] = put(&[&len.to_le_bytes(), &flags.to_le_bytes(), &UNWRITTEN.to_le_bytes(), &[0; 2]]);
    put(&[&half(source), &half(dest), &tail])
}

/// Copies once, and returns the status.
pub(crate) fn copy(xen: &Hook, source: (Side, u16), dest: (Side, u16), len: u16) -> i16 {
    let mut blocks = [copy_block(source, dest, len)];
    assert_eq!(call(xen, COPY, &mut blocks), 0);
    status(&blocks[0], 36)
}

/// Asks for a version: the result, and the version that came back.
pub(crate) fn set_version(xen: &Hook, version: u32) -> (isize, u32) {
    let mut blocks = [version.to_le_bytes()];
    let result = call(xen, SET_VERSION, &mut blocks);
    (result, u32::from_le_bytes(blocks[0]))
}

pub(crate) fn swap_block(one: u32, other: u32) -> [u8; 12] {
    put(&[&one.to_le_bytes(), &other.to_le_bytes(), &UNWRITTEN.to_le_bytes(), &[0; 2]])
}

/// Has two entries change places, and returns the status.
pub(crate) fn swap(xen: &Hook, one: u32, other: u32) -> i16 {
    let mut blocks = [swap_block(one, other)];
    assert_eq!(call(xen, SWAP, &mut blocks), 0);
    status(&blocks[0], 8)
}

pub(crate) fn version(xen: &Hook) -> u32 {
    let mut blocks = [[0xf0, 0x7f, 0, 0, 0xee, 0xee, 0xee, 0xee]];
    assert_eq!(call(xen, GET_VERSION, &mut blocks), 0);
    u32_at(&blocks[0], 4)
}

/// Puts a page of Xen's in the place of `page`.
pub(crate) fn add_to_physmap(xen: &Hook, index: u64, page: &SharedPage) -> isize {
    let space = 1_u32.to_le_bytes();
    let mut block: [u8; 24] =
        put(&[&SELF.to_le_bytes(), &[0; 2], &space, &index.to_le_bytes(), &page.gfn().0.to_le_bytes()]);
    let words = [Word::int(7), Word::ptr(block.as_mut_ptr()), Word::ZERO, Word::ZERO, Word::ZERO];
    raw(xen, Number::MEMORY_OP, words)
}

pub(crate) const STATUS_INDEX: u64 = 0x8000_0000;

/// The first frame of a table.
pub(crate) fn table(guest: &Guest) -> SharedPage {
    let page = guest.page();
    memory::map_grant_frame(&guest.hook(), 0, &page).unwrap();
    page
}

/// A table of version 2: its first frame, and the first one of its status.
pub(crate) fn table_v2(guest: &Guest) -> (SharedPage, SharedPage) {
    let xen = guest.hook();
    assert_eq!(set_version(&xen, 2), (0, 2));
    let (table, status) = (table(guest), guest.page());
    assert_eq!(add_to_physmap(&xen, STATUS_INDEX, &status), 0);
    (table, status)
}

pub(crate) fn read<const N: usize>(page: &SharedPage, at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    page.copy_in(at, &mut bytes);
    bytes
}

pub(crate) fn flags(table: &SharedPage, at: usize) -> u16 {
    u16::from_le_bytes(read(table, at))
}

/// Writes an entry of version 1.
pub(crate) fn v1(table: &SharedPage, gref: u32, (flags, domain, gfn): (u16, u16, Gfn)) -> GrantRef {
    let at = gref as usize * 8;
    table.copy_out(at + 4, &u32::try_from(gfn.0).unwrap().to_le_bytes());
    table.copy_out(at + 2, &domain.to_le_bytes());
    table.copy_out(at, &flags.to_le_bytes());
    GrantRef(gref)
}

/// Writes an entry of version 2: flags, domain, the four bytes between, and the last eight.
pub(crate) fn v2(table: &SharedPage, gref: u32, (flags, domain, middle, last): (u16, u16, u32, u64)) -> GrantRef {
    let at = gref as usize * 16;
    table.copy_out(at + 8, &last.to_le_bytes());
    table.copy_out(at + 4, &middle.to_le_bytes());
    table.copy_out(at + 2, &domain.to_le_bytes());
    table.copy_out(at, &flags.to_le_bytes());
    GrantRef(gref)
}
