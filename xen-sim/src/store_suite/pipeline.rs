//! Many requests at once.

use xen_store::{Link, Path, PathBuf, Place, Refusal, Request, StoreError, Ticket, Transport, WatchStatus};

use super::{REQUESTS, Scene, TOP, said};

fn node(number: usize) -> PathBuf {
    PathBuf::new(TOP).unwrap().join(number).unwrap()
}

/// Has a request under way.
fn submit<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>, request: Request<'_>) -> Ticket {
    scene.store.core().submit(request, None).unwrap()
}

fn value(number: usize) -> Vec<u8> {
    format!("{number}").repeat(1 + number * 11).into_bytes()
}

fn write_all<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) -> Vec<Ticket> {
    (0..REQUESTS).map(|number| submit(scene, Request::Write(node(number).as_path(), &value(number)))).collect()
}

pub(super) fn many_in_flight<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for ticket in write_all(scene) {
        scene.store.wait_for(ticket).unwrap();
    }
    assert_eq!(scene.far.read(&format!("suite/{}", REQUESTS - 1)), Some(value(REQUESTS - 1)));
    let full = scene.store.core();
    let tickets: Vec<_> = (0..REQUESTS).map(|_| full.submit(Request::Read(TOP), None).unwrap()).collect();
    assert_eq!(full.submit(Request::Read(TOP), None).unwrap_err(), StoreError::Full);
    for ticket in tickets {
        assert_eq!(scene.store.wait_for(ticket).unwrap().value(), b"");
    }
}

pub(super) fn matched_in_any_order<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let written = write_all(scene);
    for ticket in written.into_iter().rev() {
        scene.store.wait_for(ticket).unwrap();
    }
    let mut read: Vec<_> =
        (0..REQUESTS).map(|number| (number, submit(scene, Request::Read(node(number).as_path())))).collect();
    read.sort_by_key(|(number, _)| number * 7 % REQUESTS);
    for (number, ticket) in read {
        assert_eq!(scene.store.wait_for(ticket).unwrap().value(), value(number), "{number}");
    }
}

pub(super) fn a_mixture<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let (a, absent) = (node(1), node(2));
    let tickets = [
        submit(scene, Request::Write(a.as_path(), b"1")),
        submit(scene, Request::Read(a.as_path())),
        submit(scene, Request::Read(absent.as_path())),
        submit(scene, Request::Begin),
        submit(scene, Request::Directory(TOP)),
        submit(scene, Request::Remove(a.as_path())),
        submit(scene, Request::Read(a.as_path())),
    ];
    let [written, read, refused, begun, listed, removed, gone] = tickets;
    let transaction = scene.store.wait_for(begun).unwrap().into_transaction().unwrap();
    assert_eq!(scene.store.wait_for(gone).map(drop), said(Refusal::NoEntry));
    assert_eq!(scene.store.wait_for(removed).map(drop), Ok(()));
    assert_eq!(scene.store.wait_for(listed).unwrap().names().unwrap().collect::<Vec<_>>(), ["1"]);
    assert_eq!(scene.store.wait_for(refused).map(drop), said(Refusal::NoEntry));
    assert_eq!(scene.store.wait_for(read).unwrap().value(), b"1");
    assert_eq!(scene.store.wait_for(written).map(drop), Ok(()));
    scene.store.abandon(transaction).unwrap();
}

pub(super) fn watches_in_a_batch<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let paths: Vec<_> = (0..60).map(node).collect();
    let watches: Vec<_> = paths.iter().map(|path| scene.store.core().watch(path.as_path()).unwrap()).collect();
    let ticket = submit(scene, Request::Write(Path::literal("suite/7"), b"amid it"));
    scene.store.wait_for(ticket).unwrap();
    let mut events = Vec::new();
    while events.len() < watches.len() {
        let deadline = scene.store.link().now().after(xen_hypercall::Nanos::from_secs(5));
        let event = scene.store.wait_event(deadline).unwrap().expect("an event of each");
        assert_eq!(event.place, Place::Itself);
        events.push(event.watch);
    }
    for watch in &watches {
        assert!(events.contains(watch));
        assert_eq!(scene.store.core().watch_status(*watch), Ok(WatchStatus::Registered));
    }
}
