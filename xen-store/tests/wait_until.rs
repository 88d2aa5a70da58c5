//! Waiting for what some nodes say together, on the mock host.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a panic fails the test; hosted")]

#[path = "support/guest.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod guest;

use std::cell::{Cell, RefCell};

use guest::Seam;
use xen_hypercall::Nanos;
use xen_mock::{Host, StoreOp};
use xen_store::{Core, Link, Nodes, Path, Refusal, Store, StoreError};

const A: Path<'_> = Path::literal("data/a");
const B: Path<'_> = Path::literal("data/b");

type Deed = Box<dyn Fn(&Host)>;

/// A guest, and what somebody else does each time it waits.
struct World<'h> {
    host: &'h Host,
    seam: Seam,
    deeds: RefCell<Vec<Deed>>,
    waits: Cell<usize>,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

impl<'h> World<'h> {
    fn new(host: &'h Host) -> Self {
        host.store().write("data/a", "0");
        host.store().write("data/b", "0");
        Self { host, seam: Seam::new(host), deeds: RefCell::default(), waits: Cell::new(0) }
    }

    /// Has something done while the guest waits, after what was named before.
    fn then(&self, deed: impl Fn(&Host) + 'static) {
        self.deeds.borrow_mut().push(Box::new(deed));
    }

    fn after(&self, seconds: u64) -> Nanos {
        self.now().after(Nanos::from_secs(seconds))
    }
}

impl Link for World<'_> {
    fn notify(&self) {
        self.seam.notify();
    }

    fn now(&self) -> Nanos {
        self.seam.now()
    }

    fn wait(&self, deadline: Nanos) {
        // Answers come first: the guest is idle once a wait lasts.
        let before = self.now();
        self.seam.wait(before);
        if self.waits.replace(self.waits.get() + 1) % 8 == 7 && !self.deeds.borrow().is_empty() {
            (self.deeds.borrow_mut().remove(0))(self.host);
        }
        self.seam.wait(deadline);
    }
}

/// Looks for the day on which `a` and `b` are both 1.
fn both(nodes: &mut impl Nodes) -> Result<Option<u64>, StoreError> {
    let a = nodes.read_number(A)?;
    let b = if a == 1 { nodes.read_number(B)? } else { 0 };
    Ok((a == 1 && b == 1).then_some(a + b))
}

#[test]
fn it_looks_again_when_what_it_read_has_changed() {
    let host = Host::builder().build();
    let world = World::new(&host);
    let page = world.seam.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, &world).unwrap();
    world.then(|host| host.store().write("data/b", "1"));
    world.then(|host| host.store().write("data/a", "1"));
    let mut looks = 0;
    let found = store.wait_until(world.after(100), |nodes| {
        looks += 1;
        both(nodes)
    });
    assert_eq!(found, Ok(2));
    assert!(looks >= 2);
    for _ in 0..4 {
        assert!(store.watch(A).is_ok(), "all watches are free again");
    }
}

/// A node that is there already costs no wait, and one look.
#[test]
fn what_holds_at_once_is_seen_at_once() {
    let host = Host::builder().build();
    let world = World::new(&host);
    let page = world.seam.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, &world).unwrap();
    let mut looks = 0;
    let found = store.wait_until(world.after(100), |nodes| {
        looks += 1;
        nodes.read_number(A).map(Some)
    });
    assert_eq!((found, looks), (Ok(0), 1));
}

#[test]
fn an_error_and_the_deadline_end_it() {
    let host = Host::builder().build();
    let world = World::new(&host);
    let page = world.seam.page();
    let mut core: Core<4, 4> = Core::new();
    let mut store = Store::attach(&page, &mut core, &world).unwrap();
    let missing = store.wait_until(world.after(100), |nodes| nodes.read_number(Path::literal("data/none")).map(Some));
    assert_eq!(missing, Err(StoreError::Said(Refusal::NoEntry)));
    let deadline = world.after(5);
    assert_eq!(store.wait_until(deadline, |nodes| both(nodes)), Err(StoreError::TimedOut));
    assert!(world.now() >= deadline && world.now() < world.after(2));
    assert!((0..4).all(|_| store.watch(A).is_ok()));
}

/// S19: the server loses the event, or takes no watch: it is seen a second later all the same.
#[test]
fn s19_a_lost_event_costs_a_second() {
    for refused in [false, true] {
        let host = Host::builder().build();
        let world = World::new(&host);
        let page = world.seam.page();
        let mut core: Core<4, 4> = Core::new();
        let mut store = Store::attach(&page, &mut core, &world).unwrap();
        if refused {
            (1..=3).for_each(|nth| host.faults().on_store(StoreOp::Watch).nth(nth).fails("EQUOTA"));
        } else {
            host.faults().on_store(StoreOp::Watch).swallows();
        }
        world.then(|host| {
            host.store().write("data/a", "1");
            host.store().write("data/b", "1");
        });
        let before = world.now();
        assert_eq!(store.wait_until(world.after(100), |nodes| both(nodes)), Ok(2), "{refused}");
        assert!(world.now().since(before) < Nanos::from_secs(20));
    }
}

/// Watches of others are left alone.
#[test]
fn events_of_other_watches_stay() {
    let host = Host::builder().build();
    let world = World::new(&host);
    let page = world.seam.page();
    let mut core: Core<4, 2> = Core::new();
    let mut store = Store::attach(&page, &mut core, &world).unwrap();
    let mine = store.watch(B).unwrap();
    while store.poll_event_of(mine).unwrap().is_some() {}
    world.then(|host| {
        host.store().write("data/b", "1");
        host.store().write("data/a", "1");
    });
    assert_eq!(store.wait_until(world.after(100), |nodes| both(nodes)), Ok(2), "one watch for two nodes");
    assert!(store.poll_event_of(mine).unwrap().is_some());
}
