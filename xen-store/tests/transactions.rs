//! Transactions at the core: ids, orphans, and ones that are spoiled.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use support::{give, sent, taken};
use xen_store::{Answer, Core, End, MessageType, Path, Refusal, Reject, Request, StoreError, Transaction};

const A: Path<'_> = Path::literal("a");

fn begun<const R: usize>(core: &mut Core<R, 0>, id: &str) -> Transaction {
    let ticket = core.submit(Request::Begin, None).unwrap();
    let reply = sent(core)[0].ok(format!("{id}\0").as_bytes());
    give(core, &reply);
    let Answer::Done(Ok(reply)) = core.poll_reply(ticket) else { panic!("begun") };
    reply.into_transaction().unwrap()
}

#[test]
fn requests_carry_the_transaction() {
    let mut core: Core<2, 0> = Core::new();
    let transaction = begun(&mut core, "4294967295");
    let read = core.submit(Request::Read(A), Some(&transaction)).unwrap();
    let request = sent(&mut core).remove(0);
    assert_eq!(request.header.transaction, u32::MAX);
    give(&mut core, &request.ok(b"v"));
    assert_eq!(taken(&mut core, read), Some(Ok(b"v".to_vec())));
    for (how, body) in [(End::Commit, b"T\0"), (End::Abandon, b"F\0")] {
        let end = core.end(&transaction, how).unwrap().unwrap();
        let request = sent(&mut core).remove(0);
        assert!(request.is(MessageType::TransactionEnd) && request.header.transaction == u32::MAX);
        assert_eq!(request.body, body);
        give(&mut core, &request.ack());
        assert!(taken(&mut core, end).unwrap().is_ok());
    }
}

#[test]
fn s26_a_strange_id_begins_nothing() {
    for id in [&b"0\0"[..], b"99999999999\0", b"12x\0", b"\0", b"12"] {
        let mut core: Core<1, 0> = Core::new();
        let ticket = core.submit(Request::Begin, None).unwrap();
        let reply = sent(&mut core)[0].ok(id);
        give(&mut core, &reply);
        assert_eq!(taken(&mut core, ticket), Some(Err(StoreError::Rejected(Reject::BadNumber))));
    }
}

#[test]
fn s10_an_answer_of_another_transaction_spoils_this_one() {
    let mut core: Core<2, 0> = Core::new();
    let transaction = begun(&mut core, "5");
    let read = core.submit(Request::Read(A), Some(&transaction)).unwrap();
    let mut reply = sent(&mut core)[0].ok(b"v");
    reply.header.transaction = 6;
    give(&mut core, &reply);
    assert_eq!(taken(&mut core, read), Some(Err(StoreError::Rejected(Reject::WrongTransaction(6)))));
    let spoiled = StoreError::Rejected(Reject::WrongTransaction(5));
    assert_eq!(core.end(&transaction, End::Commit), Err(spoiled));
    let end = core.end(&transaction, End::Abandon).unwrap().unwrap();
    let reply = sent(&mut core)[0].ack();
    give(&mut core, &reply);
    assert!(taken(&mut core, end).unwrap().is_ok());
    let other = begun(&mut core, "5");
    assert!(core.end(&other, End::Commit).unwrap().is_some(), "the next one of that number is another");
}

#[test]
fn s27_a_transaction_that_vanished() {
    let mut core: Core<2, 0> = Core::new();
    let transaction = begun(&mut core, "5");
    let end = core.end(&transaction, End::Commit).unwrap().unwrap();
    let reply = sent(&mut core)[0].error("ENOENT");
    give(&mut core, &reply);
    assert_eq!(taken(&mut core, end), Some(Err(StoreError::TransactionGone)));
    let read = core.submit(Request::Read(A), None).unwrap();
    let reply = sent(&mut core)[0].error("ENOENT");
    give(&mut core, &reply);
    assert_eq!(taken(&mut core, read), Some(Err(StoreError::Said(Refusal::NoEntry))), "a node that is not there");
}

#[test]
fn a_transaction_that_begins_for_nobody_is_abandoned() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Begin, None).unwrap();
    let request = sent(&mut core).remove(0);
    core.give_up(ticket);
    give(&mut core, &request.ok(b"9\0"));
    let abandon = sent(&mut core).remove(0);
    assert!(abandon.is(MessageType::TransactionEnd));
    assert_eq!((abandon.header.transaction, &abandon.body[..]), (9, &b"F\0"[..]));
    assert!(!core.is_quiet());
    give(&mut core, &abandon.ack());
    assert!(core.is_quiet() && core.submit(Request::Read(A), None).is_ok());
}
