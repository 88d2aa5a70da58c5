//! Requests that the crate does not make, by plain bytes: what a server says to them, and that it goes on.

use xen_store::{Link, Transport};

use super::{Scene, Server, Who};

/// Numbers of `xsd_sockmsg_type`.
const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const GET_PERMS: u32 = 3;
const WATCH: u32 = 4;
const UNWATCH: u32 = 5;
const START: u32 = 6;
const END: u32 = 7;
const INTRODUCE: u32 = 8;
const RELEASE: u32 = 9;
const HOME: u32 = 10;
const WRITE: u32 = 11;
const MKDIR: u32 = 12;
const RM: u32 = 13;
const SET_PERMS: u32 = 14;
const RESET_WATCHES: u32 = 21;

/// Sends it outside of a transaction; it must be refused by this name.
#[track_caller]
fn refused<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>, kind: u32, (body, name): (&[u8], &str)) {
    let answer = scene.raw((kind, 0), body);
    assert_eq!(answer, Err(name.into()), "type {kind}, {:?}", body.escape_ascii().to_string());
}

fn alive<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    assert_eq!(scene.raw((READ, 0), b"suite\0"), Ok(Vec::new()));
}

pub(super) fn bodies<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for kind in [DIRECTORY, READ, GET_PERMS, MKDIR, RM] {
        // By which name the daemon in C refuses what has no string is a matter of chance: of its last error.
        assert!(scene.raw((kind, 0), b"suite").is_err());
    }
    for (kind, body) in [
        (WRITE, &b"suite"[..]),
        (WATCH, b"suite\0"),
        (WATCH, b"suite"),
        (UNWATCH, b"suite\0"),
        (SET_PERMS, b"suite\0"),
        (HOME, b"no number at all"),
        (END, b"X\0"),
    ] {
        refused(scene, kind, (body, "EINVAL"));
    }
    // The daemon in OCaml leaves a message without a body lying until the next one comes.
    if scene.server != Server::Ocaml {
        assert!(scene.raw((READ, 0), b"").is_err());
    }
    alive(scene);
}

pub(super) fn names<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let long = format!("/{}\0", "x".repeat(3072));
    let long_relative = format!("{}\0", "x".repeat(2049));
    for path in ["\0", "suite//a\0", "suite/a b\0", "suite/\u{e4}\0"] {
        for kind in [DIRECTORY, READ, GET_PERMS, WRITE, MKDIR, RM] {
            refused(scene, kind, (path.as_bytes(), "EINVAL"));
        }
    }
    let unwatched = if scene.server == Server::LaterC { "EINVAL" } else { "ENOENT" };
    refused(scene, UNWATCH, (b"suite//a\0token\0", unwatched));
    for path in [long, long_relative] {
        if (scene.server, scene.who) == (Server::LaterC, Who::Control) {
            // Only a guest's are bounded.
            assert_eq!(scene.raw((WRITE, 0), path.as_bytes()), Ok(b"OK\0".to_vec()));
            assert_eq!(scene.raw((RM, 0), path.as_bytes()), Ok(b"OK\0".to_vec()));
        } else {
            refused(scene, WRITE, (path.as_bytes(), "EINVAL"));
        }
    }
    alive(scene);
}

pub(super) fn unknown_types<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for kind in [20, 99, 0x7fff_ffff] {
        refused(scene, kind, (b"suite\0", "ENOSYS"));
    }
    alive(scene);
}

pub(super) fn watches_twice<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    assert_eq!(scene.raw((WATCH, 0), b"suite/w\0token\0"), Ok(b"OK\0".to_vec()));
    refused(scene, WATCH, (b"suite/w\0token\0", "EEXIST"));
    assert_eq!(scene.raw((WATCH, 0), b"suite/w\0another\0"), Ok(b"OK\0".to_vec()));
    refused(scene, UNWATCH, (b"suite/w\0unknown\0", "ENOENT"));
    assert_eq!(scene.raw((UNWATCH, 0), b"suite/w\0token\0"), Ok(b"OK\0".to_vec()));
    refused(scene, UNWATCH, (b"suite/w\0token\0", "ENOENT"));
    if matches!(scene.who, Who::Guest(_)) {
        assert_eq!(scene.raw((RESET_WATCHES, 0), b"\0"), Ok(b"OK\0".to_vec()));
        refused(scene, UNWATCH, (b"suite/w\0another\0", "ENOENT"));
    }
    alive(scene);
}

pub(super) fn transactions_that_are_none<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    for kind in [READ, DIRECTORY, RM] {
        let answer = scene.raw((kind, 77_777), b"suite\0");
        assert_eq!(answer, Err(scene.server.no_transaction().into()), "type {kind}");
    }
    assert_eq!(scene.raw((END, 77_777), b"T\0"), Err(scene.server.no_transaction().into()));
    refused(scene, END, (b"T\0", "ENOENT"));
    assert!(scene.raw((START, 0), b"\0").is_ok());
    if matches!(scene.who, Who::Guest(_)) {
        refused(scene, INTRODUCE, (b"9\x001\x001\0", "EACCES"));
        refused(scene, RELEASE, (b"9\0", "EACCES"));
    }
    alive(scene);
}
