//! xenstore.

use xen_hypercall::{DomId, Hypercall};
use xen_store::{
    Access, Attempts, Link, Nodes, Path, Permission, Refusal, Request, Store, StoreError, Ticket, Transaction, WatchId,
};

use super::{Bench, Failed, at, hold};
use crate::Machine;

const ROOM: Path<'static> = Path::literal("data/selftest");
const NODE: Path<'static> = Path::literal("data/selftest/node");

/// What is written is read, whatever bytes it is; what is removed is gone.
pub(super) fn values<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let mut buffer = [0; 4096];
    // Larger than the ring of 1024 bytes, with zeroes and bytes that are no text.
    let long: [u8; 2000] = core::array::from_fn(|at| at.to_le_bytes()[0]);
    for value in [&b""[..], b"7", b"a\0b\xFF", &long] {
        store.write(NODE, value).map_err(at("write"))?;
        let read = store.read(NODE, &mut buffer).map_err(at("read"))?;
        hold(read == value, "another-value")?;
    }
    store.rm(ROOM).map_err(at("rm"))?;
    hold(store.read(NODE, &mut buffer) == Err(StoreError::Said(Refusal::NoEntry)), "not-removed")
}

/// Names are listed, in any order, and only those.
pub(super) fn directory<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    for child in ["data/selftest/a", "data/selftest/b", "data/selftest/c"] {
        store.mkdir(Path::literal(child)).map_err(at("mkdir"))?;
    }
    store.mkdir(Path::literal("data/selftest/a")).map_err(at("mkdir-again"))?;
    let mut buffer = [0; 256];
    let names = store.directory(ROOM, &mut buffer).map_err(at("directory"))?;
    let (mut count, mut sum) = (0, 0);
    for name in names {
        count += 1;
        sum += usize::from(name.as_bytes()[0] - b'a' + 1);
    }
    store.rm(ROOM).map_err(at("rm"))?;
    hold((count, sum) == (3, 6), "names")
}

/// Permissions are set and read back.
pub(super) fn permissions<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let number = store.read_number(Path::literal("domid")).map_err(at("domid"))?;
    let own = DomId(u16::try_from(number).map_err(at("domid-range"))?);
    store.write(NODE, b"x").map_err(at("write"))?;
    let wanted =
        [Permission { domain: own, access: Access::None }, Permission { domain: DomId::DOM0, access: Access::Read }];
    store.set_permissions(NODE, &wanted).map_err(at("set"))?;
    let mut buffer = [0; 128];
    let found = store.permissions(NODE, &mut buffer).map_err(at("read"))?;
    hold(found.eq(wanted), "others")?;
    store.rm(ROOM).map_err(at("rm"))
}

/// What belongs to the toolstack cannot be written, and what is not there has its own error.
pub(super) fn denied<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let refused = store.write(Path::literal("domid"), b"0");
    hold(refused == Err(StoreError::Said(Refusal::Access)), "wrote-what-is-not-ours")?;
    let mut buffer = [0; 64];
    let absent = store.read(Path::literal("data/never-written"), &mut buffer);
    hold(absent == Err(StoreError::Said(Refusal::NoEntry)), "read-what-is-not-there")
}

/// A transaction is seen whole after its commit, and never after it is abandoned.
pub(super) fn commit<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let mut buffer = [0; 64];
    let transaction = store.begin().map_err(at("begin"))?;
    let written = store.within(&transaction).write(NODE, b"abandoned");
    store.abandon(transaction).map_err(at("abandon"))?;
    written.map_err(at("write"))?;
    hold(store.read(NODE, &mut buffer).is_err_and(|error| error.is_no_entry()), "abandoned-but-seen")?;
    let transaction = store.begin().map_err(at("begin"))?;
    let written = store.within(&transaction).write(NODE, b"committed").map_err(at("write"));
    let mut unseen = || hold(store.read(NODE, &mut buffer).is_err_and(|error| error.is_no_entry()), "seen-too-early");
    let ready = written.and_then(|()| unseen());
    end(&mut store, transaction, ready)?.map_err(at("commit"))?;
    hold(store.read(NODE, &mut buffer) == Ok(b"committed"), "committed-but-not-seen")?;
    store.rm(ROOM).map_err(at("rm"))
}

/// Commits a transaction in which all went well, and tells what came of it; abandons another, which is not left there.
fn end<L: Link, const R: usize, const W: usize>(
    store: &mut Store<'_, L, R, W>,
    transaction: Transaction,
    ready: Result<(), Failed>,
) -> Result<Result<(), StoreError>, Failed> {
    match ready {
        Ok(()) => Ok(store.commit(transaction).map_err(StoreError::from)),
        Err(why) => {
            let _second = store.abandon(transaction);
            Err(why)
        }
    }
}

/// A transaction that another write crossed is refused, and done again by the helper.
pub(super) fn conflict<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let mut buffer = [0; 64];
    store.write(NODE, b"1").map_err(at("write"))?;
    let transaction = store.begin().map_err(at("begin"))?;
    let read = store.within(&transaction).read(NODE, &mut buffer).map(drop).map_err(at("read"));
    let mut within = || store.within(&transaction).write(NODE, b"2").map_err(at("write-within"));
    let written = read.and_then(|()| within());
    let crossed = written.and_then(|()| store.write(NODE, b"3").map_err(at("write-across")));
    let refused = end(&mut store, transaction, crossed)?;
    hold(refused == Err(StoreError::Said(Refusal::Again)), "crossed-but-committed")?;
    let done = store.transaction(Attempts(4), |nodes| {
        let value = nodes.read_number(NODE)?;
        nodes.write(NODE, if value == 3 { b"4" } else { b"?" })
    });
    done.map_err(at("again"))?;
    hold(store.read(NODE, &mut buffer) == Ok(b"4"), "lost-update")?;
    store.rm(ROOM).map_err(at("rm"))
}

/// A watch reports once at its beginning, then each change; nothing after it is removed.
pub(super) fn watch<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let watch = store.watch(ROOM).map_err(at("watch"))?;
    let reported = reports(&mut store, watch);
    store.unwatch(watch).map_err(at("unwatch"))?;
    reported?;
    store.rm(ROOM).map_err(at("rm"))?;
    hold(!store.poll_event_of(watch).is_ok_and(|event| event.is_some()), "event-after-unwatch")
}

/// One event for the watch itself, one for a change.
fn reports<L: Link, const R: usize, const W: usize>(
    store: &mut Store<'_, L, R, W>,
    watch: WatchId,
) -> Result<(), Failed> {
    // What a request caused may come behind its answer, but has come when the next one is answered.
    store.write(NODE, b"1").map_err(at("write"))?;
    let mut buffer = [0; 64];
    store.read(NODE, &mut buffer).map_err(at("read"))?;
    hold(store.poll_event_of(watch).map_err(at("event"))?.is_some(), "no-event")?;
    store.write(NODE, b"2").map_err(at("write"))?;
    store.read(NODE, &mut buffer).map_err(at("read"))?;
    hold(store.poll_event_of(watch).map_err(at("event"))?.is_some(), "no-second-event")?;
    hold(store.poll_event_of(watch).map_err(at("event"))?.is_none(), "too-many-events")
}

/// Several requests under way at once are each answered with their own.
pub(super) fn pipeline<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) -> Result<(), Failed> {
    let mut store = bench.store.borrow_mut();
    let names = ["data/selftest/0", "data/selftest/1", "data/selftest/2"];
    let mut tickets = [None, None, None];
    let answered = answers(&mut store, names, &mut tickets);
    // Those that are still out, should one have failed.
    tickets.into_iter().flatten().for_each(|ticket| store.core().give_up(ticket));
    answered?;
    let mut buffer = [0; 64];
    for name in names {
        hold(store.read(Path::literal(name), &mut buffer) == Ok(name.as_bytes()), "mixed-up")?;
    }
    store.rm(ROOM).map_err(at("rm"))
}

/// Writes all names at once, and takes the answers in the other order.
fn answers<L: Link, const R: usize, const W: usize>(
    store: &mut Store<'_, L, R, W>,
    names: [&'static str; 3],
    tickets: &mut [Option<Ticket>; 3],
) -> Result<(), Failed> {
    for (name, ticket) in names.iter().zip(tickets.iter_mut()) {
        let request = Request::Write(Path::literal(name), name.as_bytes());
        *ticket = Some(store.core().submit(request, None).map_err(at("submit"))?);
    }
    for ticket in tickets.iter_mut().rev().filter_map(Option::take) {
        store.wait_for(ticket).map_err(at("answer"))?;
    }
    Ok(())
}

/// Removes what a scenario left that failed.
pub(super) fn tidy<M: Machine, H: Hypercall>(bench: &Bench<'_, '_, '_, M, H>) {
    // It may be xenstore that fails: then there is nothing more to do.
    let _ = bench.store.borrow_mut().rm(ROOM);
}
