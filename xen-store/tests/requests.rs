//! Requests meet their answers, whatever the server sends.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use support::{Message, give, sent, taken};
use xen_store::{Core, MessageType, Path, Reject, Request, StoreError};

const A: Path<'_> = Path::literal("a");
const B: Path<'_> = Path::literal("b");

#[test]
fn s12_answers_in_any_order() {
    let mut core: Core<2, 0> = Core::new();
    let first = core.submit(Request::Read(A), None).unwrap();
    let second = core.submit(Request::Read(B), None).unwrap();
    let requests = sent(&mut core);
    assert_eq!(requests.iter().map(|request| request.body.clone()).collect::<Vec<_>>(), [b"a\0", b"b\0"]);
    give(&mut core, &requests[1].ok(b"of b"));
    give(&mut core, &requests[0].ok(b"of a"));
    assert_eq!(taken(&mut core, first), Some(Ok(b"of a".to_vec())));
    assert_eq!(taken(&mut core, second), Some(Ok(b"of b".to_vec())));
}

#[test]
fn s04_answers_one_byte_at_a_time() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let bytes = sent(&mut core)[0].ok(b"value").bytes();
    for byte in bytes {
        assert!(!core.is_done(&ticket));
        core.handle_bytes(&[byte]).unwrap();
    }
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"value".to_vec())));
}

#[test]
fn a_request_goes_out_in_pieces_and_whole_before_the_next() {
    let mut core: Core<2, 0> = Core::new();
    let value = [b'v'; 3000];
    let ticket = core.submit(Request::Write(A, &value), None).unwrap();
    let other = core.submit(Request::Read(B), None).unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = core.poll_transmit() {
        let count = piece.len().min(700);
        bytes.extend(&piece[..count]);
        core.handle_transmitted(count);
    }
    let write = Message::take(&mut bytes).unwrap();
    assert!(write.is(MessageType::Write) && write.body.len() == 3002);
    let read = Message::take(&mut bytes).unwrap();
    assert!(read.is(MessageType::Read) && bytes.is_empty());
    give(&mut core, &write.ack());
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"OK\0".to_vec())));
    core.give_up(other);
}

#[test]
fn s07_s06_a_wrong_type_fails_that_request_alone() {
    for kind in [MessageType::Write.raw(), 20, 23, 0xffff, u32::MAX] {
        let mut core: Core<2, 0> = Core::new();
        let victim = core.submit(Request::Read(A), None).unwrap();
        let other = core.submit(Request::Read(B), None).unwrap();
        let requests = sent(&mut core);
        let mut wrong = requests[0].ok(b"value");
        wrong.header.kind = kind;
        give(&mut core, &wrong);
        give(&mut core, &requests[1].ok(b"value"));
        assert_eq!(taken(&mut core, victim), Some(Err(StoreError::Rejected(Reject::UnexpectedType(kind)))));
        assert_eq!(taken(&mut core, other), Some(Ok(b"value".to_vec())));
    }
}

#[test]
fn s08_s09_answers_to_nothing_are_counted() {
    let mut core: Core<2, 1> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let request = sent(&mut core).remove(0);
    for id in [0, 1, 2, 3, 4095, u32::MAX, request.header.request ^ 0x1000, request.header.request + 1] {
        let mut stray = request.ok(b"stray");
        stray.header.request = id;
        give(&mut core, &stray);
    }
    assert_eq!(core.counters().strays, 8);
    give(&mut core, &request.ok(b"first"));
    give(&mut core, &request.ok(b"second"));
    assert_eq!(core.counters().strays, 9, "the second answer is one too");
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"first".to_vec())));
    give(&mut core, &request.ok(b"third"));
    assert_eq!(core.counters().strays, 10);
}

#[test]
fn a_request_is_not_answered_before_it_is_sent_whole() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let bytes = core.poll_transmit().unwrap().to_vec();
    let request = Message::take(&mut bytes.clone()).unwrap();
    core.handle_transmitted(bytes.len() - 1);
    give(&mut core, &request.ok(b"too early"));
    assert!(!core.is_done(&ticket) && core.counters().strays == 1);
    core.handle_transmitted(1);
    give(&mut core, &request.ok(b"in time"));
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"in time".to_vec())));
}

#[test]
fn s11_a_given_up_request_keeps_its_id_until_it_is_answered() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let late = sent(&mut core).remove(0);
    core.give_up(ticket);
    assert_eq!(core.submit(Request::Read(B), None), Err(StoreError::Full), "the tombstone is the cap");
    give(&mut core, &late.ok(b"late"));
    let ticket = core.submit(Request::Read(B), None).unwrap();
    let request = sent(&mut core).remove(0);
    assert_ne!(request.header.request, late.header.request);
    give(&mut core, &late.ok(b"later still"));
    assert!(!core.is_done(&ticket));
    give(&mut core, &request.ok(b"of b"));
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"of b".to_vec())));
}

#[test]
fn a_request_given_up_before_it_is_sent_never_is() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    core.give_up(ticket);
    assert_eq!(sent(&mut core), []);
    assert!(core.submit(Request::Read(B), None).is_ok());
}

#[test]
fn s48_a_request_given_up_half_sent_goes_out_whole() {
    let mut core: Core<2, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    assert_eq!(core.poll_transmit().unwrap().len(), 18);
    core.handle_transmitted(5);
    core.give_up(ticket);
    let _other = core.submit(Request::Read(B), None).unwrap();
    assert_eq!(core.submit(Request::Read(B), None), Err(StoreError::Full), "its place is in use");
    assert_eq!(core.poll_transmit().unwrap().len(), 13);
    core.handle_transmitted(13);
    assert_eq!(sent(&mut core)[0].body, b"b\0", "and then the next");
    assert!(!core.is_quiet(), "its answer is still due");
}

#[test]
fn s45_a_success_that_does_not_say_ok() {
    for (request, body, expected) in [
        (Request::Write(A, b"v"), &b"fine\0"[..], Reject::BadAck),
        (Request::Directory(A), b"a/b\0", Reject::BadNames),
        (Request::Permissions(A), b"x3\0", Reject::BadPermissions),
        (Request::Begin, b"0\0", Reject::BadNumber),
        (Request::Home(xen_hypercall::DomId(1)), b"/x/\0", Reject::BadPath),
    ] {
        let mut core: Core<1, 0> = Core::new();
        let ticket = core.submit(request, None).unwrap();
        let reply = sent(&mut core)[0].ok(body);
        give(&mut core, &reply);
        assert_eq!(taken(&mut core, ticket), Some(Err(StoreError::Rejected(expected))));
    }
}

#[test]
fn s31_a_value_is_bytes() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let value = b"\0\xff\x1b[2J\xc3\x28";
    let reply = sent(&mut core)[0].ok(value);
    give(&mut core, &reply);
    assert_eq!(taken(&mut core, ticket), Some(Ok(value.to_vec())));
}

#[test]
fn a_ticket_of_another_session_is_stale() {
    let mut one: Core<2, 0> = Core::new();
    let mut other: Core<1, 0> = Core::new();
    let _first = one.submit(Request::Read(A), None).unwrap();
    let second = one.submit(Request::Read(A), None).unwrap();
    assert_eq!(taken(&mut other, second), Some(Err(StoreError::Stale)));
}
