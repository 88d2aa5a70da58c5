//! Devices greet their other ends, which the test plays on the mock host.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[path = "support/devices.rs"]
mod devices;
#[path = "support/guest.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod guest;

use devices::{Backends, Disk, Manner, Net, Server};
use xen_hypercall::{DomId, Nanos};
use xen_mock::{Destination, Device as Given, Host, Save};
use xen_store::{Connection, Core, Device, Link, Nodes, Store, StoreError, XenbusError, XenbusState};

const MINUTE: Nanos = Nanos::from_secs(60);

type Outcome = Option<Result<(), XenbusError>>;

fn outcomes(connections: &[Connection<'_>]) -> Vec<Outcome> {
    connections.iter().map(Connection::outcome).collect()
}

/// Returns a host with so many disks and a network card.
fn host(disks: u32) -> Host {
    let builder = Host::builder().device(Given::new("vif", 0));
    (0..disks).fold(builder, |builder, id| builder.device(Given::new("vbd", id))).build()
}

fn disk(id: u32) -> Disk {
    Disk::new(&format!("device/vbd/{id}"))
}

/// Connects one device within a minute, and tells what came of it.
fn connected(backends: &Backends, device: &mut dyn Device) -> Outcome {
    let page = backends.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, backends).unwrap();
    let mut connections = [Connection::new(device)];
    store.connect_all(&mut connections, backends.after(MINUTE));
    connections[0].outcome()
}

#[test]
fn a_disk_and_a_network_card_connect() {
    let host = host(1);
    let backends = Backends::new(&host);
    let page = backends.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, &backends).unwrap();
    let (mut disk, mut net) = (disk(0), Net::new("device/vif/0"));
    let mut connections = [Connection::new(&mut disk), Connection::new(&mut net)];
    store.connect_all(&mut connections, backends.after(MINUTE));
    assert_eq!(outcomes(&connections), [Some(Ok(())); 2]);
    assert_eq!(connections[0].other().map(|other| other.domain), Some(DomId(0)));
    assert_eq!(connections[0].other_state(), XenbusState::Connected);
    let watch = connections[0].watch().unwrap();
    host.store().write("/local/domain/0/backend/vbd/1/0/state", "5");
    assert!(store.poll_event_of(watch).unwrap().is_some(), "it is heard of afterwards");
    assert_eq!((disk.feature.as_deref(), disk.sectors), (Some("1"), Some(2048)));
    assert_eq!(disk.located, [("/local/domain/0/backend/vbd/1/0".to_owned(), 0)]);
    let node = |path: &str| host.store().read(path).unwrap();
    assert_eq!(
        ["device/vbd/0/state", "device/vif/0/state", "device/vif/0/queue-0/rx-ring-ref"].map(node),
        ["4", "4", "11"]
    );
    let log = backends.log();
    assert!(log.contains(&"vbd0: 23 -> 4, ring 8".to_owned()), "the ring is there when the state says so: {log:?}");
    host.check().unwrap();
}

/// Connects so many disks, and tells in how many waves, and by how many messages each.
fn waves(count: u32, manner: Manner) -> (usize, u64) {
    let host = host(count);
    let backends = Backends::new(&host);
    backends.manner.set(manner);
    let mut disks: Vec<_> = (0..count).map(disk).collect();
    let page = backends.page();
    let mut core: Core<4, 64> = Core::new();
    let mut store = Store::attach(&page, &mut core, &backends).unwrap();
    let mut connections: Vec<_> = disks.iter_mut().map(|disk| Connection::new(disk)).collect();
    let waves = store.connect_all(&mut connections, backends.after(MINUTE));
    assert!(outcomes(&connections).iter().all(|outcome| *outcome == Some(Ok(()))));
    (waves, store.requests_sent() / u64::from(count))
}

/// I41: the waves are as many for any number of devices, save for one since not all other ends are equally quick, and the
/// messages a device no more; also where the other ends do nothing before all is said.
#[test]
fn i41_waves_do_not_grow_with_devices() {
    for manner in [Manner::Serve, Manner::Dawdle] {
        assert_eq!(waves(1, manner), (5, 12));
        for count in [4, 16, 64] {
            let (waves, messages) = waves(count, manner);
            assert!((5..=6).contains(&waves) && messages == 12, "{count}: {waves} waves, {messages} messages each");
        }
    }
}

#[test]
fn a_serving_end_connects_too() {
    let host = Host::builder().build();
    let store = host.store();
    let [front, back] = ["/local/domain/5/device/vbd/0", "data/backend"];
    store.write("data", "");
    store.write(back, "");
    store.write("data/backend/frontend", front);
    store.write("data/backend/frontend-id", "5");
    for (name, value) in [("ring-ref", "8"), ("state", "3")] {
        store.write(&format!("{front}/{name}"), value);
        store.set_permissions(&format!("{front}/{name}"), &[owner(5), reader(1)]);
    }
    let backends = Backends::new(&host);
    let mut server = Server::new(back);
    assert_eq!(connected(&backends, &mut server), Some(Ok(())));
    assert_eq!(server.ring, Some(8));
    let nodes = ["feature-x", "sectors", "state"].map(|name| store.read(&format!("{back}/{name}")).unwrap());
    assert_eq!(nodes, ["1", "77", "4"]);
}

fn owner(domain: u16) -> xen_mock::Permission {
    xen_mock::Permission { domain: DomId(domain), access: xen_mock::Access::None }
}

fn reader(domain: u16) -> xen_mock::Permission {
    xen_mock::Permission { domain: DomId(domain), access: xen_mock::Access::Read }
}

/// S44: what stands for the other end's place is checked before anything is granted.
#[test]
fn s44_a_place_that_makes_no_sense_is_refused() {
    let good = "/local/domain/0/backend/vbd/1/0";
    for (path, domain, expected) in [
        (Some("/local/domain/3/backend/vbd/1/0"), Some("0"), XenbusError::Misplaced),
        (Some("backend/vbd"), Some("0"), XenbusError::Misplaced),
        (Some("/local/domain//"), Some("0"), XenbusError::Misplaced),
        (Some(good), Some("32752"), XenbusError::Misplaced),
        (Some(good), Some("65536"), XenbusError::Misplaced),
        (Some(good), Some("zero"), XenbusError::Misplaced),
        (Some(good), None, XenbusError::Absent),
        (None, Some("0"), XenbusError::Absent),
    ] {
        let host = host(1);
        for (name, value) in [("backend", path), ("backend-id", domain)] {
            let node = format!("device/vbd/0/{name}");
            value.map_or_else(|| host.store().remove(&node), |value| host.store().write(&node, value));
        }
        let backends = Backends::new(&host);
        let mut disk = disk(0);
        assert_eq!(connected(&backends, &mut disk), Some(Err(expected)), "{path:?} {domain:?}");
        assert_eq!(disk.located, [], "nothing is granted to anybody");
    }
    let host = host(1);
    assert_eq!(connected(&Backends::new(&host), &mut disk(0)), Some(Ok(())), "the good neighbour");
}

#[test]
fn an_other_end_that_does_not_serve_is_an_error() {
    for (manner, expected) in [
        (Manner::Sleep, XenbusError::Late(XenbusState::Initialising)),
        (Manner::Refuse, XenbusError::Closed),
        (Manner::Vanish, XenbusError::Closed),
    ] {
        let host = host(1);
        let backends = Backends::new(&host);
        backends.manner.set(manner);
        let begun = backends.now();
        assert_eq!(connected(&backends, &mut disk(0)), Some(Err(expected)));
        let most = Nanos::from_secs(if manner == Manner::Sleep { 61 } else { 5 });
        assert!(backends.now().since(begun) <= most, "it ends in time");
    }
}

#[test]
fn a_driver_may_decline() {
    let host = host(1);
    let mut disk = disk(0);
    disk.fit = false;
    assert_eq!(connected(&Backends::new(&host), &mut disk), Some(Err(XenbusError::Unfit)));
    assert_eq!(host.store().read("device/vbd/0/state").as_deref(), Some("1"), "nothing was published");
}

/// S13: the server is silent: the devices fail at the deadline, and no request is left under way for them.
#[test]
fn s13_a_silent_server_ends_at_the_deadline() {
    let host = host(2);
    let backends = Backends::new(&host);
    let page = backends.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, &backends).unwrap();
    host.faults().on_store(xen_mock::StoreOp::Read).nth(3).swallows();
    let (mut a, mut b) = (disk(0), disk(1));
    let mut connections = [Connection::new(&mut a), Connection::new(&mut b)];
    store.connect_all(&mut connections, backends.after(MINUTE));
    assert_eq!(outcomes(&connections), [Some(Ok(())), Some(Err(XenbusError::Store(StoreError::TimedOut)))]);
}

#[test]
fn devices_close_in_order() {
    let host = host(2);
    let backends = Backends::new(&host);
    let page = backends.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, &backends).unwrap();
    let (mut a, mut b, mut missing) = (disk(0), disk(1), Disk::new("device/vbd/9"));
    let mut connections = [&mut a, &mut b, &mut missing].map(|device| Connection::new(device));
    store.connect_all(&mut connections, backends.after(MINUTE));
    assert_eq!(outcomes(&connections), [Some(Ok(())), Some(Ok(())), Some(Err(XenbusError::Absent))]);
    backends.log();
    store.close_all(&mut connections, backends.after(MINUTE));
    assert_eq!(outcomes(&connections), [Some(Ok(())); 3]);
    backends.work();
    let states = ["device/vbd/0/state", "/local/domain/0/backend/vbd/1/0/state"].map(|path| host.store().read(path));
    assert_eq!(states.map(Option::unwrap), ["6", "6"]);
    assert_eq!(connections.iter().map(Connection::watch).collect::<Vec<_>>(), [None; 3]);
}

/// After a restore everything is elsewhere: devices begin anew, and no watch is left over.
#[test]
fn i29_devices_connect_again_in_a_new_domain() {
    let host = host(2);
    let backends = Backends::new(&host);
    let page = backends.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, &backends).unwrap();
    let (mut a, mut net) = (disk(0), Net::new("device/vif/0"));
    let mut connections = [Connection::new(&mut a), Connection::new(&mut net)];
    for round in 0..3_u16 {
        store.connect_all(&mut connections, backends.after(MINUTE));
        assert_eq!(outcomes(&connections), [Some(Ok(())); 2], "round {round}");
        store.fence(backends.after(MINUTE)).unwrap();
        assert_eq!(backends.seam.suspend(&host, Save::Restore(Destination::default())), 0);
        backends.seam.connect();
        store.rebuild(&page).unwrap();
        store.reregister(backends.after(MINUTE)).unwrap();
        store.unfence();
    }
    let domains: Vec<_> = a.located.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(domains.len(), 3);
    assert!(domains[0] != domains[1] && domains[1] != domains[2], "{domains:?}");
    host.check().unwrap();
}

/// I24: while the session is fenced nothing is done, and no watch is lost.
#[test]
fn i24_a_fence_refuses_devices() {
    let host = host(1);
    let backends = Backends::new(&host);
    let page = backends.page();
    let mut core: Core<4, 1> = Core::new();
    let mut store = Store::attach(&page, &mut core, &backends).unwrap();
    let mut a = disk(0);
    let mut connections = [Connection::new(&mut a)];
    store.connect_all(&mut connections, backends.after(MINUTE));
    store.fence(backends.after(MINUTE)).unwrap();
    let (sent, fenced) = (store.requests_sent(), [Some(Err(XenbusError::Store(StoreError::Fenced)))]);
    store.connect_all(&mut connections, backends.after(MINUTE));
    assert_eq!(outcomes(&connections), fenced);
    store.close_all(&mut connections, backends.after(MINUTE));
    assert_eq!((outcomes(&connections), store.requests_sent()), (fenced.to_vec(), sent));
    store.unfence();
    store.close_all(&mut connections, backends.after(MINUTE));
    assert_eq!(outcomes(&connections), [Some(Ok(()))]);
    store.home(DomId(1)).unwrap();
    assert!(store.watch(xen_store::Path::literal("data")).is_ok(), "the only watch is free again");
}
