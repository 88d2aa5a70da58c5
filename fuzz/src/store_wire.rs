//! Any bytes from a xenstore server, in any pieces.

use xen_store::{Answer, Core, Path, Request, StoreError, Ticket, WatchEvent};

type Small = Core<6, 3>;

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

/// Has a session with requests and watches of all kinds under way read `data`, of which the first byte says in what
/// pieces the others come, and checks what must always hold.
pub fn any_bytes(data: &[u8]) -> Option<Summary> {
    let (piece, bytes) = data.split_first()?;
    let whole = session(bytes.chunks(bytes.len().max(1)));
    let pieces = session(bytes.chunks(usize::from(*piece).max(1)));
    assert_eq!(whole, pieces, "the pieces make no difference");
    Some(whole)
}

fn session<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Summary {
    let mut core = Small::new();
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

fn transmit(core: &mut Small) {
    while let Some(bytes) = core.poll_transmit() {
        let count = bytes.len();
        core.handle_transmitted(count);
    }
}

fn poll(core: &mut Small, ticket: Ticket, waiting: &mut Vec<Ticket>) -> Option<Result<Vec<u8>, StoreError>> {
    match core.poll_reply(ticket) {
        Answer::Done(Ok(reply)) => {
            // Whatever the bytes, their other readings are refused or bounded.
            let entries = reply.names().map_or(0, Iterator::count) + reply.permissions().map_or(0, Iterator::count);
            assert!(entries <= 2 * reply.value().len());
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
fn finish(mut core: Small, waiting: Vec<Ticket>) {
    transmit(&mut core);
    core.epoch_changed();
    assert!(core.is_quiet());
    for ticket in waiting {
        assert!(matches!(core.poll_reply(ticket), Answer::Done(Err(StoreError::EpochChanged))));
    }
    for _ in 0..6 {
        let _ticket = core.submit(Request::Begin, None).expect("every slot is free again");
    }
    core.rewatch();
    assert_eq!(core.registering(), 2);
}
