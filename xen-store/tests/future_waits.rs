//! Tasks that wait for what nodes say, and for devices, under an executor of ten lines, on the mock host.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[path = "support/devices.rs"]
mod devices;
#[path = "support/guest.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod guest;
#[path = "support/tasks.rs"]
mod tasks;

use std::cell::Cell;

use devices::{Backends, Disk, Manner, Net};
use tasks::{Tasks, both, first};
use xen_hypercall::Nanos;
use xen_mock::{Device as Given, Host, StoreOp};
use xen_store::future::{Client, Looking};
use xen_store::{Connection, Core, Link, Path, Refusal, Store, StoreError, XenbusError, number};

const A: Path<'_> = Path::literal("data/a");
const B: Path<'_> = Path::literal("data/b");

type Tested<'a, const W: usize> = Client<'a, &'a Tasks, 4, W>;

/// Runs a test on a client of so many watches, with its driver beside it; after it all watches are free.
fn run<const W: usize>(host: &Host, test: impl AsyncFnOnce(&Tested<'_, W>, &Tasks)) {
    host.store().write("data/a", "0");
    host.store().write("data/b", "0");
    let tasks = Tasks::new(host);
    let page = tasks.seam.page();
    let mut core: Core<4, W> = Core::new();
    let client = Client::new(Store::attach(&page, &mut core, &tasks).unwrap());
    let tested = async {
        test(&client, &tasks).await;
        // A watch is free once the server has forgotten it.
        tasks.sleep(Nanos::from_millis(50)).await;
        for _ in 0..W {
            client.watch(B).await.unwrap();
        }
    };
    let driver = async { panic!("{}", client.drive().await) };
    tasks.block_on(first(tested, driver));
    host.check().unwrap();
}

/// Looks for the day on which `a` and `b` are both 1.
async fn both_are_one<L: Link, const W: usize>(
    nodes: &Looking<'_, '_, L, 4, W>,
    looks: &Cell<usize>,
) -> Result<Option<u64>, StoreError> {
    looks.set(looks.get() + 1);
    for path in [A, B] {
        if number(nodes.read(path, &mut [0; 8]).await?) != Ok(1) {
            return Ok(None);
        }
    }
    Ok(Some(2))
}

async fn write_later(host: &Host, tasks: &Tasks, nodes: &[&str]) {
    for node in nodes {
        tasks.sleep(Nanos::from_millis(10)).await;
        host.store().write(node, "1");
    }
}

#[test]
fn it_looks_again_when_what_it_read_has_changed() {
    let host = Host::builder().build();
    run::<2>(&host, async |client, tasks| {
        let (looks, before) = (Cell::new(0), tasks.time());
        let found = client.wait_until(tasks.after(100), async |nodes| both_are_one(nodes, &looks).await);
        let (found, ()) = both(found, write_later(&host, tasks, &["data/b", "data/a"])).await;
        assert_eq!(found, Ok(2));
        // At first, by the first event of the watch perhaps, and when `a` changed; `b` was not looked at before that.
        assert!((2..=3).contains(&looks.get()), "{}", looks.get());
        assert!(tasks.time().since(before) < Nanos::from_millis(500), "it was no clock that woke it");
    });
}

#[test]
fn an_error_and_the_deadline_end_it() {
    let host = Host::builder().build();
    run::<2>(&host, async |client, tasks| {
        let missing = client.wait_until(tasks.after(100), async |nodes| {
            nodes.read(Path::literal("data/none"), &mut [0; 8]).await.map(|_| Some(()))
        });
        assert_eq!(missing.await, Err(StoreError::Said(Refusal::NoEntry)));
        let (looks, deadline) = (Cell::new(0), tasks.after(5));
        let late = client.wait_until(deadline, async |nodes| both_are_one(nodes, &looks).await);
        assert_eq!(late.await, Err(StoreError::TimedOut));
        assert!(tasks.time() >= deadline && tasks.time() < tasks.after(1));
        assert!((5..=7).contains(&looks.get()), "once a second: {}", looks.get());
    });
}

/// S19: the server loses the event, or takes no watch: it is seen a second later all the same.
#[test]
fn s19_a_lost_event_costs_a_second() {
    for refused in [false, true] {
        let host = Host::builder().build();
        run::<2>(&host, async |client, tasks| {
            match refused {
                true => (1..=2).for_each(|nth| host.faults().on_store(StoreOp::Watch).nth(nth).fails("EQUOTA")),
                false => host.faults().on_store(StoreOp::Watch).swallows(),
            }
            let (looks, before) = (Cell::new(0), tasks.time());
            let found = client.wait_until(tasks.after(100), async |nodes| both_are_one(nodes, &looks).await);
            let (found, ()) = both(found, write_later(&host, tasks, &["data/a", "data/b"])).await;
            assert_eq!(found, Ok(2));
            assert!(tasks.time().since(before) < Nanos::from_secs(20), "{refused}");
        });
    }
}

/// A future that is dropped takes its watches along, also where the session was fenced meanwhile.
#[test]
fn who_waits_no_more_leaves_nothing_behind() {
    let host = Host::builder().build();
    run::<2>(&host, async |client, tasks| {
        for fenced in [false, true] {
            let looks = Cell::new(0);
            let waits = async {
                let looked = client.wait_until(Nanos::MAX, async |nodes| both_are_one(nodes, &looks).await);
                looked.await.map(drop)
            };
            let other = async {
                tasks.sleep(Nanos::from_millis(10)).await;
                client.with(|store| {
                    if fenced {
                        store.core().fence()
                    }
                });
                Err(StoreError::Stale)
            };
            assert_eq!(first(waits, other).await, Err(StoreError::Stale));
            assert!(looks.get() > 0);
            client.with(|store| store.core().unfence());
            tasks.sleep(Nanos::from_millis(10)).await;
        }
    });
}

/// Runs a test on two devices, with their backends beside it.
fn with_devices(manner: Manner, test: impl AsyncFnOnce(&Tested<'_, 2>, &Tasks, &mut [Connection<'_>])) {
    let host = Host::builder().device(Given::new("vbd", 0)).device(Given::new("vif", 0)).build();
    let backends = Backends::new(&host);
    backends.manner.set(manner);
    run::<2>(&host, async |client, tasks| {
        let (mut disk, mut net) = (Disk::new("device/vbd/0"), Net::new("device/vif/0"));
        let mut connections = [Connection::new(&mut disk), Connection::new(&mut net)];
        let others = async {
            loop {
                tasks.sleep(Nanos::from_millis(1)).await;
                backends.work();
            }
        };
        first(test(client, tasks, &mut connections), others).await;
    });
}

fn outcomes(connections: &[Connection<'_>]) -> Vec<Option<Result<(), XenbusError>>> {
    connections.iter().map(Connection::outcome).collect()
}

/// Ends the watches that devices have still, and counts them.
fn end_watches(client: &Tested<'_, 2>, connections: &[Connection<'_>]) -> usize {
    connections
        .iter()
        .filter(|connection| connection.watch().is_some_and(|watch| client.unwatch(watch).is_ok()))
        .count()
}

#[test]
fn devices_connect_and_close() {
    with_devices(Manner::Serve, async |client, tasks, connections| {
        let waves = client.connect_all(connections, tasks.after(60)).await;
        assert_eq!(outcomes(connections), [Some(Ok(())); 2]);
        assert!((5..=8).contains(&waves), "{waves}");
        client.close_all(connections, tasks.after(60)).await;
        assert_eq!(outcomes(connections), [Some(Ok(())); 2]);
        assert_eq!(end_watches(client, connections), 0, "their watches are over");
    });
}

#[test]
fn backends_that_do_nothing_are_waited_for_until_the_deadline() {
    with_devices(Manner::Sleep, async |client, tasks, connections| {
        let deadline = tasks.after(5);
        client.connect_all(connections, deadline).await;
        assert!(tasks.time() >= deadline && tasks.time() < tasks.after(1));
        let late = |outcome: &Option<Result<(), XenbusError>>| matches!(outcome, Some(Err(XenbusError::Late(_))));
        assert!(outcomes(connections).iter().all(late));
        assert_eq!(end_watches(client, connections), 2, "their watches stay, for the next attempt");
    });
}

#[test]
fn devices_that_are_dropped_on_their_way_leave_no_watch() {
    with_devices(Manner::Sleep, async |client, tasks, connections| {
        let connects = async { Some(client.connect_all(connections, Nanos::MAX).await) };
        let other = async {
            tasks.sleep(Nanos::from_millis(50)).await;
            None
        };
        assert_eq!(first(connects, other).await, None);
        assert_eq!(end_watches(client, connections), 0);
    });
}
