//! The session across a suspend: fence, new connection, and what a cancelled suspend leaves alone.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use support::{Message, give, sent, taken};
use xen_store::{Answer, Core, End, MessageType, Path, Place, Refusal, Request, StoreError, WatchEvent, WatchStatus};

const A: Path<'_> = Path::literal("a");
const B: Path<'_> = Path::literal("b");

#[test]
fn a_fence_stops_the_new_and_lets_the_old_end() {
    let mut core: Core<2, 1> = Core::new();
    assert!(core.is_quiet());
    let ticket = core.submit(Request::Read(A), None).unwrap();
    core.fence();
    assert_eq!(core.submit(Request::Read(B), None), Err(StoreError::Fenced));
    assert_eq!(core.watch(B), Err(StoreError::Fenced));
    assert!(!core.is_quiet(), "not sent");
    let request = sent(&mut core).remove(0);
    assert!(!core.is_quiet(), "not answered");
    let bytes = request.ok(b"value").bytes();
    core.handle_bytes(&bytes[..9]).unwrap();
    core.handle_bytes(&bytes[9..20]).unwrap();
    assert!(!core.is_quiet(), "not answered whole");
    core.handle_bytes(&bytes[20..]).unwrap();
    assert!(core.is_quiet());
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"value".to_vec())));
    core.unfence();
    assert!(core.submit(Request::Read(B), None).is_ok());
}

#[test]
fn a_fence_waits_for_the_message_boundary_and_for_tombstones() {
    let mut core: Core<2, 1> = Core::new();
    core.fence();
    let event = Message::event("x", "00000000").bytes();
    core.handle_bytes(&event[..20]).unwrap();
    assert!(!core.is_quiet(), "in the middle of an event");
    core.handle_bytes(&event[20..]).unwrap();
    assert!(core.is_quiet());
    core.unfence();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let request = sent(&mut core).remove(0);
    core.give_up(ticket);
    core.fence();
    assert!(!core.is_quiet(), "the answer to nobody is due");
    give(&mut core, &request.ok(b""));
    assert!(core.is_quiet());
}

#[test]
fn s36_every_waiter_learns_once_that_the_epoch_changed() {
    let mut core: Core<4, 0> = Core::new();
    let answered = core.submit(Request::Read(A), None).unwrap();
    let old = sent(&mut core).remove(0);
    give(&mut core, &old.ok(b"before"));
    let waiting = core.submit(Request::Read(A), None).unwrap();
    let given_up = core.submit(Request::Write(A, b"v"), None).unwrap();
    let lost = sent(&mut core);
    core.give_up(given_up);
    let unsent = core.submit(Request::Read(B), None).unwrap();
    core.handle_bytes(&lost[0].ok(b"half").bytes()[..17]).unwrap();

    core.epoch_changed();
    assert!(core.is_quiet());
    assert_eq!(sent(&mut core), [], "nothing of the old connection is sent on the new one");
    assert_eq!(taken(&mut core, answered), Some(Ok(b"before".to_vec())), "what was answered stays answered");
    assert_eq!(taken(&mut core, waiting), Some(Err(StoreError::EpochChanged)));
    assert_eq!(taken(&mut core, unsent), Some(Err(StoreError::EpochChanged)));

    let ticket = core.submit(Request::Read(A), None).unwrap();
    let new = sent(&mut core).remove(0);
    give(&mut core, &lost[0].ok(b"late"));
    give(&mut core, &lost[1].ack());
    assert_eq!(core.counters().strays, 2);
    give(&mut core, &new.ok(b"new"));
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"new".to_vec())));
}

#[test]
fn a_request_half_sent_is_discarded() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    assert!(core.poll_transmit().is_some());
    core.handle_transmitted(5);
    core.epoch_changed();
    assert_eq!(core.poll_transmit(), None);
    assert_eq!(taken(&mut core, ticket), Some(Err(StoreError::EpochChanged)));
}

#[test]
fn transactions_of_the_old_connection() {
    let mut core: Core<2, 0> = Core::new();
    let begin = |core: &mut Core<2, 0>| {
        let ticket = core.submit(Request::Begin, None).unwrap();
        let reply = sent(core)[0].ok(b"7\0");
        give(core, &reply);
        let Answer::Done(Ok(reply)) = core.poll_reply(ticket) else { panic!("begun") };
        reply.into_transaction().unwrap()
    };
    let old = begin(&mut core);
    core.epoch_changed();
    assert_eq!(core.submit(Request::Read(A), Some(&old)), Err(StoreError::EpochChanged));
    assert_eq!(core.end(&old, End::Commit), Err(StoreError::Said(Refusal::Again)));
    assert_eq!(core.end(&old, End::Abandon), Ok(None));
    assert_eq!(sent(&mut core), []);
    let new = begin(&mut core);
    assert!(core.end(&new, End::Commit).unwrap().is_some(), "the same number on the new connection is another");
    assert_eq!(sent(&mut core)[0].body, b"T\0");
}

/// One that was answered before the connection was replaced, and is asked for after it, or never.
#[test]
fn s46_a_transaction_that_began_on_the_old_connection_is_none_of_the_new() {
    let mut core: Core<2, 0> = Core::new();
    let tickets = [(); 2].map(|()| core.submit(Request::Begin, None).unwrap());
    for (request, id) in sent(&mut core).iter().zip([b"7\0", b"8\0"]) {
        give(&mut core, &request.ok(id));
    }
    core.epoch_changed();
    let [polled, given_up] = tickets;
    let Answer::Done(Ok(reply)) = core.poll_reply(polled) else { panic!("answered before") };
    let transaction = reply.into_transaction().unwrap();
    assert!(core.is_stale(&transaction));
    assert_eq!(core.end(&transaction, End::Commit), Err(StoreError::Said(Refusal::Again)));
    core.give_up(given_up);
    assert_eq!(sent(&mut core), [], "8 is somebody else's now");
}

/// Makes a core with two watches that the server knows, one whose registration and one whose removal is under way.
fn with_watches() -> (Core<1, 4>, Vec<Message>) {
    let mut core: Core<1, 4> = Core::new();
    let gone = core.watch(Path::literal("gone")).unwrap();
    core.watch(A).unwrap();
    core.watch(B).unwrap();
    let requests = sent(&mut core);
    for request in &requests {
        give(&mut core, &request.ack());
    }
    core.watch(Path::literal("c")).unwrap();
    core.unwatch(gone).unwrap();
    sent(&mut core);
    (core, requests)
}

#[test]
fn watches_are_registered_again_in_one_batch() {
    let (mut core, old) = with_watches();
    core.fence();
    core.epoch_changed();
    assert_eq!(sent(&mut core), [], "not before it is asked for");
    core.rewatch();
    let batch = sent(&mut core);
    let paths: Vec<_> = batch.iter().map(|request| request.strings()[0].clone()).collect();
    assert_eq!(paths, ["a", "b", "c"]);
    assert_eq!(batch[0].body, old[1].body, "under the same token");
    assert_eq!(core.registering(), 3);
    for request in &batch {
        let [path, token] = &request.strings()[..] else { panic!("two strings") };
        give(&mut core, &request.ack());
        give(&mut core, &Message::event(path, token));
    }
    assert_eq!(core.registering(), 0);
    let events: Vec<_> = std::iter::from_fn(|| core.poll_event()).collect();
    assert_eq!(events.len(), 3, "one for each");
    assert!(events.iter().all(|event| event.place == Place::Itself));
}

#[test]
fn a_watch_that_the_server_has_already_is_registered_and_reported() {
    let mut core: Core<1, 1> = Core::new();
    let watch = core.watch(A).unwrap();
    let reply = sent(&mut core)[0].ack();
    give(&mut core, &reply);
    core.rewatch();
    let reply = sent(&mut core)[0].error("EEXIST");
    give(&mut core, &reply);
    assert_eq!(core.watch_status(watch), Ok(WatchStatus::Registered));
    assert_eq!(core.poll_event(), Some(WatchEvent { watch, place: Place::Itself }));
    assert_eq!(core.poll_event(), None);
}

#[test]
fn a_watch_refused_on_the_new_connection_is_told_and_can_be_tried_again() {
    let mut core: Core<1, 1> = Core::new();
    let watch = core.watch(A).unwrap();
    core.epoch_changed();
    assert_eq!(core.watch_standing(watch), Err(StoreError::EpochChanged));
    core.rewatch();
    let reply = sent(&mut core)[0].error("ENOSPC");
    give(&mut core, &reply);
    assert_eq!(core.watch_standing(watch), Err(StoreError::Said(Refusal::NoSpace)));
    core.rewatch();
    let reply = sent(&mut core)[0].ack();
    give(&mut core, &reply);
    assert_eq!(core.watch_standing(watch), Ok(()));
}

#[test]
fn a_cancelled_suspend_sends_nothing() {
    let (mut core, requests) = with_watches();
    let before = core.counters().sent;
    core.fence();
    core.unfence();
    assert_eq!(sent(&mut core), []);
    assert_eq!(core.counters().sent, before);
    let [path, token] = &requests[1].strings()[..] else { panic!("two strings") };
    give(&mut core, &Message::event(path, token));
    assert!(core.poll_event().is_some(), "the watch is the one from before");
    assert!(requests.iter().all(|request| request.is(MessageType::Watch)));
}
