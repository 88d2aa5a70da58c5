//! What not every server can do, and what it says then.

use xen_hypercall::DomId;
use xen_store::{
    Depth, Fault, Features, Link, Nodes, Path, PathBuf, Permission, Place, Refusal, Request, StoreError, Transport,
    WatchEvent,
};

use super::{Scene, Server, TOP, Who, said};

const A: Path<'_> = Path::literal("suite/a");

/// A list of children that an answer has no room for.
pub(super) fn a_long_list<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let names: Vec<String> = (0..120).map(|number| format!("{}{number:03}", "x".repeat(50))).collect();
    for name in &names {
        scene.far.write(&format!("suite/{name}"), b"");
    }
    let mut buffer = [0; 8192];
    let listed = scene.store.directory(TOP, &mut buffer);
    match (scene.server, scene.who) {
        // It does not know of parts.
        (Server::Ocaml, Who::Guest(_)) => return assert_eq!(listed.map(drop), said(Refusal::TooBig)),
        // Over its socket it sends more than a message may hold, as no client may take.
        (Server::Ocaml, Who::Control) => {
            return assert_eq!(listed.map(drop), Err(StoreError::Poisoned(Fault::Oversize(6480))));
        }
        (Server::Mock | Server::C | Server::LaterC, _) => {}
    }
    let mut listed: Vec<String> = listed.unwrap().map(String::from).collect();
    listed.sort();
    assert_eq!(listed, names);
    assert!(matches!(scene.store.directory(TOP, &mut [0; 4200]).map(drop), Err(StoreError::BufferTooSmall(4201..))));
}

/// A short list in parts.
pub(super) fn a_short_list<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for name in ["a", "b"] {
        scene.far.write(&format!("suite/{name}"), b"");
    }
    let mut buffer = [0; 64];
    let listed =
        scene.store.directory_in_parts(TOP, &mut buffer).map(|names| names.map(String::from).collect::<Vec<_>>());
    let expected = ["a", "b"].map(String::from).to_vec();
    match scene.server {
        Server::Mock | Server::C | Server::LaterC => assert_eq!(listed, Ok(expected)),
        Server::Ocaml => assert_eq!(listed, said(Refusal::NotImplemented)),
    }
    let absent = scene.store.directory_in_parts(Path::literal("suite/none"), &mut buffer).map(drop);
    assert!(absent.is_err());
}

/// All watches and transactions of the connection forgotten; not while we have some.
pub(super) fn a_reset<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let store = &mut scene.store;
    let watch = store.watch(A).unwrap();
    assert_eq!(store.reset(), Err(StoreError::InUse));
    store.unwatch(watch).unwrap();
    let transaction = store.begin().unwrap();
    assert_eq!(store.reset(), Err(StoreError::InUse));
    store.abandon(transaction).unwrap();
    store.reset().unwrap();
    store.write(A, b"goes on").unwrap();
}

/// A watch that reaches one level, whether the server knows of levels or not.
pub(super) fn a_depth<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let watch = scene.store.watch_depth(TOP, Depth(1)).unwrap();
    scene.settle();
    while scene.store.poll_event().unwrap().is_some() {}
    scene.far.write("suite/a/deep", b"1");
    scene.settle();
    // The node above was made, and so told of.
    while let Some(event) = scene.store.poll_event().unwrap() {
        assert_ne!(event.place, Place::Somewhere, "nothing below it");
    }
    scene.far.write("suite/a/deep", b"2");
    scene.settle();
    assert_eq!(scene.store.poll_event(), Ok(None));
    scene.far.write("suite/a", b"3");
    scene.settle();
    let place = Place::Below(PathBuf::new(Path::literal("a")).unwrap());
    assert_eq!(scene.store.poll_event(), Ok(Some(WatchEvent { watch, place })));
}

/// What a server is not known to offer is not asked for; what it offers can be asked, of newer ones.
pub(super) fn features<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let store = &mut scene.store;
    let known = store.core().features();
    assert!(!known.intersects(Features::WATCH_DEPTH | Features::DOMID_ANY), "of Xen 4.17");
    let any = [Permission { domain: DomId::ANY, access: xen_store::Access::Read }];
    assert_eq!(store.set_permissions(A, &any), Err(StoreError::NotOffered(Features::DOMID_ANY)));
    let one = store.watch(Path::literal("@releaseDomain/7"));
    assert_eq!(one, Err(StoreError::NotOffered(Features::WATCH_DEPTH)));
    // A message without a body is one that the daemon in OCaml does not see the end of, over its socket.
    if (scene.server, scene.who) != (Server::Ocaml, Who::Control) {
        let asked = store.perform(Request::Features(None)).map(drop);
        assert!(matches!(asked, Err(StoreError::Said(_))), "{asked:?}");
    }
}

/// What is the toolstack's to ask.
pub(super) fn the_toolstack<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let ask = |scene: &mut Scene<'_, L, T>, request: Request<'_>| {
        scene.store.perform(request).and_then(|reply| reply.is_introduced())
    };
    let answers = [DomId::DOM0, DomId(4000)].map(|domain| ask(scene, Request::IsIntroduced(domain)));
    match scene.who {
        Who::Control => assert_eq!(answers, [Ok(true), Ok(false)]),
        Who::Guest(_) => {
            assert!(answers.iter().all(|answer| answer.is_err_and(|error| matches!(error, StoreError::Said(_)))))
        }
    }
    for request in
        [Request::Release(DomId(4000)), Request::Resume(DomId(4000)), Request::SetTarget(DomId(4000), DomId(4001))]
    {
        let refused = scene.store.perform(request).map(drop);
        assert!(matches!(refused, Err(StoreError::Said(_))), "{request:?}: {refused:?}");
    }
    scene.store.write(A, b"goes on").unwrap();
}
