//! What the client makes of several requests: waiting, resets, fences.

use xen_hypercall::Nanos;
use xen_store::{Link, Nodes, Path, Place, StoreError, Transport};

use super::{Scene, Who};

const A: Path<'_> = Path::literal("suite/a");
const B: Path<'_> = Path::literal("suite/b");
/// Numbers of `xsd_sockmsg_type`.
const WATCH: u32 = 4;
const UNWATCH: u32 = 5;

fn soon<L: Link, T: Transport>(scene: &Scene<'_, L, T>) -> Nanos {
    scene.store.link().now().after(Nanos::from_secs(5))
}

pub(super) fn waiting_until_nodes_say_so<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(A, b"1").unwrap();
    let deadline = soon(scene);
    let (store, far) = (&mut scene.store, &mut scene.far);
    let mut looks = 0;
    let found = store.wait_until(deadline, |nodes| {
        looks += 1;
        let number = nodes.read_number(A)?;
        match looks {
            1 => far.write("suite/a", b"2"),
            2 => far.write("suite/b", b"4"),
            _ => {}
        }
        let other = nodes.read_number(B);
        Ok(if number == 2 { other.ok() } else { None })
    });
    assert_eq!(found, Ok(4));
    assert!((2..6).contains(&looks), "{looks}");
    // Its watches are over with it.
    scene.far.write("suite/a", b"3");
    scene.settle();
    assert_eq!(scene.store.poll_event(), Ok(None));
    let deadline = scene.store.link().now().after(Nanos::from_millis(20));
    let never =
        scene.store.wait_until(deadline, |nodes| nodes.read_number(A).map(|number| (number == 9).then_some(())));
    assert_eq!(never, Err(StoreError::TimedOut));
}

pub(super) fn what_was_there_before_is_forgotten<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    if scene.who == Who::Control {
        return;
    }
    scene.raw((WATCH, 0), b"suite/a\0of a predecessor\0").unwrap();
    scene.store.reset().unwrap();
    assert_eq!(scene.raw((UNWATCH, 0), b"suite/a\0of a predecessor\0"), Err("ENOENT".into()));
    scene.store.watch(A).unwrap();
    assert!(scene.store.reset().is_err(), "not while a watch of ours is there");
}

pub(super) fn a_fence<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let watch = scene.store.watch(A).unwrap();
    let deadline = soon(scene);
    scene.store.fence(deadline).unwrap();
    assert_eq!(scene.store.write(A, b""), Err(StoreError::Fenced));
    scene.far.write("suite/a", b"meanwhile");
    scene.store.unfence();
    scene.settle();
    let event = scene.store.wait_event(deadline).unwrap().expect("what happened meanwhile");
    assert_eq!((event.watch, event.place), (watch, Place::Itself));
    // In doubt all watches are registered once more; the server knows them already.
    scene.store.reregister(deadline).unwrap();
    assert!(scene.store.wait_event(deadline).unwrap().is_some());
}
