//! A server that breaks the protocol ends the session; limits hold before a byte is sent.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use support::{Message, give, sent, taken};
use xen_store::{Core, Fault, Header, Path, Request, StoreError};

const A: Path<'_> = Path::literal("a");

#[test]
fn s01_s03_a_body_too_long_ends_the_session() {
    for len in [4097, u32::MAX] {
        let mut core: Core<2, 1> = Core::new();
        let ticket = core.submit(Request::Read(A), None).unwrap();
        let _waits = core.submit(Request::Read(A), None).unwrap();
        let watch = core.watch(A).unwrap();
        let request = sent(&mut core).remove(0);
        let over = StoreError::Poisoned(Fault::Oversize(len));
        let header = Header { len, ..request.header };
        assert_eq!(core.handle_bytes(&header.encode()), Err(over));
        assert_eq!(taken(&mut core, ticket), Some(Err(over)));
        assert_eq!(core.handle_bytes(&request.ok(b"v").bytes()), Err(over), "nothing is acted on any more");
        assert_eq!(core.submit(Request::Read(A), None), Err(over));
        assert_eq!(core.watch(A), Err(over));
        assert_eq!(sent(&mut core), []);
        assert_eq!(core.unwatch(watch), Ok(()));
    }
}

#[test]
fn s02_the_longest_body_is_accepted() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let reply = sent(&mut core)[0].ok(&[b'v'; 4096]);
    give(&mut core, &reply);
    assert_eq!(taken(&mut core, ticket).unwrap().unwrap().len(), 4096);
}

#[test]
fn s08_too_many_strays_end_the_session() {
    let mut core: Core<1, 0> = Core::new();
    let stray = Message::new(2, 77, 0, b"");
    for _ in 0..256 {
        give(&mut core, &stray);
    }
    assert_eq!(core.handle_bytes(&stray.bytes()), Err(StoreError::Poisoned(Fault::Strays)));
}

#[test]
fn a_new_connection_heals() {
    let mut core: Core<1, 0> = Core::new();
    core.handle_fault(Fault::Strays);
    assert_eq!(core.check(), Err(StoreError::Poisoned(Fault::Strays)));
    core.handle_fault(Fault::Oversize(5000));
    assert_eq!(core.check(), Err(StoreError::Poisoned(Fault::Strays)), "the first reason stays");
    core.epoch_changed();
    assert_eq!(core.check(), Ok(()));
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let reply = sent(&mut core)[0].ok(b"v");
    give(&mut core, &reply);
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"v".to_vec())));
}

#[test]
fn s33_a_request_too_long_is_refused_before_a_byte_is_sent() {
    let mut core: Core<1, 1> = Core::new();
    assert_eq!(core.submit(Request::Write(A, &[0; 4095]), None), Err(StoreError::TooLong));
    assert_eq!(sent(&mut core), []);
    assert!(core.submit(Request::Write(A, &[0; 4094]), None).is_ok(), "and the slot is still free");
    assert_eq!(sent(&mut core)[0].body.len(), 4096);
    let long = "a".repeat(257);
    assert_eq!(core.watch(Path::new(&long).unwrap()), Err(StoreError::TooLong));
    assert!(core.watch(Path::new(&long[1..]).unwrap()).is_ok());
    assert_eq!(sent(&mut core)[0].body.len(), 256 + 10);
}

#[test]
fn a_full_table_says_so() {
    let mut core: Core<1, 1> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    assert_eq!(core.submit(Request::Read(A), None), Err(StoreError::Full));
    let watch = core.watch(A).unwrap();
    assert_eq!(core.watch(A), Err(StoreError::Full));
    core.give_up(ticket);
    core.unwatch(watch).unwrap();
    assert!(core.submit(Request::Read(A), None).is_ok());
    assert!(core.watch(A).is_ok());
}
