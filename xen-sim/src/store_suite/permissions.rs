//! Who may do what.

use xen_hypercall::{DomId, Nanos};
use xen_store::{Access, Link, Nodes, Path, Permission, Place, Refusal, StoreError, Transport};

use super::{Scene, Server, said};

const A: Path<'_> = Path::literal("suite/a");
const BELOW: Path<'_> = Path::literal("suite/a/b");

fn own<L, T>(scene: &Scene<'_, L, T>, letter: char) -> String {
    format!("{letter}{}", scene.who.domain())
}

pub(super) fn what_may_be_read_and_written<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let no = Some(Refusal::Access);
    scene.far.write("suite/a", b"theirs");
    for (letter, reads, writes) in [('n', no, no), ('r', None, no), ('w', no, None), ('b', None, None)] {
        for entries in [vec!["n0".into(), own(scene, letter)], vec![format!("{letter}0")]] {
            scene.far.set_permissions("suite/a", &entries);
            scene.far.write("suite/a", b"theirs");
            assert_eq!(scene.store.read(A, &mut [0; 8]).map(<[u8]>::to_vec), unless(reads, b"theirs".to_vec()));
            assert_eq!(scene.store.directory(A, &mut [0; 8]).map(drop), unless(reads, ()), "{entries:?}");
            assert_eq!(scene.store.permissions(A, &mut [0; 64]).map(drop), unless(reads, ()), "{entries:?}");
            assert_eq!(scene.store.write(A, b"ours"), unless(writes, ()), "{entries:?}");
        }
    }
}

fn unless<V>(refusal: Option<Refusal>, value: V) -> Result<V, StoreError> {
    refusal.map_or(Ok(value), said)
}

pub(super) fn what_lies_below<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.far.write("suite/a", b"theirs");
    scene.far.set_permissions("suite/a", &["n0".into()]);
    // Whether it is there is not told; the daemon in OCaml does.
    let hidden = if scene.server == Server::Ocaml { Refusal::NoEntry } else { Refusal::Access };
    assert_eq!(scene.store.read(BELOW, &mut [0; 8]), said(hidden));
    assert_eq!(scene.store.write(BELOW, b""), said(Refusal::Access));
    assert_eq!(scene.store.rm(A), said(Refusal::Access));
}

pub(super) fn the_owner_decides<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let domain = scene.who.domain();
    let mine = Permission { domain, access: Access::None };
    let theirs = Permission { domain: DomId::DOM0, access: Access::Both };
    scene.store.write(A, b"").unwrap();
    scene.store.set_permissions(A, &[mine, theirs]).unwrap();
    let seen: Vec<_> = scene.store.permissions(A, &mut [0; 64]).unwrap().collect();
    assert_eq!(seen, [mine, theirs]);
    assert_eq!(scene.far.permissions("suite/a"), [own(scene, 'n'), "b0".into()]);
    let given_away = scene.store.set_permissions(A, &[theirs, mine]);
    let refused = if scene.server == Server::Ocaml { Refusal::Access } else { Refusal::NotPermitted };
    assert_eq!(given_away, said(refused));
    scene.far.set_permissions("suite/a", &["n0".into(), own(scene, 'b')]);
    assert_eq!(scene.store.set_permissions(A, &[mine]), said(Refusal::Access), "it is not ours");
}

pub(super) fn inherited<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.far.set_permissions("suite", &["n0".into(), own(scene, 'b'), "r0".into()]);
    scene.store.write(BELOW, b"").unwrap();
    // The owner is who made it; to the daemon in OCaml, who owns the node above.
    let owner = if scene.server == Server::Ocaml { "n0".into() } else { own(scene, 'n') };
    let expected = [owner, own(scene, 'b'), "r0".into()];
    assert_eq!(scene.far.permissions("suite/a"), expected);
    assert_eq!(scene.far.permissions("suite/a/b"), expected);
}

pub(super) fn not_for_guests<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for path in ["/local", "/local/domain/0/new", "/tool", "/new"] {
        let path = Path::literal(path);
        assert_eq!(scene.store.write(path, b""), said(Refusal::Access), "{path}");
        assert_eq!(scene.store.mkdir(path), said(Refusal::Access), "{path}");
    }
    assert_eq!(
        scene
            .store
            .set_permissions(Path::literal("/"), &[Permission { domain: scene.who.domain(), access: Access::Both }]),
        said(Refusal::Access)
    );
}

pub(super) fn events_for_who_may_read<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    // Who may read the node above is told of changes, too: it could list them.
    scene.far.write("suite/a/b", b"");
    let deny = ["n0".to_owned()];
    scene.far.set_permissions("suite/a", &deny);
    scene.far.set_permissions("suite/a/b", &deny);
    let watch = scene.store.watch(BELOW).unwrap();
    scene.settle();
    assert!(scene.store.poll_event_of(watch).unwrap().is_some(), "the first one comes always");
    scene.far.write("suite/a/b", b"secret");
    scene.settle();
    assert_eq!(scene.store.poll_event(), Ok(None), "that it changed is not for us");
    let deadline = scene.store.link().now().after(Nanos::from_secs(5));
    let told = |scene: &mut Scene<'_, L, T>, (path, letter): (&str, char)| {
        scene.far.set_permissions(path, &[format!("{letter}0")]);
        scene.far.write("suite/a/b", b"public");
        assert_eq!(scene.store.wait_event(deadline).unwrap().map(|event| event.place), Some(Place::Itself));
        scene.settle();
        scene.store.poll_event().unwrap();
        scene.far.set_permissions(path, &deny);
        scene.settle();
        scene.store.poll_event().unwrap().is_some()
    };
    assert!(told(scene, ("suite/a/b", 'r')), "it could be read before");
    told(scene, ("suite/a", 'r'));
}
