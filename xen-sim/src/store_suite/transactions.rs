//! Transactions.

use xen_store::{Attempts, Link, Nodes, Path, Refusal, StoreError, Transport};

use super::{Scene, said};

const A: Path<'_> = Path::literal("suite/a");
const B: Path<'_> = Path::literal("suite/b");

pub(super) fn all_at_once<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let transaction = scene.store.begin().unwrap();
    let mut within = scene.store.within(&transaction);
    within.write(A, b"1").unwrap();
    within.write(B, b"2").unwrap();
    assert_eq!(within.read(A, &mut [0; 8]), Ok(&b"1"[..]));
    let names: Vec<_> = within.directory(super::TOP, &mut [0; 64]).unwrap().map(String::from).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(scene.store.read(A, &mut [0; 8]), said(Refusal::NoEntry));
    assert_eq!(scene.far.read("suite/b"), None);
    scene.store.commit(transaction).unwrap();
    assert_eq!(scene.far.read("suite/a").as_deref(), Some(&b"1"[..]));
    assert_eq!(scene.store.read(B, &mut [0; 8]), Ok(&b"2"[..]));
}

pub(super) fn abandoned<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(B, b"kept").unwrap();
    let transaction = scene.store.begin().unwrap();
    let mut within = scene.store.within(&transaction);
    within.write(A, b"1").unwrap();
    within.rm(B).unwrap();
    assert_eq!(within.read(B, &mut [0; 8]), said(Refusal::NoEntry));
    scene.store.abandon(transaction).unwrap();
    assert_eq!(scene.store.read(A, &mut [0; 8]), said(Refusal::NoEntry));
    assert_eq!(scene.store.read(B, &mut [0; 8]), Ok(&b"kept"[..]));
}

pub(super) fn a_conflict_is_told<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(A, b"1").unwrap();
    let transaction = scene.store.begin().unwrap();
    let mut within = scene.store.within(&transaction);
    assert_eq!(within.read(A, &mut [0; 8]), Ok(&b"1"[..]));
    within.write(B, b"what follows from 1").unwrap();
    scene.far.write("suite/a", b"2");
    let error = scene.store.commit(transaction).unwrap_err();
    assert_eq!((error.error, error.transaction), (StoreError::Said(Refusal::Again), None));
    assert_eq!(scene.store.read(B, &mut [0; 8]), said(Refusal::NoEntry), "nothing of it is done");
}

pub(super) fn a_conflict_is_done_again<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(A, b"10").unwrap();
    let (store, far) = (&mut scene.store, &mut scene.far);
    let mut turns = 0;
    let sum = store.transaction(Attempts(5), |nodes| {
        turns += 1;
        let number = nodes.read_number(A)?;
        if turns < 3 {
            far.write("suite/a", format!("{}", 10 * (turns + 1)).as_bytes());
        }
        nodes.write(A, format!("{}", number + 1).as_bytes())?;
        Ok(number)
    });
    assert_eq!((sum, turns), (Ok(30), 3));
    assert_eq!(scene.far.read("suite/a").as_deref(), Some(&b"31"[..]));
    let (store, far) = (&mut scene.store, &mut scene.far);
    let never = store.transaction(Attempts(2), |nodes| {
        turns += 1;
        nodes.read(A, &mut [0; 32])?;
        far.write("suite/a", format!("{turns}").as_bytes());
        nodes.write(B, b"")
    });
    assert_eq!(never, said(Refusal::Again));
}

pub(super) fn two_that_do_not_meet<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    scene.store.write(A, b"").unwrap();
    scene.store.write(B, b"").unwrap();
    let (first, second) = (scene.store.begin().unwrap(), scene.store.begin().unwrap());
    scene.store.within(&first).write(A, b"1").unwrap();
    scene.store.within(&second).write(B, b"2").unwrap();
    assert_eq!(scene.store.commit(second), Ok(()));
    assert_eq!(scene.store.commit(first), Ok(()));
    assert_eq!(scene.store.read(A, &mut [0; 8]), Ok(&b"1"[..]));
    assert_eq!(scene.store.read(B, &mut [0; 8]), Ok(&b"2"[..]));
}

pub(super) fn ended_is_gone<L: Link, T: Transport>(scene: &mut Scene<'_, L, T>) {
    let id = scene.raw((6, 0), b"\0").unwrap();
    let number: u32 = std::str::from_utf8(id.strip_suffix(&[0]).unwrap()).unwrap().parse().unwrap();
    assert_eq!(scene.raw((6, number), b"\0"), Err("EBUSY".into()), "none within another");
    assert_eq!(scene.raw((7, number), b"T\0"), Ok(b"OK\0".to_vec()));
    let gone = scene.raw((2, number), b"suite\0").unwrap_err();
    assert_eq!(gone, scene.server.no_transaction());
}
