//! Requests beyond reading and writing: long lists, what the server offers, and a connection that somebody had before.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use std::cell::Cell;

use support::fake::{Fake, page};
use support::{Message, give, sent, taken};
use xen_hypercall::DomId;
use xen_store::{
    Access, Answer, Argument, Core, End, Features, Header, MESSAGE_MAX, MessageType, Nodes, Path, Permission, Refusal,
    Reject, Reply, Request, Store, StoreError, Transaction,
};

const A: Path<'_> = Path::literal("a");

/// Answers a listing by `E2BIG`, and parts of it by `part` of their offset.
fn long_list(request: &Message, part: impl Fn(usize) -> Vec<u8>) -> Vec<Message> {
    match MessageType::from_raw(request.header.kind).unwrap() {
        MessageType::Directory => vec![request.error("E2BIG")],
        MessageType::DirectoryPart => {
            let [path, offset] = &request.strings()[..] else { panic!("two strings") };
            assert_eq!(path, "a");
            vec![request.ok(&part(offset.parse().unwrap()))]
        }
        _ => panic!("nothing else is asked"),
    }
}

/// Cuts a list as a server does: whole names, and an empty one at the end.
fn cut(generation: u64, list: &str, from: usize) -> Vec<u8> {
    let mut body = format!("{generation}\0").into_bytes();
    let rest = list.get(from..).unwrap_or_default();
    let end = rest.len().min(21);
    let end = rest[..end].rfind('\0').map_or(0, |end| end + 1);
    body.extend(&rest.as_bytes()[..end]);
    if end == rest.len() {
        body.push(0);
    }
    body
}

#[test]
fn s47_a_list_too_long_for_an_answer_comes_in_parts() {
    let list: String = (0..400).map(|number| format!("{number}\0")).collect();
    let page = page();
    let fake = Fake::new(&page, |request| long_list(request, |from| cut(7, &list, from)));
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    let mut buffer = [0; 2000];
    let names: Vec<String> = store.directory(A, &mut buffer).unwrap().map(String::from).collect();
    assert_eq!(names, (0..400).map(|number| number.to_string()).collect::<Vec<_>>());
    let need = store.directory(A, &mut [0; 100]).unwrap_err();
    assert!(matches!(need, StoreError::BufferTooSmall(101..=121)), "{need}");
}

#[test]
fn s29_a_list_that_changes_is_begun_again_and_not_for_ever() {
    for (changes, expected) in [(5, None), (u64::MAX, Some(StoreError::Rejected(Reject::Unsteady)))] {
        let list = "one\0two\0three\0four\0five\0six\0";
        let generation = Cell::new(0);
        let page = page();
        let fake = Fake::new(&page, |request| {
            long_list(request, |from| {
                generation.set(generation.get() + u64::from(generation.get() < changes));
                cut(generation.get(), list, from)
            })
        });
        let mut core: Core<1, 0> = Core::new();
        let mut store = Store::attach(&page, &mut core, &fake).unwrap();
        let mut buffer = [0; 100];
        let listed =
            store.directory(A, &mut buffer).map(|names| names.map(String::from).collect::<Vec<_>>().join("\0"));
        assert_eq!(listed.clone().err(), expected);
        assert!(expected.is_some() || listed.unwrap() == list.trim_end_matches('\0'));
        assert!(fake.seen.borrow().len() < 40, "bounded");
    }
}

#[test]
fn s29_a_part_without_progress_ends_the_listing() {
    for (body, why) in [(&b"7\0"[..], Reject::BadNames), (b"\0", Reject::BadNumber), (b"7\0a", Reject::BadNames)] {
        let page = page();
        let fake = Fake::new(&page, |request| long_list(request, |_| body.to_vec()));
        let mut core: Core<1, 0> = Core::new();
        let mut store = Store::attach(&page, &mut core, &fake).unwrap();
        assert_eq!(store.directory(A, &mut [0; 64]).err(), Some(StoreError::Rejected(why)));
    }
}

#[test]
fn a_server_without_parts_says_that_the_list_is_too_big() {
    let page = page();
    let fake = Fake::new(&page, |request| {
        let name = if request.is(MessageType::Directory) { "E2BIG" } else { "ENOSYS" };
        vec![request.error(name)]
    });
    let mut core: Core<1, 0> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    assert_eq!(store.directory(A, &mut [0; 64]).err(), Some(StoreError::Said(Refusal::TooBig)));
}

#[test]
fn s39_what_needs_an_offer_waits_for_it() {
    let any = [
        Permission { domain: DomId(1), access: Access::None },
        Permission { domain: DomId::ANY, access: Access::Read },
    ];
    let mut core: Core<2, 0> = Core::new();
    core.handle_features(Features::from_bits_retain(0xffff_fff0));
    assert_eq!(core.features(), Features::empty(), "unknown ones are passed over");
    let refused = core.submit(Request::SetPermissions(A, &any), None);
    assert_eq!(refused, Err(StoreError::NotOffered(Features::DOMID_ANY)));
    let _same = core.submit(Request::SetPermissions(A, &any[..1]), None).unwrap();
    core.handle_features(Features::DOMID_ANY);
    core.handle_features(Features::ERROR);
    assert_eq!(core.features(), Features::DOMID_ANY | Features::ERROR, "what vanishes stays offered");
    let _same = core.submit(Request::SetPermissions(A, &any), None).unwrap();
    assert_eq!(sent(&mut core)[1].body, b"a\0n1\0r32757\0");
    core.epoch_changed();
    assert_eq!(core.features(), Features::empty(), "another server");
}

#[test]
fn answers_of_the_toolstack() {
    let mut core: Core<1, 0> = Core::new();
    let mut ask = |request: Request<'_>, body: &[u8], read: &dyn Fn(Answer<'_>)| {
        let ticket = core.submit(request, None).unwrap();
        let reply = sent(&mut core)[0].ok(body);
        give(&mut core, &reply);
        read(core.poll_reply(ticket));
    };
    ask(Request::IsIntroduced(DomId(1)), b"T\0", &|answer| {
        let Answer::Done(Ok(reply)) = answer else { panic!("answered") };
        assert_eq!(reply.is_introduced(), Ok(true));
        assert_eq!(reply.features(), Err(StoreError::Rejected(Reject::BadNumber)));
    });
    ask(Request::Features(None), b"15\0", &|answer| {
        let Answer::Done(Ok(reply)) = answer else { panic!("answered") };
        assert_eq!(reply.features(), Ok(Features::all()));
    });
    ask(Request::Quotas, b"nodes watches\0", &|answer| {
        let Answer::Done(Ok(reply)) = answer else { panic!("answered") };
        assert_eq!(reply.text(), Ok(&b"nodes watches"[..]));
    });
    ask(Request::Control(&[Argument::literal("print"), Argument::literal("x")]), b"any\xff", &|answer| {
        assert!(matches!(answer, Answer::Done(Ok(_))));
    });
    ask(Request::IsIntroduced(DomId(1)), b"maybe\0", &|answer| {
        assert!(matches!(answer, Answer::Done(Err(StoreError::Rejected(Reject::BadAck)))));
    });
}

fn begun<const R: usize, const W: usize>(core: &mut Core<R, W>) -> Transaction {
    let ticket = core.submit(Request::Begin, None).unwrap();
    let reply = sent(core)[0].ok(b"9\0");
    give(core, &reply);
    let Answer::Done(Ok(reply)) = core.poll_reply(ticket) else { panic!("begun") };
    reply.into_transaction().unwrap()
}

#[test]
fn s35_no_reset_while_a_transaction_or_a_watch_is_there() {
    let mut core: Core<3, 1> = Core::new();
    let beginning = core.submit(Request::Begin, None).unwrap();
    assert_eq!(core.reset(), Err(StoreError::InUse), "one may begin");
    core.give_up(beginning);
    let transaction = begun(&mut core);
    assert_eq!(core.reset(), Err(StoreError::InUse));
    let _end = core.end(&transaction, End::Commit).unwrap().unwrap();
    let watch = core.watch(A).unwrap();
    assert_eq!(core.reset(), Err(StoreError::InUse));
    for request in sent(&mut core) {
        give(&mut core, &request.ack());
    }
    core.unwatch(watch).unwrap();
    assert_eq!(core.reset(), Err(StoreError::InUse), "the server has it still");
    let reply = sent(&mut core)[0].ack();
    give(&mut core, &reply);
    let reset = core.reset().unwrap();
    let request = sent(&mut core).remove(0);
    assert!(request.is(MessageType::ResetWatches));
    assert_eq!((request.header.transaction, &request.body[..]), (0, &b"\0"[..]));
    give(&mut core, &request.ack());
    assert_eq!(taken(&mut core, reset), Some(Ok(b"OK\0".to_vec())));
}

#[test]
fn what_is_not_of_nodes_is_asked_outside_of_the_transaction() {
    let mut core: Core<4, 0> = Core::new();
    let transaction = begun(&mut core);
    for (request, within) in
        [(Request::Begin, 0), (Request::Home(DomId(1)), 0), (Request::Quotas, 0), (Request::DirectoryPart(A, 0), 9)]
    {
        let ticket = core.submit(request, Some(&transaction)).unwrap();
        let request = sent(&mut core).remove(0);
        assert_eq!(request.header.transaction, within);
        give(&mut core, &request.error("EINVAL"));
        assert!(taken(&mut core, ticket).unwrap().is_err());
    }
}

#[test]
fn s11_a_transaction_that_nobody_takes_is_abandoned() {
    let mut core: Core<1, 1> = Core::new();
    let ticket = core.submit(Request::Begin, None).unwrap();
    let reply = sent(&mut core)[0].ok(b"9\0");
    give(&mut core, &reply);
    core.give_up(ticket);
    let abandon = sent(&mut core).remove(0);
    assert!(abandon.is(MessageType::TransactionEnd));
    assert_eq!((abandon.header.transaction, &abandon.body[..]), (9, &b"F\0"[..]));
    give(&mut core, &abandon.ack());
    assert!(core.is_quiet() && core.reset().is_ok(), "nothing is left open");
}

#[test]
fn s11_a_commit_given_up_before_it_is_sent_is_an_abandon() {
    let mut core: Core<1, 0> = Core::new();
    let transaction = begun(&mut core);
    let commit = core.end(&transaction, End::Commit).unwrap().unwrap();
    core.give_up(commit);
    let end = sent(&mut core).remove(0);
    assert_eq!((end.header.transaction, &end.body[..]), (9, &b"F\0"[..]));
    give(&mut core, &end.ack());
    assert!(core.submit(Request::Read(A), None).is_ok(), "its slot is free again");
}

/// A request of each of three types, its header, and a right answer.
fn exchanges() -> [(Header, Vec<u8>); 3] {
    let path = Path::literal("device");
    [(Request::Read(path), "v"), (Request::Write(path, b"v"), "OK\0"), (Request::Directory(path), "vbd\0vif\0")].map(
        |(request, body)| {
            let mut buffer = [0; MESSAGE_MAX];
            let message = request.encode(7, 5, &mut buffer).unwrap();
            (Header::decode(message.first_chunk().unwrap()), body.into())
        },
    )
}

#[test]
fn s06_s07_s08_s10_an_answer_is_to_what_was_asked() {
    for (asked, body) in exchanges() {
        let of = |header: Header, body: &[u8]| Reply::of(&asked, &header, body).map(|reply| reply.value().to_vec());
        let header = Header { len: u32::try_from(body.len()).unwrap(), ..asked };
        assert_eq!(of(header, &body), Ok(body.clone()));
        let rejects = |header, reject| assert_eq!(of(header, &body), Err(StoreError::Rejected(reject)));
        rejects(Header { request: 8, ..header }, Reject::WrongRequest(8));
        rejects(Header { transaction: 0, ..header }, Reject::WrongTransaction(0));
        rejects(Header { kind: 15, ..header }, Reject::UnexpectedType(15));
        let error = Header { kind: MessageType::Error.raw(), ..header };
        assert_eq!(of(error, b"ENOENT\0"), Err(StoreError::Said(Refusal::NoEntry)));
        assert_eq!(
            Reply::of(&Header { kind: 20, ..asked }, &header, &body).err(),
            Some(StoreError::Rejected(Reject::WrongRequest(7)))
        );
    }
}

#[test]
fn s26_s28_s45_an_answer_is_of_the_form_that_its_type_asks_for() {
    let [_, (write, _), (directory, names)] = exchanges();
    assert_eq!(Reply::of(&write, &write, b"ok\0").err(), Some(StoreError::Rejected(Reject::BadAck)));
    assert_eq!(Reply::of(&directory, &directory, b"vbd").err(), Some(StoreError::Rejected(Reject::BadNames)));
    let reply = Reply::of(&directory, &directory, &names).unwrap();
    assert_eq!(reply.names().unwrap().collect::<Vec<_>>(), ["vbd", "vif"]);
    // No core knows this transaction, so none takes it for one of its own.
    let begin = Header { kind: MessageType::TransactionStart.raw(), ..write };
    let reply = Reply::of(&begin, &begin, b"9\0").unwrap();
    assert_eq!((reply.value(), reply.into_transaction().err()), (&b"9\0"[..], Some(StoreError::Stale)));
}
