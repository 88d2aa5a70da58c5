//! The facade over a Unix socket, whose far end the test holds.
#![cfg(all(feature = "std", unix))]
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

mod support;

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use support::Message;
use xen_hypercall::Nanos;
use xen_store::{
    Answer, Core, Fault, HEADER_SIZE, Header, Link, MessageType, Nodes, Path, Place, Request, Socket, SocketStore,
    StoreError, Ticket, WatchStatus,
};

const A: Path<'_> = Path::literal("a");

/// A server's socket in a folder of its own.
struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("xen-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self { listener: UnixListener::bind(&path).unwrap(), path }
    }

    fn accept(&self) -> UnixStream {
        self.listener.accept().unwrap().0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn request(peer: &mut UnixStream) -> Message {
    let mut head = [0; HEADER_SIZE];
    peer.read_exact(&mut head).unwrap();
    let header = Header::decode(&head);
    let mut body = vec![0; usize::try_from(header.len).unwrap()];
    peer.read_exact(&mut body).unwrap();
    Message { header, body }
}

fn ask(store: &mut SocketStore<'_, 2, 2>) -> Ticket {
    let ticket = store.core().submit(Request::Read(A), None).unwrap();
    store.pump().unwrap();
    ticket
}

#[test]
fn s04_answers_in_pieces_and_together() {
    let server = Server::new("pieces");
    let (mut core, mut socket) = (Core::new(), Socket::connect(&server.path).unwrap());
    let mut store: SocketStore<'_, 2, 2> = SocketStore::on_socket(&mut socket, &mut core);
    let mut peer = server.accept();
    let (first, second) = (ask(&mut store), ask(&mut store));
    let answers: Vec<u8> = [request(&mut peer), request(&mut peer)]
        .iter()
        .zip([&[b'1'; 4096][..], b"2"])
        .flat_map(|(request, value)| request.ok(value).bytes())
        .collect();
    for piece in answers[..100].chunks(1) {
        peer.write_all(piece).unwrap();
        store.pump().unwrap();
        assert!(!store.core().is_done(&first));
    }
    peer.write_all(&answers[100..]).unwrap();
    assert_eq!(store.wait_for(first).unwrap().value(), [b'1'; 4096]);
    assert_eq!(store.wait_for(second).unwrap().value(), b"2");
}

#[test]
fn s13_a_wait_ends_at_its_deadline() {
    let server = Server::new("deadline");
    let (mut core, mut socket) = (Core::new(), Socket::connect(&server.path).unwrap());
    let mut store: SocketStore<'_, 2, 2> = SocketStore::on_socket(&mut socket, &mut core);
    store.set_patience(Nanos::from_millis(3));
    let before = store.link().now();
    assert_eq!(store.read(A, &mut [0; 8]), Err(StoreError::TimedOut));
    let waited = store.link().now().since(before);
    assert!(waited >= Nanos::from_millis(3), "{waited:?}");
    let deadline = store.link().now();
    assert_eq!(store.wait_event(deadline), Ok(None));
    drop(server);
}

#[test]
fn s05_more_than_the_socket_takes_at_once() {
    let server = Server::new("full");
    let mut core: Box<Core<128, 0>> = Box::new(Core::new());
    let mut socket = Socket::connect(&server.path).unwrap();
    let mut store = SocketStore::on_socket(&mut socket, &mut core);
    let mut peer = server.accept();
    let value = [b'v'; 4094];
    let mut submit = || store.core().submit(Request::Write(A, &value), None).unwrap();
    let tickets: Vec<Ticket> = (0..128).map(|_| submit()).collect();
    store.pump().unwrap();
    assert!(store.requests_sent() < 128, "half a megabyte is too much for a socket");
    for _ in 0..128 {
        let asked = request(&mut peer);
        assert_eq!(asked.body.len(), 4096);
        peer.write_all(&asked.ack().bytes()).unwrap();
        store.pump().unwrap();
    }
    for ticket in tickets {
        assert!(matches!(store.core().poll_reply(ticket), Answer::Done(Ok(_))));
    }
}

#[test]
fn s36_a_server_that_goes_ends_everything_once_and_its_successor_is_told_of_the_watches() {
    let server = Server::new("goes");
    let (mut core, mut socket) = (Core::new(), Socket::connect(&server.path).unwrap());
    let mut store: SocketStore<'_, 2, 2> = SocketStore::on_socket(&mut socket, &mut core);
    let mut peer = server.accept();
    let watch = store.core().watch(A).unwrap();
    store.pump().unwrap();
    let registered = request(&mut peer);
    peer.write_all(&registered.ack().bytes()).unwrap();
    store.pump().unwrap();
    assert_eq!(store.core().watch_status(watch), Ok(WatchStatus::Registered));
    let ticket = ask(&mut store);
    let last = request(&mut peer).ok(b"never said to its end");
    peer.write_all(&last.bytes()[..20]).unwrap();
    drop(peer);
    let gone = StoreError::Poisoned(Fault::Closed);
    assert_eq!(store.wait_for(ticket).unwrap_err(), gone);
    assert_eq!(store.read(A, &mut [0; 8]), Err(gone));
    assert_eq!(store.core().watch_status(watch), Ok(WatchStatus::Unregistered));

    store.reconnect().unwrap();
    let mut peer = server.accept();
    store.core().rewatch();
    store.pump().unwrap();
    let again = request(&mut peer);
    assert!(again.is(MessageType::Watch) && again.body == registered.body);
    peer.write_all(&again.ack().bytes()).unwrap();
    let [path, token] = &again.strings()[..] else { panic!("two strings") };
    peer.write_all(&Message::event(path, token).bytes()).unwrap();
    let deadline = store.link().now().after(Nanos::from_secs(5));
    assert_eq!(store.wait_event(deadline).unwrap().map(|event| event.place), Some(Place::Itself));
    let ticket = ask(&mut store);
    let asked = request(&mut peer);
    peer.write_all(&asked.ok(b"new").bytes()).unwrap();
    assert_eq!(store.wait_for(ticket).unwrap().value(), b"new");
    drop((server, peer));
    assert!(store.reconnect().is_err(), "nobody serves");
    assert_eq!(store.read(A, &mut [0; 8]), Err(gone));
}
