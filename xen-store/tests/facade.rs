//! The blocking facade over a page, with a scripted server at its far end.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use std::cell::Cell;

use support::Message;
use support::fake::{Fake, page};
use xen_hypercall::Nanos;
use xen_ring::Misbehaved;
use xen_store::{Attempts, Core, Fault, Link, MessageType, Nodes, Path, Place, Refusal, Request, Store, StoreError};

const A: Path<'_> = Path::literal("a");

/// A server that says yes to everything.
fn agree(request: &Message) -> Vec<Message> {
    match MessageType::from_raw(request.header.kind).unwrap() {
        MessageType::Read => vec![request.ok(b"value")],
        MessageType::Directory => vec![request.ok(b"vbd\0vif\0")],
        MessageType::TransactionStart => vec![request.ok(b"3\0")],
        MessageType::Watch => {
            let [path, token] = &request.strings()[..] else { panic!("two strings") };
            vec![request.ack(), Message::event(path, token)]
        }
        _ => vec![request.ack()],
    }
}

#[test]
fn reads_and_writes() {
    let page = page();
    let fake = Fake::new(&page, agree);
    let mut core: Core = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    assert_eq!(store.read(A, &mut [0; 16]), Ok(&b"value"[..]));
    assert_eq!(store.read(A, &mut [0; 4]), Err(StoreError::BufferTooSmall(5)));
    assert_eq!(store.write(A, b"v"), Ok(()));
    let names: Vec<String> = store.directory(A, &mut [0; 16]).unwrap().map(String::from).collect();
    assert_eq!(names, ["vbd", "vif"]);
    assert_eq!(store.requests_sent(), 4);
}

#[test]
fn s05_bodies_larger_than_the_ring() {
    let page = page();
    let longest = [b'v'; 4096];
    let fake = Fake::new(&page, |request| match request.is(MessageType::Read) {
        true => vec![request.ok(&longest)],
        false => vec![request.ack()],
    });
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    assert_eq!(store.read(A, &mut [0; 4096]), Ok(&longest[..]));
    assert_eq!(store.write(A, &longest[2..]), Ok(()));
    assert_eq!(fake.seen.borrow()[1].body.len(), 4096);
}

/// A server whose transaction sees the nodes as they were, while somebody else writes.
#[test]
fn s43_within_a_transaction_two_reads_agree() {
    let page = page();
    let outside = Cell::new(0);
    let fake = Fake::new(&page, |request| match (request.is(MessageType::Read), request.header.transaction) {
        (true, 3) => vec![request.ok(b"checked")],
        (true, _) => {
            outside.set(outside.get() + 1);
            vec![request.ok(format!("another {}", outside.get()).as_bytes())]
        }
        (false, _) if request.is(MessageType::TransactionEnd) => vec![request.error("EAGAIN")],
        _ => agree(request),
    });
    let mut core: Core<2, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let read = |nodes: &mut dyn FnMut(&mut [u8]) -> usize| {
        let mut buffer = [0; 16];
        let len = nodes(&mut buffer);
        buffer[..len].to_vec()
    };
    let transaction = store.begin().unwrap();
    let mut nodes = store.within(&transaction);
    let reads = [(); 2].map(|()| read(&mut |buffer| nodes.read(A, buffer).unwrap().len()));
    assert_eq!(reads, [b"checked", b"checked"], "what was checked is what is used");
    assert!(store.commit(transaction).is_err_and(|end| end.error.is_again()), "or is known to be old");
    let reads = [(); 2].map(|()| read(&mut |buffer| store.read(A, buffer).unwrap().len()));
    assert_ne!(reads[0], reads[1]);
}

/// What a firmware had asked for: answers by its ids, which begin anywhere, and events for its watches.
#[test]
fn s14_answers_to_a_stranger_lie_in_the_ring() {
    for read in [1, 0x1000, 0x1001, 0x2000] {
        let page = page();
        let fake = Fake::new(&page, agree);
        for id in [0, 1, 2, read] {
            fake.say(&Message::new(MessageType::Read.raw(), id, 0, b"a stranger's"));
        }
        fake.say(&Message::event("a", "00001000"));
        let mut core: Core<2, 1> = Core::new();
        let mut store = Store::attach(&page, &mut core, &fake).unwrap();
        assert_eq!(store.read(A, &mut [0; 16]), Ok(&b"value"[..]));
        assert_eq!((store.core().counters().strays, store.core().counters().ignored_events), (4, 1));
    }
}

/// One of them is given only now, before ours.
#[test]
fn s14_answers_to_a_stranger_come_late() {
    let page = page();
    let stranger = |id| Message::new(MessageType::Read.raw(), id, 0, b"a stranger's");
    let fake = Fake::new(&page, |request| {
        let late = [0, 1, 0x1000, 0x1001, 0x2000, 0x2001].map(stranger);
        late.into_iter().chain([request.ok(b"value")]).collect()
    });
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    for _ in 0..2 {
        assert_eq!(store.read(A, &mut [0; 16]), Ok(&b"value"[..]));
    }
    assert_eq!(store.core().counters().strays, 12);
}

#[test]
fn s13_no_answer_ever() {
    let page = page();
    let fake = Fake::new(&page, |_| Vec::new());
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    store.set_patience(Nanos::from_secs(2));
    let before = fake.now();
    assert_eq!(store.read(A, &mut [0; 16]), Err(StoreError::TimedOut));
    assert_eq!(fake.now().since(before), Nanos::from_secs(2));
    assert_eq!(store.watch(A), Err(StoreError::TimedOut));
    assert_eq!(store.read(A, &mut [0; 16]), Err(StoreError::TimedOut));
    assert_eq!(store.read(A, &mut [0; 16]), Err(StoreError::Full), "two answers are due");
    let late = fake.seen.borrow()[0].ok(b"late");
    fake.say(&late);
    store.pump().unwrap();
    assert_eq!(store.read(A, &mut [0; 16]), Err(StoreError::TimedOut), "and not the late answer");
}

#[test]
fn s25_a_transaction_is_tried_a_bounded_number_of_times() {
    for (collisions, expected) in [(0, Ok(1)), (2, Ok(3)), (3, Err(StoreError::Said(Refusal::Again)))] {
        let page = page();
        let left = Cell::new(collisions);
        let fake = Fake::new(&page, |request| match request.is(MessageType::TransactionEnd) && left.get() > 0 {
            true => {
                left.set(left.get() - 1);
                vec![request.error("EAGAIN")]
            }
            false => agree(request),
        });
        let mut core: Core<1, 0> = Core::new();
        let mut store = Store::attach(&page, &mut core, &fake).unwrap();
        let mut rounds = 0;
        let done = store.transaction(Attempts(3), |nodes| {
            rounds += 1;
            nodes.write(A, b"v").map(|()| rounds)
        });
        assert_eq!(done, expected);
        assert!(
            fake.seen.borrow().iter().filter(|seen| seen.is(MessageType::Write)).all(|w| w.header.transaction == 3)
        );
    }
}

#[test]
fn s24_a_transaction_that_fails_is_abandoned_and_not_repeated() {
    let page = page();
    let fake = Fake::new(&page, |request| match request.is(MessageType::Read) {
        true => vec![request.error("ENOENT")],
        false => agree(request),
    });
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let done = store.transaction(Attempts(9), |nodes| nodes.read_number(A));
    assert!(done.is_err_and(|error| error.is_no_entry()));
    let seen = fake.seen.borrow();
    let kinds: Vec<_> = seen.iter().map(|request| (request.header.kind, &request.body[..])).collect();
    assert_eq!(kinds, [(6, &b"\0"[..]), (2, b"a\0"), (7, b"F\0")]);
}

#[test]
fn a_transaction_held_over_a_fence_is_given_back() {
    let page = page();
    let fake = Fake::new(&page, agree);
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let transaction = store.begin().unwrap();
    store.fence(Nanos::from_secs(1)).unwrap();
    let refused = store.commit(transaction).unwrap_err();
    assert_eq!(refused.error, StoreError::Fenced);
    store.unfence();
    assert_eq!(store.commit(refused.transaction.unwrap()), Ok(()));
}

#[test]
fn watches_and_their_events() {
    let page = page();
    let fake = Fake::new(&page, agree);
    let mut core: Core = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let watch = store.watch(A).unwrap();
    let first = store.poll_event().unwrap().unwrap();
    assert_eq!((first.watch, first.place), (watch, Place::Itself));
    assert_eq!(store.poll_event(), Ok(None));
    let deadline = fake.now().after(Nanos::from_secs(1));
    assert_eq!(store.wait_event(deadline), Ok(None));
    assert_eq!(fake.now(), deadline);
    store.unwatch(watch).unwrap();
    assert!(fake.seen.borrow().last().unwrap().is(MessageType::Unwatch));
    assert_eq!(store.unwatch(watch), Err(StoreError::Stale));
}

#[test]
fn a_refused_watch_leaves_nothing_behind() {
    let page = page();
    let fake = Fake::new(&page, |request| vec![request.error("EACCES")]);
    let mut core: Core<1, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    for _ in 0..3 {
        assert_eq!(store.watch(A), Err(StoreError::Said(Refusal::Access)));
    }
}

#[test]
fn s36_a_fence_has_a_deadline() {
    let page = page();
    let fake = Fake::new(&page, |_| Vec::new());
    let mut core: Core<2, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    assert_eq!(store.fence(fake.now()), Ok(()), "nothing is under way");
    store.unfence();
    let _waits = store.core().submit(Request::Read(A), None).unwrap();
    assert_eq!(store.fence(fake.now().after(Nanos::from_secs(1))), Err(StoreError::TimedOut));
    assert!(store.core().submit(Request::Read(A), None).is_ok(), "the fence is open again");
}

#[test]
fn a_fence_waits_until_the_server_has_taken_every_byte() {
    let page = page();
    let silent = self::page();
    let clock = Fake::new(&silent, |_| Vec::new());
    let (mut answers, mut requests) = xen_ring::xenstore_back(&page).unwrap();
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &clock).unwrap();
    let _answered = store.core().submit(Request::Remove(A), None).unwrap();
    store.pump().unwrap();
    // The server looked at the request, answers it, and has not taken it from the ring.
    let mut request = [0; 18];
    page.copy_in(0, &mut request);
    let answer = Message::take(&mut request.to_vec()).unwrap().ack().bytes();
    assert_eq!(answers.send(&answer), Ok(answer.len()));
    let fence = |store: &mut Store<'_, _, 1, 0>| store.fence(clock.now().after(Nanos::from_secs(1)));
    assert_eq!(fence(&mut store), Err(StoreError::TimedOut));
    assert_eq!(requests.receive(&mut request), Ok(18));
    assert_eq!(fence(&mut store), Ok(()));
}

#[test]
fn s42_an_impossible_index_ends_the_session_and_a_new_page_heals() {
    let (first, second) = (page(), page());
    let fake = Fake::new(&first, agree);
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&first, &mut core, &fake).unwrap();
    let watch = store.watch(A).unwrap();
    let bad = Misbehaved::Overrun { seen: 0, now: 0, allowed: 0 };
    first.u32_at::<{ 2048 + 12 }>().store(0x8000_0000, std::sync::atomic::Ordering::Release);
    let error = store.read(A, &mut [0; 8]).unwrap_err();
    let StoreError::Poisoned(Fault::Ring(found)) = error else { panic!("{error}") };
    assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&bad));
    assert_eq!(store.poll_event(), Err(error));
    assert_eq!(store.fence(Nanos::MAX), Err(error));

    fake.restart(&second);
    store.rebuild(&second).unwrap();
    store.reregister(Nanos::from_secs(9)).unwrap();
    assert_eq!(store.poll_event().unwrap().map(|event| event.watch), Some(watch));
    assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]));
    assert!(Store::attach(&first, &mut Core::<1, 1>::new(), &fake).is_err());
}

#[test]
fn after_a_restore_the_watches_go_out_in_one_batch() {
    let (old, new) = (page(), page());
    let fake = Fake::new(&old, agree);
    let mut core: Core<1, 8> = Core::new();
    let mut store = Store::attach(&old, &mut core, &fake).unwrap();
    let watches: Vec<_> = ["a", "b", "c"].map(|path| store.watch(Path::literal(path)).unwrap()).to_vec();
    while store.poll_event().unwrap().is_some() {}
    store.fence(Nanos::from_secs(1)).unwrap();
    let sent = store.requests_sent();
    fake.restart(&new);
    store.rebuild(&new).unwrap();
    assert_eq!(store.requests_sent(), sent, "rebuilding sends nothing");
    assert_eq!(store.read(A, &mut [0; 8]), Err(StoreError::Fenced));
    let before = fake.now();
    store.reregister(Nanos::from_secs(9)).unwrap();
    store.unfence();
    assert_eq!(store.requests_sent(), sent + 3);
    assert!(fake.now().since(before) < Nanos::from_secs(9));
    let events: Vec<_> = std::iter::from_fn(|| store.poll_event().unwrap()).map(|event| event.watch).collect();
    assert_eq!(events.len(), 3);
    assert!(watches.iter().all(|watch| events.contains(watch)));
}

#[test]
fn a_page_whose_indices_run_on_serves_as_well() {
    let page = page();
    for (offset, at) in [(0, 5000_u32), (1, 5000), (2, 0xffff_fff0), (3, 0xffff_fff0)] {
        page.u32s_at::<2048, 4>()[offset].store(at, std::sync::atomic::Ordering::Release);
    }
    let fake = Fake::new(&page, agree);
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    for _ in 0..if cfg!(miri) { 10 } else { 100 } {
        assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]));
    }
}

#[test]
fn s42_rings_emptied_behind_our_back_are_found_out_before_anything_is_sent() {
    let page = page();
    let fake = Fake::new(&page, agree);
    let mut core: Core<2, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    store.write(A, b"once").unwrap();
    assert_eq!(store.read(A, &mut [0; 16]), Ok(&b"value"[..]), "a neighbour: nothing was touched");
    let indices = page.u32s_at::<2048, 4>();
    indices.iter().for_each(|index| index.store(0, std::sync::atomic::Ordering::Relaxed));
    fake.restart(&page);
    let seen = fake.seen.borrow().len();
    assert!(matches!(store.write(A, b"next"), Err(StoreError::Poisoned(Fault::Ring(_)))));
    assert_eq!(page.u32_at::<2052>().load(std::sync::atomic::Ordering::Relaxed), 0, "nothing is published");
    store.rebuild(&page).unwrap();
    store.write(A, b"next").unwrap();
    assert_eq!(fake.seen.borrow().len(), seen + 1, "and nothing of old is served again");
}

#[test]
fn s11_the_answers_to_whoever_had_the_rings_before_are_not_ours() {
    let page = page();
    let fake = Fake::new(&page, |_| Vec::new());
    let mut before: Core<2, 1> = Core::new();
    let mut firmware = Store::attach(&page, &mut before, &fake).unwrap();
    let _left = firmware.core().submit(Request::Read(A), None).unwrap();
    firmware.pump().unwrap();
    let old = fake.seen.borrow()[0].ok(b"old");

    let mut after: Core<2, 1> = Core::new();
    let mut kernel = Store::attach(&page, &mut after, &fake).unwrap();
    let ticket = kernel.core().submit(Request::Read(A), None).unwrap();
    kernel.pump().unwrap();
    fake.say(&old);
    kernel.pump().unwrap();
    assert!(!kernel.core().is_done(&ticket), "the first answer is to the other's request");
    assert_eq!(kernel.core().counters().strays, 1);
    let own = fake.seen.borrow()[1].ok(b"new");
    fake.say(&own);
    assert_eq!(kernel.wait_for(ticket).unwrap().value(), b"new");
}
