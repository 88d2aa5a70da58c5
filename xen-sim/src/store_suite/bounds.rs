//! Quotas, hit for real: a clear refusal, and a connection that goes on.

use xen_store::{Link, Nodes, Path, PathBuf, Refusal, StoreError, Transport};

use super::{Scene, Server, TOP, said};

const A: Path<'_> = Path::literal("suite/a");

fn node(number: usize) -> PathBuf {
    PathBuf::new(TOP).unwrap().join(format_args!("{number:04}")).unwrap()
}

/// Does something until it is refused; how often it went well, and the refusal.
fn until_refused(mut once: impl FnMut(usize) -> Result<(), StoreError>) -> (usize, StoreError) {
    for done in 0..5000 {
        if let Err(error) = once(done) {
            return (done, error);
        }
    }
    panic!("never refused");
}

pub(super) fn watches<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let mut made = Vec::new();
    let store = &mut scene.store;
    let (count, error) = until_refused(|number| store.watch(node(number).as_path()).map(|watch| made.push(watch)));
    let expected = match scene.server {
        Server::Mock | Server::C | Server::LaterC => (129, StoreError::Said(Refusal::TooBig)),
        Server::Ocaml => (101, StoreError::Said(Refusal::Quota)),
    };
    assert_eq!((count, error), expected);
    store.unwatch(made.pop().unwrap()).unwrap();
    store.watch(A).unwrap();
    assert!(store.watch(A).is_err());
    store.write(A, b"goes on").unwrap();
}

pub(super) fn transactions<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let mut open = Vec::new();
    let store = &mut scene.store;
    let (count, error) = until_refused(|_| store.begin().map(|transaction| open.push(transaction)));
    assert_eq!((count, error), (11, StoreError::Said(scene.server.quota())));
    store.write(A, b"goes on").unwrap();
    store.abandon(open.pop().unwrap()).unwrap();
    let again = store.begin().unwrap();
    for transaction in open.into_iter().chain([again]) {
        store.abandon(transaction).unwrap();
    }
}

pub(super) fn size<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let store = &mut scene.store;
    // The daemon in C counts 24 bytes for a node, 8 for each permission, and refuses 2048 in all; later 16, and it allows 2048.
    let (bound, expected) = match scene.server {
        Server::Mock | Server::C => (2015, Refusal::NoSpace),
        Server::LaterC => (2024, Refusal::NoSpace),
        Server::Ocaml => (2048, Refusal::TooBig),
    };
    assert_eq!(store.write(A, &vec![b'v'; bound]), Ok(()));
    assert_eq!(store.write(A, &vec![b'v'; bound + 1]), said(expected));
    assert_eq!(store.read(A, &mut [0; 4096]).unwrap().len(), bound, "what was there stays");
}

pub(super) fn nodes<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let store = &mut scene.store;
    // No more than a hundred in one directory, whose own size is bounded.
    let path = |number: usize| PathBuf::<256>::new(TOP).unwrap().join(number / 100).unwrap().join(number).unwrap();
    let (count, error) = until_refused(|number| store.write(path(number).as_path(), b""));
    assert_eq!(error, StoreError::Said(scene.server.quota()));
    // With ten directories and the one above them that makes a thousand; on the mock host the toolstack made some more.
    let others = if scene.server == Server::Mock { 11 } else { 0 };
    assert_eq!(count, 989 - others);
    assert_eq!(store.read(path(count - 1).as_path(), &mut [0; 8]), Ok(&b""[..]));
    store.rm(path(0).as_path()).unwrap();
    store.write(A, b"goes on").unwrap();
    assert_eq!(store.write(Path::literal("suite/b"), b""), said(scene.server.quota()));
}
