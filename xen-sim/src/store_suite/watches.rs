//! Watches.

use xen_hypercall::Nanos;
use xen_store::{BELOW_MAX, Link, Nodes, Path, PathBuf, Place, Transport, WatchEvent, WatchId};

use super::{Scene, TOP};

const A: Path<'_> = Path::literal("suite/a");
const BELOW: Path<'_> = Path::literal("suite/a/b");

/// Waits for the next event, which must come.
fn next<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) -> WatchEvent {
    let deadline = scene.store.link().now().after(Nanos::from_secs(5));
    scene.store.wait_event(deadline).unwrap().expect("an event")
}

/// Lets everything come in; nothing may be among it.
fn silence<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.settle();
    assert_eq!(scene.store.poll_event(), Ok(None));
}

/// Watches, and takes the first event.
fn watch<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>, path: Path<'_>) -> WatchId {
    let watch = scene.store.watch(path).unwrap();
    assert_eq!(next(scene), WatchEvent { watch, place: Place::Itself });
    watch
}

fn below(path: &'static str) -> Place {
    Place::Below(PathBuf::<BELOW_MAX>::new(Path::literal(path)).unwrap())
}

pub(super) fn the_first_event<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    watch(scene, A);
    silence(scene);
    scene.store.write(A, b"made").unwrap();
    assert_eq!(next(scene).place, Place::Itself);
    silence(scene);
}

pub(super) fn changes_at_and_below<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(BELOW, b"").unwrap();
    watch(scene, A);
    scene.store.write(BELOW, b"ours").unwrap();
    assert_eq!(next(scene).place, below("b"));
    scene.far.write("suite/a/b", b"theirs");
    assert_eq!(next(scene).place, below("b"));
    scene.far.write("suite/a", b"itself");
    assert_eq!(next(scene).place, Place::Itself);
    let own = format!("n{}", scene.who.domain());
    scene.far.set_permissions("suite/a/b", &[own, "r0".into()]);
    assert_eq!(next(scene).place, below("b"), "permissions, too");
    scene.store.write(Path::literal("suite/ab"), b"a neighbour").unwrap();
    scene.store.mkdir(A).unwrap();
    silence(scene);
}

pub(super) fn nothing_after_the_end<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let id = watch(scene, A);
    scene.store.write(A, b"1").unwrap();
    scene.store.unwatch(id).unwrap();
    scene.store.write(A, b"2").unwrap();
    silence(scene);
    let ignored = scene.store.core().counters().ignored_events;
    assert!(ignored <= 1, "the server said it {ignored} times after it was told to be silent");
    assert_ne!(watch(scene, A), id);
}

pub(super) fn two_on_one_path<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let (first, second) = (watch(scene, A), watch(scene, A));
    scene.far.write("suite/a", b"1");
    let mut told = [next(scene).watch, next(scene).watch];
    if told[0] == second {
        told.reverse();
    }
    assert_eq!(told, [first, second]);
    scene.store.unwatch(first).unwrap();
    scene.far.write("suite/a", b"2");
    assert_eq!(next(scene).watch, second);
    silence(scene);
}

pub(super) fn many_changes_are_one_event<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    watch(scene, TOP);
    for number in 0..200 {
        scene.far.write("suite/a", format!("{number}").as_bytes());
    }
    scene.settle();
    assert_eq!(next(scene).place, below("a"));
    silence(scene);
    for name in ["b", "c"] {
        scene.far.write(&format!("suite/{name}"), b"");
    }
    scene.settle();
    assert_eq!(next(scene).place, Place::Somewhere);
    silence(scene);
}

pub(super) fn a_node_that_goes<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(BELOW, b"").unwrap();
    let deep = watch(scene, BELOW);
    scene.far.remove("suite/a");
    assert_eq!(next(scene), WatchEvent { watch: deep, place: Place::Itself }, "with the one above it");
    silence(scene);
    scene.far.write("suite/a/b", b"again");
    assert_eq!(next(scene).place, Place::Itself);
    silence(scene);
}

pub(super) fn within_a_transaction<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    watch(scene, A);
    let transaction = scene.store.begin().unwrap();
    scene.store.within(&transaction).write(A, b"1").unwrap();
    silence(scene);
    scene.store.commit(transaction).unwrap();
    assert_eq!(next(scene).place, Place::Itself);
    let transaction = scene.store.begin().unwrap();
    scene.store.within(&transaction).write(A, b"2").unwrap();
    scene.store.abandon(transaction).unwrap();
    silence(scene);
}

pub(super) fn absolute_and_relative<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let home = scene.store.home(scene.who.domain()).unwrap();
    let absolute = watch(scene, home.join("suite/a").unwrap().as_path());
    scene.far.write("suite/a/b", b"");
    assert_eq!(next(scene), WatchEvent { watch: absolute, place: below("b") });
    silence(scene);
}
