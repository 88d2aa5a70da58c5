//! The words of the page: what the server offers, why it stopped, and a ring that is connected anew.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[allow(dead_code, reason = "each test uses its own part")]
#[path = "support/guest.rs"]
mod guest;
mod support;

use std::cell::Cell;
use std::sync::atomic::Ordering::{Acquire, Release};

use guest::Seam;
use support::Message;
use support::fake::{Fake, page};
use xen_hypercall::{Nanos, SharedPage};
use xen_mock::{Host, Offers, Violation};
use xen_ring::Misbehaved;
use xen_store::{Core, Fault, Features, Link, MessageType, Nodes, Path, Place, Request, Store, StoreError, WatchEvent};

const A: Path<'_> = Path::literal("a");
const FEATURES: usize = 2064;
const CONNECTION: usize = 2068;
const ERROR: usize = 2072;

fn agree(request: &Message) -> Vec<Message> {
    match MessageType::from_raw(request.header.kind).unwrap() {
        MessageType::Read => vec![request.ok(b"value")],
        MessageType::TransactionStart => vec![request.ok(b"3\0")],
        MessageType::Watch => {
            let [path, token] = &request.strings()[..] else { panic!("two strings") };
            vec![request.ack(), Message::event(path, token)]
        }
        _ => vec![request.ack()],
    }
}

/// A server that connects a ring anew, once it was waited for so often.
struct Server<'p> {
    fake: Fake<'p>,
    page: &'p SharedPage,
    waits: Cell<u32>,
}

impl<'p> Server<'p> {
    fn new(page: &'p SharedPage, waits: u32) -> Self {
        page.u32_at::<FEATURES>().store(3, Release);
        Self { fake: Fake::new(page, agree), page, waits: Cell::new(waits) }
    }

    fn is_asked(&self) -> bool {
        self.page.u32_at::<CONNECTION>().load(Acquire) == 1
    }
}

impl Link for Server<'_> {
    fn notify(&self) {
        if !self.is_asked() {
            self.fake.notify();
        }
    }

    fn now(&self) -> Nanos {
        self.fake.now()
    }

    fn wait(&self, deadline: Nanos) {
        if self.is_asked() {
            match self.waits.get().checked_sub(1) {
                Some(left) => self.waits.set(left),
                None => {
                    self.page.u32s_at::<2048, 4>().iter().for_each(|index| index.store(0, Release));
                    self.page.u32_at::<ERROR>().store(0, Release);
                    self.fake.restart(self.page);
                    self.page.u32_at::<CONNECTION>().store(0, Release);
                    return;
                }
            }
        }
        self.fake.wait(deadline);
    }
}

#[test]
fn s38_any_code_of_the_server_ends_the_session() {
    for code in [1, 2, 3, 77, u32::MAX] {
        let page = page();
        page.u32_at::<FEATURES>().store(2, Release);
        let fake = Fake::new(&page, agree);
        let mut core: Core<2, 1> = Core::new();
        let mut store = Store::attach(&page, &mut core, &fake).unwrap();
        assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]));
        let waiting = store.core().submit(Request::Read(A), None).unwrap();
        page.u32_at::<ERROR>().store(code, Release);
        let over = StoreError::Poisoned(Fault::ServerClosed(code));
        assert_eq!(store.read(A, &mut [0; 8]), Err(over));
        assert_eq!(store.wait_for(waiting).err(), Some(over));
        assert_eq!(store.reconnect(Nanos::MAX), Err(StoreError::NotOffered(Features::RECONNECTION)));
        assert_eq!(Store::attach(&page, &mut Core::<1, 0>::new(), &fake).err(), Some(over));
    }
}

#[test]
fn s38_s39_words_mean_something_only_where_they_are_offered() {
    let page = page();
    page.u32_at::<ERROR>().store(2, Release);
    page.u32_at::<FEATURES>().store(0xffff_fff0, Release);
    let fake = Fake::new(&page, agree);
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    assert_eq!(store.core().features(), Features::empty());
    assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]), "the code is of somebody before");
    page.u32_at::<CONNECTION>().store(1, Release);
    assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]), "no handshake is offered");
    page.u32_at::<CONNECTION>().store(0, Release);
    page.u32_at::<ERROR>().store(0, Release);
    store.pump().unwrap();
    page.u32_at::<FEATURES>().store(2, Release);
    store.pump().unwrap();
    page.u32_at::<FEATURES>().store(4, Release);
    store.pump().unwrap();
    assert_eq!(store.core().features(), Features::ERROR | Features::WATCH_DEPTH, "what was offered stays so");
    page.u32_at::<ERROR>().store(1, Release);
    assert_eq!(store.pump(), Err(StoreError::Poisoned(Fault::ServerClosed(1))));
}

#[test]
fn s36_a_broken_ring_is_connected_anew() {
    let page = page();
    let server = Server::new(&page, 2);
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &server).unwrap();
    let watch = store.watch(A).unwrap();
    let transaction = store.begin().unwrap();
    while store.poll_event().unwrap().is_some() {}
    page.u32_at::<2060>().store(0x8000_0000, Release);
    let error = store.read(A, &mut [0; 8]).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned(Fault::Ring(Misbehaved::Overrun { .. }))));

    store.reconnect(server.now().after(Nanos::from_secs(1))).unwrap();
    assert_eq!(page.u32_at::<2052>().load(Acquire), 0, "no byte is sent by that");
    store.reregister(server.now().after(Nanos::from_secs(1))).unwrap();
    assert_eq!(store.poll_event(), Ok(Some(WatchEvent { watch, place: Place::Itself })));
    assert!(store.commit(transaction).is_err_and(|end| end.error.is_again()), "it went with its connection");
    assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]));
}

#[test]
fn s37_a_server_that_never_connects_is_waited_for_until_the_deadline() {
    let page = page();
    let server = Server::new(&page, u32::MAX);
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &server).unwrap();
    let deadline = server.now().after(Nanos::from_secs(2));
    assert_eq!(store.reconnect(deadline), Err(StoreError::TimedOut));
    assert_eq!(server.now(), deadline);
    let over = StoreError::Poisoned(Fault::Reconnecting);
    assert_eq!(store.read(A, &mut [0; 8]), Err(over));
    assert_eq!(page.u32_at::<2052>().load(Acquire), 0, "nothing is written meanwhile");
    server.waits.set(0);
    store.reconnect(server.now().after(Nanos::from_secs(2))).unwrap();
    assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]));
}

#[test]
fn s37_a_connection_that_is_reset_without_our_asking_is_over() {
    let page = page();
    let server = Server::new(&page, 0);
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &server).unwrap();
    let watch = store.watch(A).unwrap();
    page.u32_at::<CONNECTION>().store(1, Release);
    page.u32_at::<2060>().store(7777, Release);
    let over = StoreError::Poisoned(Fault::Reconnecting);
    assert_eq!(store.read(A, &mut [0; 8]), Err(over), "and no index is looked at");
    store.reconnect(server.now().after(Nanos::from_secs(1))).unwrap();
    store.reregister(server.now().after(Nanos::from_secs(1))).unwrap();
    assert_eq!(store.poll_event(), Ok(Some(WatchEvent { watch, place: Place::Itself })));
}

#[test]
fn s37_a_domain_that_starts_before_its_server() {
    let page = page();
    let server = Server::new(&page, 3);
    page.u32_at::<FEATURES>().store(0, Release);
    page.u32_at::<CONNECTION>().store(1, Release);
    page.u32_at::<2060>().store(7777, Release);
    let mut core: Core<1, 0> = Core::new();
    let early = Store::attach(&page, &mut core, &server).err();
    assert_eq!(early, Some(StoreError::Poisoned(Fault::Reconnecting)));
    let deadline = server.now();
    let late = Store::attach_by(&page, &mut core, &server, deadline).err();
    assert_eq!(late, Some(StoreError::Poisoned(Fault::Reconnecting)), "at the deadline");
    let deadline = server.now().after(Nanos::from_secs(9));
    let mut store = Store::attach_by(&page, &mut core, &server, deadline).unwrap();
    assert!(server.now() < deadline);
    assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]));
}

/// Neither daemon serves a guest again that has written impossible indices.
#[test]
fn s38_s42_the_mock_host_says_why_and_that_is_all() {
    let host = Host::builder().build();
    let seam = Seam::new(&host);
    let page = seam.page();
    let mut core: Core<2, 2> = Core::new();
    let mut store = Store::attach(&page, &mut core, &seam).unwrap();
    while store.wait_event(seam.after(10)).unwrap().is_some() {}
    page.u32_at::<2052>().store(0x4000_0000, Release);
    seam.notify();
    seam.wait(seam.after(10));
    let over = StoreError::Poisoned(Fault::ServerClosed(2));
    assert_eq!(store.read_number(Path::literal("domid")), Err(over));
    assert_eq!(store.reconnect(seam.after(1000)), Err(StoreError::TimedOut));
    assert_eq!(host.check(), Err(vec![Violation::BrokenStoreRing]));
}

/// As the daemon in C of Xen 4.17 does it: nothing is offered, and the code is there.
#[test]
fn s38_a_code_that_is_not_offered_is_heard_if_it_is_new() {
    let page = page();
    page.u32_at::<ERROR>().store(3, Release);
    let fake = Fake::new(&page, agree);
    let mut core: Core<2, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &fake).unwrap();
    assert_eq!(store.read(A, &mut [0; 8]), Ok(&b"value"[..]), "of the old host");
    page.u32_at::<ERROR>().store(2, Release);
    assert_eq!(store.read(A, &mut [0; 8]), Err(StoreError::Poisoned(Fault::ServerClosed(2))));
}

/// The mock's daemon connects a ring anew that is sound: watches and transactions are gone.
#[test]
fn s37_the_mock_host_connects_anew() {
    let host = Host::builder().build();
    let seam = Seam::new(&host);
    let page = seam.page();
    let mut core: Core<2, 2> = Core::new();
    let mut store = Store::attach(&page, &mut core, &seam).unwrap();
    assert_eq!(store.core().features(), Features::RECONNECTION | Features::ERROR);
    let watch = store.watch(Path::literal("data")).unwrap();
    let transaction = store.begin().unwrap();
    while store.wait_event(seam.after(10)).unwrap().is_some() {}
    let _half = store.core().submit(Request::Write(Path::literal("data/x"), &[b'v'; 2000]), None).unwrap();
    store.pump().unwrap();
    store.reconnect(seam.after(1000)).unwrap();
    assert_eq!(host.ledger().holdings().watches.len(), 0);
    assert!(store.commit(transaction).is_err_and(|end| end.error.is_again()));
    store.reregister(seam.after(1000)).unwrap();
    assert_eq!(store.wait_event(seam.after(10)).unwrap().map(|event| event.watch), Some(watch));
    assert_eq!(store.read_number(Path::literal("domid")), Ok(1));
    host.check().unwrap();
}

/// A server that does not offer it is not asked, and says nothing of why it stopped.
#[test]
fn s38_s39_the_mock_host_without_offers() {
    let offers = Offers { reconnection: false, error: false, ..Offers::default() };
    let host = Host::builder().offers(offers).build();
    let seam = Seam::new(&host);
    let page = seam.page();
    let mut core: Core<2, 2> = Core::new();
    let mut store = Store::attach(&page, &mut core, &seam).unwrap();
    assert_eq!(store.reconnect(seam.after(1000)), Err(StoreError::NotOffered(Features::RECONNECTION)));
    assert_eq!(store.read_number(Path::literal("domid")), Ok(1), "nothing was done");
    host.check().unwrap();
    page.u32_at::<2052>().store(0x4000_0000, Release);
    seam.notify();
    seam.wait(seam.after(10));
    assert_eq!(store.read_number(Path::literal("domid")), Err(StoreError::TimedOut));
}
