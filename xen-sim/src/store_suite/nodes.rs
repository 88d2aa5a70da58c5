//! Nodes: values, directories, and what is not there.

use xen_hypercall::DomId;
use xen_store::{Link, Nodes, Path, Refusal, StoreError, Transport};

use super::{Scene, Server, TOP, Who, said};

const A: Path<'_> = Path::literal("suite/a");
const BELOW: Path<'_> = Path::literal("suite/a/b/c");

fn names<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>, path: Path<'_>) -> Vec<String> {
    let mut names: Vec<_> = scene.store.directory(path, &mut [0; 4096]).unwrap().map(String::from).collect();
    names.sort();
    names
}

pub(super) fn values_come_back<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for value in [&b""[..], b"x", b"\0any \xff bytes\0", &[b'y'; 1800], b"shorter"] {
        scene.store.write(A, value).unwrap();
        assert_eq!(scene.store.read(A, &mut [0; 4096]), Ok(value));
        assert_eq!(scene.far.read("suite/a").as_deref(), Some(value));
    }
    scene.far.write("suite/a", b"theirs");
    assert_eq!(scene.store.read(A, &mut [0; 8]), Ok(&b"theirs"[..]));
    assert_eq!(scene.store.read(A, &mut [0; 5]), Err(StoreError::BufferTooSmall(6)));
}

pub(super) fn absent_nodes<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let store = &mut scene.store;
    assert_eq!(store.read(A, &mut [0; 8]), said(Refusal::NoEntry));
    assert_eq!(store.directory(A, &mut [0; 8]).map(drop), said(Refusal::NoEntry));
    assert_eq!(store.permissions(A, &mut [0; 8]).map(drop), said(Refusal::NoEntry));
    assert_eq!(store.set_permissions(A, &[]).map(drop), said(Refusal::Invalid), "no permission at all");
    // A node that goes and is not there is gone, if the one above is there.
    assert_eq!(store.rm(A), Ok(()));
    assert_eq!(store.rm(BELOW), said(Refusal::NoEntry));
    assert_eq!(store.write(A, b"now"), Ok(()));
}

pub(super) fn nodes_above_are_made<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(BELOW, b"deep").unwrap();
    assert_eq!(scene.store.read(A, &mut [0; 8]), Ok(&b""[..]));
    assert_eq!(names(scene, A), ["b"]);
    scene.store.mkdir(Path::literal("suite/a/d/e")).unwrap();
    assert_eq!(names(scene, A), ["b", "d"]);
    assert_eq!(scene.far.read("suite/a/b/c").as_deref(), Some(&b"deep"[..]));
}

pub(super) fn a_directory_is_made_once<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.mkdir(A).unwrap();
    assert_eq!(scene.store.read(A, &mut [0; 8]), Ok(&b""[..]));
    scene.store.write(A, b"kept").unwrap();
    scene.store.mkdir(A).unwrap();
    assert_eq!(scene.store.read(A, &mut [0; 8]), Ok(&b"kept"[..]));
}

pub(super) fn a_node_goes_with_all_below_it<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(BELOW, b"deep").unwrap();
    scene.store.write(Path::literal("suite/ab"), b"a neighbour").unwrap();
    scene.store.rm(A).unwrap();
    assert_eq!(scene.store.read(BELOW, &mut [0; 8]), said(Refusal::NoEntry));
    assert_eq!(names(scene, TOP), ["ab"]);
    scene.store.write(A, b"again").unwrap();
    assert!(names(scene, A).is_empty());
    if matches!(scene.who, Who::Guest(_)) {
        assert_eq!(scene.store.rm(Path::literal("/")), said(Refusal::Access));
    }
}

pub(super) fn children_are_listed<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    assert!(names(scene, TOP).is_empty());
    let expected: Vec<String> = (10..60).map(|number| format!("child-{number}")).collect();
    for name in &expected {
        scene.far.write(&format!("suite/{name}"), name.as_bytes());
    }
    assert_eq!(names(scene, TOP), expected);
    let mut few = [0; 64];
    assert_eq!(scene.store.directory(TOP, &mut few).map(drop), Err(StoreError::BufferTooSmall(50 * 9)));
}

pub(super) fn the_longest_value<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let path = "/local/domain/0/long";
    // The daemon in OCaml bounds the control domain's values, too.
    let len = if scene.server == Server::Ocaml { 2047 } else { 4096 - path.len() - 1 };
    let value: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
    scene.far.write(path, &value);
    scene.far.set_permissions(path, &["r0".into()]);
    assert_eq!(scene.store.read(Path::literal("/local/domain/0/long"), &mut [0; 4096]), Ok(&value[..]));
    scene.far.remove(path);
    if scene.who == Who::Control && scene.server != Server::Ocaml {
        let longest = [b'v'; 4096 - 8];
        scene.store.write(A, &longest).unwrap();
        assert_eq!(scene.far.read("suite/a").as_deref(), Some(&longest[..]));
    }
    assert_eq!(scene.store.write(A, &[0; 4096 - 7]), Err(StoreError::TooLong));
}

pub(super) fn homes<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for domain in [0, 1, 7, 32751] {
        let home = scene.store.home(DomId(domain)).unwrap();
        assert_eq!(home.as_path().as_str(), format!("/local/domain/{domain}"));
    }
    let own = scene.store.home(scene.who.domain()).unwrap().join("suite/a").unwrap();
    scene.store.write(A, b"relative").unwrap();
    assert_eq!(scene.store.read(own.as_path(), &mut [0; 8]), Ok(&b"relative"[..]));
}
