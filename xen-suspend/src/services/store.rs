//! xenstore across a suspend.

use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;

use xen_hypercall::{Errno, Nanos, SharedPage};
use xen_store::future::Client;
use xen_store::{Attempts, HostLink, Link, LinkError, Nodes, Path, Request, Store, StoreError, WatchId};

use crate::{Ack, Class, Control, ControlWord, CoreService, Dark, Fatal, Stage};

const NODE: Path<'static> = Path::literal("control/shutdown");

/// Conflicts in a row after which an acknowledgement is given up.
const ROUNDS: Attempts = Attempts(16);

/// How often the node is read although no event came: servers may drop events.
const RECHECK: Nanos = Nanos::from_secs(10);

/// A lock of the embedder's around a service that needs `&mut`.
pub trait Exclusive<T> {
    /// Runs `section` alone.
    fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R;
}

/// For a guest of one thread.
impl<T> Exclusive<T> for RefCell<T> {
    fn with<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.borrow_mut())
    }
}

/// For a guest whose tasks share a client.
impl<'p, L: Link, const R: usize, const W: usize> Exclusive<Store<'p, L, R, W>> for Client<'p, L, R, W> {
    fn with<T>(&self, section: impl FnOnce(&mut Store<'p, L, R, W>) -> T) -> T {
        Self::with(self, section)
    }
}

/// Writes the guest's own nodes: `control/feature-*`, `data`. They are not migrated.
pub trait Publisher {
    /// Writes them all, at the start and after a resume. A node that is refused is not worth a failure.
    fn publish(&mut self, nodes: &mut impl Nodes);
}

/// How often a feature is written before it is given up: the server may only be busy.
const WRITES: u8 = 3;

/// The nodes of a guest that serves all words of [`ControlWord`], and has no others.
///
/// They are `control/feature-suspend`, `feature-poweroff` and `feature-reboot`. A toolstack that does not find them asks anyway.
#[derive(Debug, Clone, Copy, Default)]
pub struct Features;

impl Publisher for Features {
    fn publish(&mut self, nodes: &mut impl Nodes) {
        for node in ["control/feature-poweroff", "control/feature-reboot", "control/feature-suspend"] {
            for _ in 0..WRITES {
                let refused = |error| matches!(error, StoreError::Said(_) | StoreError::Rejected(_));
                if !nodes.write(Path::literal(node), b"1").is_err_and(refused) {
                    break;
                }
            }
        }
    }
}

/// The coordinator's view of xenstore, over the blocking facade behind a lock `X` of the embedder's.
#[doc(alias = "shutdown_handler")]
pub struct StoreControl<'a, 'p, X, L, P, const R: usize, const W: usize> {
    store: &'a X,
    watch: WatchId,
    publisher: P,
    last: ControlWord,
    read_at: Nanos,
    shape: PhantomData<fn(Store<'p, L, R, W>)>,
}

impl<'a, 'p, X, L, P, const R: usize, const W: usize> StoreControl<'a, 'p, X, L, P, R, W>
where
    X: Exclusive<Store<'p, L, R, W>>,
    L: Link + 'p,
    P: Publisher,
{
    /// Publishes the guest's nodes and watches `control/shutdown`, be the node there or not.
    ///
    /// # Errors
    /// Why the watch could not be registered.
    pub fn start(store: &'a X, mut publisher: P) -> Result<Self, StoreError> {
        let watch = store.with(|store| {
            publisher.publish(store);
            store.watch(NODE)
        })?;
        let (last, read_at) = (ControlWord::Idle, Nanos::ZERO);
        Ok(Self { store, watch, publisher, last, read_at, shape: PhantomData })
    }

    /// Returns the watch of `control/shutdown`, for a task to wait by [`Client::heard`] until there is something to do.
    pub const fn watch(&self) -> WatchId {
        self.watch
    }

    /// Tells whether an event came, or none has come for so long that one may be lost.
    fn look(&mut self) -> Option<Cause> {
        self.store.with(|store| {
            let came = store.poll_event_of(self.watch).ok()?.is_some();
            let due = store.link().now() >= self.read_at.after(RECHECK);
            if due {
                // The server may have refused the watch, or lost its answer, when the connection was made.
                let _missing = store.core().rewatch_missing();
            }
            if came { Some(Cause::Event) } else { due.then_some(Cause::Time) }
        })
    }
}

/// Why the node is read.
enum Cause {
    Event,
    Time,
}

impl<'p, X, L, P, const R: usize, const W: usize> Control for StoreControl<'_, 'p, X, L, P, R, W>
where
    X: Exclusive<Store<'p, L, R, W>>,
    L: Link + 'p,
    P: Publisher,
{
    fn read(&mut self) -> Option<ControlWord> {
        let read = self.store.with(|store| {
            self.read_at = store.link().now();
            // What an event told that came before is seen by this read.
            let _ = store.poll_event_of(self.watch);
            word(store).ok()
        })?;
        self.last = read;
        Some(read)
    }

    fn changed(&mut self) -> Option<ControlWord> {
        let cause = self.look()?;
        let before = self.last;
        let read = self.read()?;
        match cause {
            Cause::Event => Some(read),
            // No event: only what was missed is news.
            Cause::Time => (read != before).then_some(read),
        }
    }

    fn acknowledge(&mut self, expected: ControlWord) -> Ack {
        let done = self.store.with(|store| store.transaction(ROUNDS, |nodes| clear(nodes, expected)));
        match done {
            Ok(None) => Ack::Committed,
            Ok(Some(other)) => {
                // If that was not so, the word that is still there is news at the next look.
                self.last = other;
                Ack::Changed(other)
            }
            Err(_) => Ack::Denied,
        }
    }

    fn fence(&mut self, until: Nanos) -> bool {
        self.store.with(|store| store.fence(until).is_ok())
    }

    fn unfence(&mut self) {
        self.store.with(Store::unfence);
    }

    fn store_up(&mut self, _class: Class, until: Nanos) -> bool {
        self.store.with(|store| {
            let up = store.reregister(until).is_ok();
            // However late the server is: what it answers after this is taken, and its watches count.
            store.unfence();
            up
        })
    }

    fn publish(&mut self, _class: Class) {
        self.store.with(|store| self.publisher.publish(store));
    }
}

/// Reads the word; a node that is absent asks for nothing.
fn word(nodes: &mut impl Nodes) -> Result<ControlWord, StoreError> {
    match nodes.perform(Request::Read(NODE)) {
        Ok(reply) => Ok(ControlWord::parse(reply.value())),
        Err(error) if error.is_no_entry() => Ok(ControlWord::Idle),
        Err(error) => Err(error),
    }
}

/// Clears the node if it holds `expected`; otherwise returns what it holds.
fn clear(nodes: &mut impl Nodes, expected: ControlWord) -> Result<Option<ControlWord>, StoreError> {
    match word(nodes)? {
        found if found == expected => nodes.write(NODE, b"").map(|()| None),
        other => Ok(Some(other)),
    }
}

impl<X, L, P, const R: usize, const W: usize> fmt::Debug for StoreControl<'_, '_, X, L, P, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreControl").field("watch", &self.watch).field("last", &self.last).finish_non_exhaustive()
    }
}

/// The port and the ring of xenstore in the rebuild: what its [`HostLink`] says.
#[doc(alias = "xs_resume")]
pub struct StoreService<'a, 'p, X, L, const R: usize, const W: usize> {
    store: &'a X,
    page: &'p SharedPage,
    shape: PhantomData<fn(Store<'p, L, R, W>)>,
}

impl<'a, 'p, X, L, const R: usize, const W: usize> StoreService<'a, 'p, X, L, R, W>
where
    X: Exclusive<Store<'p, L, R, W>>,
    L: HostLink + 'p,
{
    /// Puts the store and the page of its ring together.
    pub const fn new(store: &'a X, page: &'p SharedPage) -> Self {
        Self { store, page, shape: PhantomData }
    }

    /// Finds the way to the server again.
    fn reconnect(store: &mut Store<'p, L, R, W>, page: &'p SharedPage) -> Result<(), Option<Errno>> {
        let gfn = patiently(|| store.link().ring_gfn()).map_err(said)?;
        if gfn != page.gfn() {
            return Err(None);
        }
        patiently(|| store.link().connect()).map_err(said)?;
        store.rebuild(page).map_err(|_| None)
    }
}

impl<'p, X, L, const R: usize, const W: usize> CoreService for StoreService<'_, 'p, X, L, R, W>
where
    X: Exclusive<Store<'p, L, R, W>>,
    L: HostLink + 'p,
{
    fn rebuild(&mut self, stage: Stage, _class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage != Stage::Store {
            return Ok(());
        }
        let done = self.store.with(|store| Self::reconnect(store, self.page));
        done.map_err(|errno| Fatal { stage, errno })
    }
}

/// How often Xen is asked for the way to xenstore: without it the guest hears of nothing any more.
const ATTEMPTS: u8 = 3;

/// Asks again if Xen says no. The questions change nothing.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, LinkError>) -> Result<T, LinkError> {
    let mut answer = ask();
    for _ in 1..ATTEMPTS {
        if !matches!(answer, Err(LinkError::Xen(_))) {
            break;
        }
        answer = ask();
    }
    answer
}

const fn said(error: LinkError) -> Option<Errno> {
    match error {
        LinkError::Xen(errno) => Some(errno),
        _ => None,
    }
}

impl<X, L, const R: usize, const W: usize> fmt::Debug for StoreService<'_, '_, X, L, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreService").field("page", &self.page).finish_non_exhaustive()
    }
}
