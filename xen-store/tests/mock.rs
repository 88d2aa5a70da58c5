//! The facade against the xenstored of the mock host, which shares no code with this crate.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[allow(dead_code, reason = "each test uses its own part")]
#[path = "support/guest.rs"]
mod guest;

use guest::Seam;
use xen_hypercall::{DomId, Nanos, SharedPage};
use xen_mock::{Destination, Host, Save, StoreOp, Violation};
use xen_store::{
    Access, Attempts, Core, Link, Nodes, Path, PathBuf, Permission, Place, Refusal, Reject, Store, StoreError,
    WatchEvent,
};

const X: Path<'_> = Path::literal("data/x");

/// What a test needs to connect.
struct Setup {
    host: Host,
    seam: Seam,
    page: SharedPage,
    core: Core<2, 8>,
}

impl Setup {
    fn new() -> Self {
        Self::of(Host::builder().build())
    }

    fn of(host: Host) -> Self {
        let seam = Seam::new(&host);
        let page = seam.page();
        Self { host, seam, page, core: Core::new() }
    }

    fn store(&mut self) -> (&Host, &Seam, &SharedPage, Store<'_, &Seam, 2, 8>) {
        let store = Store::attach(&self.page, &mut self.core, &self.seam).unwrap();
        (&self.host, &self.seam, &self.page, store)
    }
}

const fn said<T>(refusal: Refusal) -> Result<T, StoreError> {
    Err(StoreError::Said(refusal))
}

#[test]
fn reads_and_writes() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    assert_eq!(store.read_number(Path::literal("domid")), Ok(1));
    assert_eq!(store.home(DomId(7)).unwrap().as_path().as_str(), "/local/domain/7");
    store.write(X, b"\0any \xff bytes").unwrap();
    assert_eq!(host.store().read_bytes("data/x").unwrap(), b"\0any \xff bytes");
    assert_eq!(store.read(X, &mut [0; 64]), Ok(&b"\0any \xff bytes"[..]));
    assert_eq!(store.read_number(X), Err(StoreError::Rejected(Reject::BadNumber)));
    assert_eq!(store.read(Path::literal("data/none"), &mut [0; 64]), said(Refusal::NoEntry));
    assert_eq!(store.write(Path::literal("control/new"), b""), said(Refusal::Access));
    host.check().unwrap();
}

#[test]
fn s05_values_larger_than_the_ring() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    let value: Vec<u8> = (0..1900_u16).map(|at| u8::try_from(at % 251).unwrap()).collect();
    store.write(X, &value).unwrap();
    assert_eq!(store.read(X, &mut [0; 4096]), Ok(&value[..]));
    host.store().write("data/x", vec![b'y'; 4096]);
    assert_eq!(store.read(X, &mut [0; 4096]), Ok(&[b'y'; 4096][..]));
    host.check().unwrap();
}

#[test]
fn makes_lists_and_removes() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    let list = Path::literal("data/list");
    assert_eq!(store.directory(list, &mut [0; 64]).err(), Some(StoreError::Said(Refusal::NoEntry)));
    store.mkdir(list).unwrap();
    assert_eq!(store.directory(list, &mut [0; 64]).unwrap().count(), 0);
    for name in ["a", "b", "c"] {
        let path = PathBuf::<32>::new(list).unwrap().join(name).unwrap();
        store.mkdir(path.as_path()).unwrap();
    }
    let mut buffer = [0; 64];
    let names: Vec<_> = store.directory(list, &mut buffer).unwrap().collect();
    assert_eq!(names, ["a", "b", "c"]);
    store.rm(list).unwrap();
    assert_eq!(host.store().read("data/list/a"), None);
    host.check().unwrap();
}

#[test]
fn permissions() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    store.write(X, b"").unwrap();
    let entries =
        [(1, Access::None), (7, Access::Both)].map(|(domain, access)| Permission { domain: DomId(domain), access });
    store.set_permissions(X, &entries).unwrap();
    let found: Vec<_> = store.permissions(X, &mut [0; 64]).unwrap().collect();
    assert_eq!(found, entries);
    assert_eq!(host.store().permissions("data/x").len(), 2);
    assert_eq!(store.set_permissions(Path::literal("name"), &entries), said(Refusal::Access));
    host.check().unwrap();
}

#[test]
fn transactions() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    store.write(X, b"1").unwrap();
    let mut rounds = 0;
    let done = store.transaction(Attempts(5), |nodes| {
        rounds += 1;
        let number = nodes.read_number(X)?;
        if rounds < 3 {
            host.store().write("data/x", (number + 10).to_string());
        }
        nodes.write(X, (number + 1).to_string().as_bytes())
    });
    assert_eq!((done, rounds), (Ok(()), 3));
    assert_eq!(host.store().read("data/x").as_deref(), Some("22"));

    let transaction = store.begin().unwrap();
    store.within(&transaction).write(X, b"never").unwrap();
    store.abandon(transaction).unwrap();
    assert_eq!(host.store().read("data/x").as_deref(), Some("22"));
    assert!(host.ledger().holdings().transactions.is_empty());
    host.check().unwrap();
}

#[test]
fn s25_eagain_for_ever() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    host.faults().on_store(StoreOp::TransactionEnd).times(1000).fails("EAGAIN");
    assert_eq!(store.transaction(Attempts(4), |nodes| nodes.write(X, b"")), said(Refusal::Again));
    assert_eq!(store.requests_sent(), 12);
}

#[test]
fn s22_s23_names_of_errors() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    host.faults().on_store(StoreOp::Write).fails("ENEWNAME");
    let Err(StoreError::Said(refusal)) = store.write(X, b"") else { panic!("refused") };
    assert_eq!(refusal.name(), b"ENEWNAME");
    host.faults().on_store(StoreOp::Write).fails("EQUOTA");
    let Err(StoreError::Said(refusal)) = store.write(X, b"") else { panic!("refused") };
    assert!(refusal.is_quota());
    assert_eq!(store.write(X, b""), Ok(()));
}

#[test]
fn s13_a_swallowed_request() {
    let mut setup = Setup::new();
    let (host, seam, _, mut store) = setup.store();
    host.faults().on_store(StoreOp::Read).swallows();
    store.set_patience(Nanos::from_secs(2));
    let before = seam.now();
    assert_eq!(store.read_number(Path::literal("domid")), Err(StoreError::TimedOut));
    assert!(seam.now().since(before) >= Nanos::from_secs(2));
    assert_eq!(store.fence(seam.after(100)), Err(StoreError::TimedOut), "an answer is due");
    assert_eq!(store.read_number(Path::literal("domid")), Ok(1), "the session goes on");
    assert_eq!(store.fence(seam.after(100)), Ok(()), "a later request was answered: it does not come any more");
}

/// However many answers are lost, there is room for requests, and the guest can be suspended.
#[test]
fn s13_a_server_that_swallows_again_and_again() {
    let mut setup = Setup::new();
    let (host, seam, _, mut store) = setup.store();
    for _ in 0..20 {
        host.faults().on_store(StoreOp::Read).swallows();
        assert_eq!(store.read_number(Path::literal("domid")), Err(StoreError::TimedOut));
        assert_eq!(store.read_number(Path::literal("domid")), Ok(1));
    }
    assert_eq!(store.fence(seam.after(100)), Ok(()));
}

/// I26: a watch that the server refuses at first in a new domain is registered all the same.
#[test]
fn i26_a_watch_that_is_refused_after_a_restore() {
    for (times, standing) in [(2, Ok(())), (9, Err(StoreError::Said(Refusal::Io)))] {
        let mut setup = Setup::new();
        let (host, seam, page, mut store) = setup.store();
        let watch = store.watch(Path::literal("data")).unwrap();
        store.poll_event().unwrap().unwrap();
        assert_eq!(seam.suspend(host, Save::Restore(Destination::default())), 0);
        seam.connect();
        host.faults().on_store(StoreOp::Watch).times(times).fails("EIO");
        store.rebuild(page).unwrap();
        store.reregister(seam.after(1000)).unwrap();
        assert_eq!(store.core().watch_standing(watch), standing);
        host.faults().clear();
        assert_eq!(store.core().rewatch_missing(), usize::from(standing.is_err()));
        assert_eq!(store.wait_event(seam.after(100)).unwrap().map(|event| event.watch), Some(watch));
        assert_eq!(store.core().watch_standing(watch), Ok(()));
        assert_eq!(host.ledger().holdings().watches.len(), 1);
    }
}

#[test]
fn s11_a_late_answer_reaches_nobody() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    host.faults().on_store(StoreOp::Read).delays(Nanos::from_secs(7));
    assert_eq!(store.read(Path::literal("name"), &mut [0; 16]), Err(StoreError::TimedOut));
    assert_eq!(store.read_number(Path::literal("domid")), Ok(1));
    assert_eq!(store.core().counters().strays, 0, "it was expected, by nobody");
}

#[test]
fn s43_within_a_transaction_two_reads_agree() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    host.store().write("data/x", "checked");
    let transaction = store.begin().unwrap();
    let mut nodes = store.within(&transaction);
    assert_eq!(nodes.read(X, &mut [0; 16]), Ok(&b"checked"[..]));
    host.store().write("data/x", "another");
    assert_eq!(nodes.read(X, &mut [0; 16]), Ok(&b"checked"[..]), "what was checked is what is used");
    let end = store.commit(transaction).unwrap_err();
    assert!(end.error.is_again(), "or is known to be old");
    assert_eq!(store.read(X, &mut [0; 16]), Ok(&b"another"[..]));
}

#[test]
fn s47_a_long_list_of_children() {
    let mut setup = Setup::new();
    let (host, _, _, mut store) = setup.store();
    let names: Vec<String> = (0..200).map(|number| format!("{}{number}", "x".repeat(50))).collect();
    names.iter().for_each(|name| host.store().write(&format!("data/many/{name}"), ""));
    let many = Path::literal("data/many");
    let mut buffer = [0; 16384];
    let listed: Vec<String> = store.directory(many, &mut buffer).unwrap().map(String::from).collect();
    assert_eq!(listed, names);
    assert!(matches!(store.directory(many, &mut [0; 5000]), Err(StoreError::BufferTooSmall(5001..))));
    let listed = store.transaction(Attempts(1), |nodes| nodes.directory(many, &mut buffer).map(Iterator::count));
    assert_eq!(listed, Ok(200), "within a transaction too");
    let short = store.directory_in_parts(Path::literal("control"), &mut [0; 256]).map(Iterator::count);
    assert_eq!(short, Ok(host.store().list("control").len()));
    host.check().unwrap();
}

#[test]
fn s35_a_connection_that_somebody_had_before() {
    let mut setup = Setup::new();
    {
        let (_, _, _, mut store) = setup.store();
        store.watch(Path::literal("data")).unwrap();
        let _left_open = store.begin().unwrap();
    }
    setup.core = Core::new();
    let (host, _, _, mut store) = setup.store();
    assert_eq!(host.ledger().holdings().watches.len(), 1);
    store.reset().unwrap();
    assert_eq!(host.ledger().holdings().watches.len(), 0);
    assert_eq!(host.ledger().holdings().transactions.len(), 0);
    let watch = store.watch(Path::literal("data")).unwrap();
    assert_eq!(store.reset(), Err(StoreError::InUse));
    assert_eq!(host.ledger().holdings().watches.len(), 1, "nothing was sent");
    store.unwatch(watch).unwrap();
}

#[test]
fn watches() {
    let mut setup = Setup::new();
    let (host, seam, _, mut store) = setup.store();
    let data = store.watch(Path::literal("data")).unwrap();
    let word = store.watch(Path::literal("control/shutdown")).unwrap();
    let first: Vec<_> = (0..2).map(|_| store.wait_event(seam.after(100)).unwrap().unwrap().watch).collect();
    assert!(first.contains(&data) && first.contains(&word), "one each at the beginning");
    assert_eq!(store.poll_event(), Ok(None));
    host.toolstack().word("suspend");
    let event = store.wait_event(seam.after(100)).unwrap();
    assert_eq!(event, Some(WatchEvent { watch: word, place: Place::Itself }));
    host.store().write("data/a/b", "1");
    let below = Place::Below(PathBuf::new(Path::literal("a/b")).unwrap());
    assert_eq!(store.wait_event(seam.after(100)), Ok(Some(WatchEvent { watch: data, place: below })));
    store.unwatch(data).unwrap();
    host.store().write("data/a/b", "2");
    assert_eq!(store.wait_event(seam.after(100)), Ok(None));
    assert_eq!(host.ledger().holdings().watches.len(), 1);
    host.check().unwrap();
}

/// The host sees that a transaction was open at the suspend, and nothing else that it should not.
fn only_the_transaction(host: &Host) {
    assert_eq!(host.check(), Err(vec![Violation::SuspendedInTransaction(1)]));
}

#[test]
fn a_restore_with_watches_and_a_transaction() {
    let mut setup = Setup::new();
    let (host, seam, page, mut store) = setup.store();
    let watches = ["data", "control/shutdown", "device"].map(|path| store.watch(Path::literal(path)).unwrap());
    while store.wait_event(seam.after(10)).unwrap().is_some() {}
    let transaction = store.begin().unwrap();
    store.fence(seam.after(1000)).unwrap();
    assert_eq!(seam.suspend(host, Save::Restore(Default::default())), 0);
    seam.connect();
    store.rebuild(page).unwrap();
    let sent = store.requests_sent();
    store.reregister(seam.after(1000)).unwrap();
    store.unfence();
    assert_eq!(store.requests_sent(), sent + 3);
    assert_eq!(host.ledger().holdings().watches.len(), 3);
    let events: Vec<_> = std::iter::from_fn(|| store.wait_event(seam.after(10)).unwrap()).collect();
    assert_eq!(events.len(), 3, "one each");
    assert!(watches.iter().all(|watch| events.iter().any(|event| event.watch == *watch)));
    assert_eq!(store.read_number(Path::literal("domid")), Ok(2));
    assert_eq!(store.commit(transaction).map_err(StoreError::from), said(Refusal::Again));
    only_the_transaction(host);
}

#[test]
fn a_cancelled_suspend_sends_nothing() {
    let mut setup = Setup::new();
    let (host, seam, _, mut store) = setup.store();
    let watch = store.watch(Path::literal("data")).unwrap();
    while store.wait_event(seam.after(10)).unwrap().is_some() {}
    let transaction = store.begin().unwrap();
    let sent = store.requests_sent();
    store.fence(seam.after(1000)).unwrap();
    assert_eq!(seam.suspend(host, Save::Checkpoint), 1);
    store.unfence();
    assert_eq!(store.poll_event(), Ok(None));
    assert_eq!(store.requests_sent(), sent);
    store.commit(transaction).unwrap();
    host.store().write("data/x", "1");
    assert_eq!(store.wait_event(seam.after(100)).unwrap().map(|event| event.watch), Some(watch));
    only_the_transaction(host);
}

#[test]
fn where_the_server_remembers_registering_again_does_no_harm() {
    let mut setup = Setup::new();
    let (host, seam, _, mut store) = setup.store();
    let watch = store.watch(Path::literal("data")).unwrap();
    while store.wait_event(seam.after(10)).unwrap().is_some() {}
    store.reregister(seam.after(1000)).unwrap();
    let event = WatchEvent { watch, place: Place::Itself };
    assert_eq!(store.poll_event(), Ok(Some(event)));
    assert_eq!(store.wait_event(seam.after(10)), Ok(None));
    assert_eq!(host.ledger().holdings().watches.len(), 1);
}
