//! Any bytes from a xenstore server, in any pieces.

use xen_hypercall::{DomId, Gfn, Port};
use xen_store::{
    Access, Answer, Argument, Core, Depth, Features, Path, Permission, Request, Special, StoreError, Ticket, WatchEvent,
};

type Small = Core<6, 3>;
type Large = Core<16, 2>;

/// What came of a session.
#[derive(Debug, PartialEq, Eq)]
pub struct Summary {
    /// The answer to each request that waits, if it has come: its bytes, or why there are none.
    pub replies: Vec<Option<Result<Vec<u8>, StoreError>>>,
    /// The events.
    pub events: Vec<WatchEvent>,
    /// Answers to nothing, and events for nobody.
    pub ignored: (u32, u32),
    /// How the session stands.
    pub standing: Result<(), StoreError>,
}

/// Has sessions read `data`, of which the first byte says in what pieces the others come, and checks what must always hold.
/// Returns what came of the one that reads, writes and begins; another asks everything else.
pub fn any_bytes(data: &[u8]) -> Option<Summary> {
    let _others = any_answers_to_others(data)?;
    any_answers(data, start)
}

/// Does the same with a session that asks everything but to read, to write and to begin.
pub fn any_answers_to_others(data: &[u8]) -> Option<Summary> {
    any_answers(data, start_others)
}

fn any_answers<const R: usize, const W: usize>(
    data: &[u8],
    start: fn(&mut Core<R, W>) -> Vec<Ticket>,
) -> Option<Summary> {
    let (piece, bytes) = data.split_first()?;
    let whole = session(start, bytes.chunks(bytes.len().max(1)));
    let pieces = session(start, bytes.chunks(usize::from(*piece).max(1)));
    assert_eq!(whole, pieces, "the pieces make no difference");
    Some(whole)
}

fn session<'b, const R: usize, const W: usize>(
    start: fn(&mut Core<R, W>) -> Vec<Ticket>,
    pieces: impl Iterator<Item = &'b [u8]>,
) -> Summary {
    let mut core = Core::new();
    let tickets = start(&mut core);
    for piece in pieces {
        let taken = core.handle_bytes(piece);
        assert_eq!(taken, core.check());
    }
    let standing = core.check();
    let counters = core.counters();
    let events = std::iter::from_fn(|| core.poll_event()).collect::<Vec<_>>();
    assert!(events.len() <= 2, "one a watch");
    let mut waiting = Vec::new();
    let replies = tickets.into_iter().map(|ticket| poll(&mut core, ticket, &mut waiting)).collect();
    finish(core, waiting);
    Summary { replies, events, ignored: (counters.strays, counters.ignored_events), standing }
}

/// Puts requests of all kinds under way: five that wait, one that was given up, two watches and one that is going.
fn start(core: &mut Small) -> Vec<Ticket> {
    let path = Path::literal("device/vbd");
    let requests = [
        Request::Read(path),
        Request::Directory(path),
        Request::Permissions(path),
        Request::Write(path, b"value"),
        Request::Begin,
    ];
    let tickets = requests.map(|request| core.submit(request, None).expect("a free slot"));
    let orphan = core.submit(Request::Begin, None).expect("a free slot");
    let watches = ["device", "control", "gone"].map(|path| core.watch(Path::literal(path)).expect("a free entry"));
    transmit(core);
    core.give_up(orphan);
    core.unwatch(watches[2]).expect("a watch");
    tickets.into()
}

/// Puts under way whatever else can be asked, of a server that offers all there is, and two watches that not every server has.
fn start_others(core: &mut Large) -> Vec<Ticket> {
    core.handle_features(Features::all());
    let (path, one, nodes) = (Path::literal("device"), DomId(7), Argument::literal("nodes"));
    let entries = [one, DomId::ANY].map(|domain| Permission { domain, access: Access::Read });
    let requests = [
        Request::DirectoryPart(path, 0),
        Request::MakeDirectory(path),
        Request::Remove(path),
        Request::SetPermissions(path, &entries),
        Request::Home(one),
        Request::Features(None),
        Request::Release(one),
        Request::Introduce(one, Gfn(1), Port(3)),
        Request::IsIntroduced(one),
        Request::Resume(one),
        Request::SetTarget(one, DomId(9)),
        Request::SetFeatures(one, Features::ERROR),
        Request::Quotas,
        Request::Quota(Some(one), nodes),
        Request::SetQuota(None, nodes, 0),
        Request::Control(&[nodes]),
    ];
    let tickets = requests.map(|request| core.submit(request, None).expect("a free slot"));
    let _level = core.watch_depth(path, Depth(1)).expect("a free entry");
    let _gone = core.watch(Special::Released(Some(one)).path().as_path()).expect("a free entry");
    transmit(core);
    tickets.into()
}

fn transmit<const R: usize, const W: usize>(core: &mut Core<R, W>) {
    while let Some(bytes) = core.poll_transmit() {
        let count = bytes.len();
        core.handle_transmitted(count);
    }
}

fn poll<const R: usize, const W: usize>(
    core: &mut Core<R, W>,
    ticket: Ticket,
    waiting: &mut Vec<Ticket>,
) -> Option<Result<Vec<u8>, StoreError>> {
    match core.poll_reply(ticket) {
        Answer::Done(Ok(reply)) => {
            // Whatever the bytes, their other readings are refused or bounded.
            let part = reply.part().and_then(|part| part.names().map_err(StoreError::Rejected));
            let names = reply.names().map_or(0, Iterator::count) + part.map_or(0, Iterator::count);
            assert!(names + reply.permissions().map_or(0, Iterator::count) <= 3 * reply.value().len());
            // A truth is no number, and all of these are one string.
            let readings = [reply.is_introduced().is_ok(), reply.features().is_ok(), reply.path().is_ok()];
            assert!(!(readings[0] && readings[1]));
            assert!(reply.text().is_ok() || readings == [false; 3]);
            Some(Ok(reply.value().to_vec()))
        }
        Answer::Done(Err(error)) => Some(Err(error)),
        Answer::Pending(ticket) => {
            waiting.push(ticket);
            None
        }
    }
}

/// Ends the session: whoever still waits learns it, once, and nothing is left under way.
fn finish<const R: usize, const W: usize>(mut core: Core<R, W>, waiting: Vec<Ticket>) {
    transmit(&mut core);
    core.epoch_changed();
    assert!(core.is_quiet());
    for ticket in waiting {
        assert!(matches!(core.poll_reply(ticket), Answer::Done(Err(StoreError::EpochChanged))));
    }
    for _ in 0..R {
        let _ticket = core.submit(Request::Begin, None).expect("every slot is free again");
    }
    core.handle_features(Features::all());
    core.rewatch();
    assert_eq!(core.registering(), 2);
}
