//! The grant table, and what a backend does with it.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use xen_hypercall::op::{grant_table, memory};
use xen_hypercall::{DomId, Errno, Gfn, GrantRef, SharedPage};
use xen_mock::{Guest, Host, MapError, MapMode, Violation};

const PERMIT: u16 = 1;
const READONLY: u16 = 4;

fn table(guest: &Guest) -> SharedPage {
    let page = guest.page();
    memory::map_grant_frame(&guest.hook(), 0, &page).unwrap();
    page
}

fn grant(table: &SharedPage, gref: u32, (flags, domain, gfn): (u16, u16, Gfn)) {
    let at = usize::try_from(gref * 8).unwrap();
    table.copy_out(at + 4, &u32::try_from(gfn.0).unwrap().to_le_bytes());
    table.copy_out(at + 2, &domain.to_le_bytes());
    table.copy_out(at, &flags.to_le_bytes());
}

fn flags(table: &SharedPage, gref: u32) -> u16 {
    let mut bytes = [0; 2];
    table.copy_in(usize::try_from(gref * 8).unwrap(), &mut bytes);
    u16::from_le_bytes(bytes)
}

#[test]
fn size_and_version() {
    let host = Host::builder().max_grant_frames(2).max_grant_version(1).build();
    let guest = host.guest();
    let xen = guest.hook();
    let size = grant_table::query_size(&xen).unwrap();
    assert_eq!((size.frames, size.max_frames), (1, 2));
    memory::map_grant_frame(&xen, 1, &guest.page()).unwrap();
    assert_eq!(grant_table::query_size(&xen).unwrap().frames, 2);
    assert_eq!(memory::map_grant_frame(&xen, 2, &guest.page()), Err(Errno::EINVAL));
    assert_eq!(grant_table::set_version(&xen, 1), Ok(1));
    assert_eq!(grant_table::set_version(&xen, 2), Err(Errno::ENOSYS));
    assert_eq!(grant_table::set_version(&xen, 3), Err(Errno::EINVAL));
    host.check().unwrap();
}

#[test]
fn a_backend_maps_reads_and_writes() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    page.copy_out(100, b"hello");
    grant(&table, 8, (PERMIT, 0, page.gfn()));
    let mapped = host.dom0().map(GrantRef(8), MapMode::Write).unwrap();
    assert_eq!(flags(&table, 8), PERMIT | 8 | 16, "Xen notes who reads and writes");
    assert_eq!(mapped.read(100, 5), b"hello");
    mapped.write(100, b"world");
    let mut bytes = [0; 5];
    page.copy_in(100, &mut bytes);
    assert_eq!(&bytes, b"world");
    let reader = host.dom0().map(GrantRef(8), MapMode::Read).unwrap();
    mapped.unmap();
    assert_eq!(flags(&table, 8), PERMIT | 8);
    drop(reader);
    assert_eq!(flags(&table, 8), PERMIT);
    assert_eq!(host.ledger().holdings().grants, [GrantRef(8)]);
    host.check().unwrap();
}

#[test]
fn permissions_are_checked() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    let map = |gref, mode| host.dom0().map(GrantRef(gref), mode).map(drop).unwrap_err();
    assert_eq!(map(8, MapMode::Read), MapError::BadRef);
    assert_eq!(map(512, MapMode::Read), MapError::BadRef);
    grant(&table, 8, (PERMIT | READONLY, 0, page.gfn()));
    assert_eq!(map(8, MapMode::Write), MapError::Denied);
    assert!(host.dom0().map(GrantRef(8), MapMode::Read).is_ok());
    assert_eq!(host.dom0().map_as(DomId(3), GrantRef(8), MapMode::Read).unwrap_err(), MapError::Denied);
    grant(&table, 9, (PERMIT, 0, Gfn(0xdead)));
    assert_eq!(map(9, MapMode::Read), MapError::BadFrame);
}

#[test]
fn the_toolstack_seeds_two_entries() {
    let host = Host::builder().build();
    let table = table(&host.guest());
    assert_eq!((flags(&table, 0), flags(&table, 1)), (PERMIT, PERMIT));
    assert!(host.ledger().holdings().grants.is_empty());
}

#[test]
fn a_mapped_entry_must_be_left_alone() {
    let host = Host::builder().build();
    let guest = host.guest();
    let (table, page) = (table(&guest), guest.page());
    grant(&table, 8, (PERMIT, 0, page.gfn()));
    let mapped = host.dom0().map(GrantRef(8), MapMode::Write).unwrap();
    host.check().unwrap();
    grant(&table, 8, (0, 0, Gfn(0)));
    assert_eq!(host.check().unwrap_err(), [Violation::ChangedWhileMapped(DomId::DOM0, GrantRef(8))]);
    drop(mapped);
    assert_eq!(host.check().unwrap_err().len(), 1, "told once");
}
