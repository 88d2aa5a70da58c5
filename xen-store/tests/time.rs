//! Time at the core: deadlines, a window, and a connection that stands still.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[allow(dead_code, reason = "each test uses its own part")]
#[path = "support/guest.rs"]
mod guest;
mod support;

use guest::Seam;
use support::{give, sent, taken};
use xen_hypercall::Nanos;
use xen_mock::Host;
use xen_store::{Core, End, Link, MessageType, Nodes, Path, Request, Store, StoreError};

const A: Path<'_> = Path::literal("a");
const B: Path<'_> = Path::literal("b");

#[test]
fn s13_a_request_ends_at_its_deadline_and_its_slot_when_it_is_answered() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let late = sent(&mut core).remove(0);
    core.set_watchdog(Nanos::MAX);
    core.expire_at(&ticket, Nanos(100));
    assert_eq!(core.poll_deadline(), Some(Nanos(100)));
    core.handle_time(Nanos(99));
    assert!(!core.is_done(&ticket));
    core.handle_time(Nanos(100));
    assert_eq!(core.poll_deadline(), None, "said once");
    assert_eq!(taken(&mut core, ticket), Some(Err(StoreError::TimedOut)));
    assert_eq!(core.submit(Request::Read(B), None), Err(StoreError::Full), "an answer is due");
    give(&mut core, &late.ok(b"late"));
    let ticket = core.submit(Request::Read(B), None).unwrap();
    assert_eq!(core.poll_deadline(), None, "the next one has none");
    let request = sent(&mut core).remove(0);
    give(&mut core, &late.ok(b"again"));
    give(&mut core, &request.ok(b"of b"));
    assert_eq!(taken(&mut core, ticket), Some(Ok(b"of b".to_vec())));
}

#[test]
fn s13_an_answer_between_the_deadline_and_the_look_changes_nothing() {
    let mut core: Core<1, 0> = Core::new();
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let request = sent(&mut core).remove(0);
    core.expire_at(&ticket, Nanos(5));
    core.handle_time(Nanos(5));
    give(&mut core, &request.ok(b"late"));
    assert_eq!(taken(&mut core, ticket), Some(Err(StoreError::TimedOut)), "it was said by the clock");
    assert!(core.is_quiet() && core.submit(Request::Read(A), None).is_ok());
    let answered = core.submit(Request::Read(A), None);
    assert_eq!(answered, Err(StoreError::Full));
}

#[test]
fn an_answer_in_time_stays_and_what_was_not_sent_never_is() {
    let mut core: Core<2, 0> = Core::new();
    let answered = core.submit(Request::Read(A), None).unwrap();
    core.expire_at(&answered, Nanos(5));
    let request = sent(&mut core).remove(0);
    let unsent = core.submit(Request::Read(B), None).unwrap();
    core.expire_at(&unsent, Nanos(5));
    give(&mut core, &request.ok(b"in time"));
    core.handle_time(Nanos(1000));
    assert_eq!(sent(&mut core), []);
    assert_eq!(taken(&mut core, answered), Some(Ok(b"in time".to_vec())));
    assert_eq!(taken(&mut core, unsent), Some(Err(StoreError::TimedOut)));
    for _ in 0..2 {
        let _both_free = core.submit(Request::Read(A), None).unwrap();
    }
}

#[test]
fn s11_a_transaction_that_begins_or_ends_too_late_is_abandoned() {
    let mut core: Core<2, 0> = Core::new();
    let ticket = core.submit(Request::Begin, None).unwrap();
    core.expire_at(&ticket, Nanos(5));
    let request = sent(&mut core).remove(0);
    core.handle_time(Nanos(5));
    give(&mut core, &request.ok(b"9\0"));
    let abandon = sent(&mut core).remove(0);
    assert_eq!((abandon.header.transaction, &abandon.body[..]), (9, &b"F\0"[..]));
    assert_eq!(taken(&mut core, ticket), Some(Err(StoreError::TimedOut)));
    give(&mut core, &abandon.ack());
    assert!(core.is_quiet());

    let ticket = core.submit(Request::Begin, None).unwrap();
    let reply = sent(&mut core)[0].ok(b"8\0");
    give(&mut core, &reply);
    let xen_store::Answer::Done(Ok(reply)) = core.poll_reply(ticket) else { panic!("begun") };
    let transaction = reply.into_transaction().unwrap();
    let commit = core.end(&transaction, End::Commit).unwrap().unwrap();
    core.expire_at(&commit, Nanos(6));
    core.handle_time(Nanos(6));
    let end = sent(&mut core).remove(0);
    assert_eq!((end.header.transaction, &end.body[..]), (8, &b"F\0"[..]), "unsent, so nothing of it is done");
    give(&mut core, &end.ack());
    assert_eq!(taken(&mut core, commit), Some(Err(StoreError::TimedOut)));
    assert!(core.reset().is_ok(), "nothing is left open");
}

#[test]
fn the_server_is_given_no_more_than_a_window() {
    let mut core: Core<30, 30> = Core::new();
    let mut tickets: Vec<_> = (0..30).map(|_| core.submit(Request::Read(A), None).unwrap()).collect();
    for _ in 0..30 {
        core.watch(A).unwrap();
    }
    core.set_window(20);
    let mut waiting = sent(&mut core);
    assert_eq!(waiting.len(), 20);
    core.set_window(3);
    for answered in 0..60 {
        let request = waiting.remove(0);
        give(&mut core, &if request.is(MessageType::Read) { request.ok(b"v") } else { request.ack() });
        waiting.extend(sent(&mut core));
        assert!(waiting.len() <= 20 - (answered + 1).min(17), "a place is given on once the window is that small");
        assert!(answered > 56 || waiting.len() >= 3, "and is full as long as anything waits");
    }
    assert!(core.is_quiet() && core.registering() == 0);
    assert!(tickets.drain(..).all(|ticket| taken(&mut core, ticket) == Some(Ok(b"v".to_vec()))));
    core.set_window(0);
    let _one = core.submit(Request::Read(A), None).unwrap();
    assert_eq!(sent(&mut core).len(), 1, "a window of none is one of one");
}

#[test]
fn s11_what_is_never_answered_fills_the_window_only_until_a_later_one_is() {
    let mut core: Core<4, 0> = Core::new();
    core.set_window(2);
    let lost = core.submit(Request::Read(A), None).unwrap();
    let later = core.submit(Request::Read(A), None).unwrap();
    let requests = sent(&mut core);
    core.give_up(lost);
    let third = core.submit(Request::Read(B), None).unwrap();
    assert_eq!(sent(&mut core), [], "two answers are due");
    give(&mut core, &requests[1].ok(b"v"));
    assert_eq!(sent(&mut core).len(), 1);
    let _fourth = core.submit(Request::Read(B), None).unwrap();
    assert_eq!(sent(&mut core).len(), 1, "the lost one does not count any more");
    assert!(taken(&mut core, later).unwrap().is_ok());
    assert!(!core.is_done(&third));
}

#[test]
fn s48_a_server_that_stands_still_is_told_again() {
    let mut core: Core<2, 0> = Core::new();
    core.set_watchdog(Nanos(10));
    core.handle_time(Nanos(1000));
    assert_eq!(core.poll_deadline(), None, "no work");
    let ticket = core.submit(Request::Read(A), None).unwrap();
    let request = sent(&mut core).remove(0);
    core.handle_time(Nanos(1005));
    assert_eq!(core.poll_deadline(), Some(Nanos(1015)));
    core.handle_time(Nanos(1014));
    assert!(!core.poll_kick());
    core.handle_time(Nanos(1015));
    assert!(core.poll_kick() && !core.poll_kick(), "once");
    assert_eq!(core.poll_deadline(), Some(Nanos(1035)), "twice the time");
    core.handle_bytes(&request.ok(b"v").bytes()[..7]).unwrap();
    core.handle_time(Nanos(1036));
    assert!(!core.poll_kick(), "something moves");
    core.handle_time(Nanos(1046));
    assert!(core.poll_kick());
    core.handle_bytes(&request.ok(b"v").bytes()[7..]).unwrap();
    core.handle_time(Nanos(9999));
    assert!(!core.poll_kick() && core.poll_deadline().is_none(), "answered");
    assert!(taken(&mut core, ticket).unwrap().is_ok());
}

#[test]
fn s48_a_request_that_the_server_does_not_take_counts_too() {
    let mut core: Core<1, 0> = Core::new();
    core.set_watchdog(Nanos(10));
    core.handle_time(Nanos(100));
    let _waits = core.submit(Request::Read(A), None).unwrap();
    assert!(core.poll_transmit().is_some(), "the ring is full: nothing goes in");
    let kicks = (100..4000).filter(|now| {
        core.handle_time(Nanos(*now));
        core.poll_kick()
    });
    assert_eq!(kicks.count(), 8, "and no more");
}

/// An event that is lost, of the guest's or of the server's, costs a second and not the answer.
#[test]
fn s13_a_lost_event_costs_a_second() {
    for lost in 1..=2 {
        let host = Host::builder().build();
        let seam = Seam::new(&host);
        let page = seam.page();
        let mut core: Core<2, 2> = Core::new();
        let mut store = Store::attach(&page, &mut core, &seam).unwrap();
        assert_eq!(store.read_number(Path::literal("domid")), Ok(1));
        seam.wait(seam.after(10));
        host.faults().drop_events(seam.port(), lost);
        let before = seam.now();
        assert_eq!(store.read_number(Path::literal("domid")), Ok(1));
        let took = seam.now().since(before);
        assert!(took >= Nanos::from_secs(1) && took < Nanos::from_millis(3001), "{took:?}");
        host.check().unwrap();
    }
}
