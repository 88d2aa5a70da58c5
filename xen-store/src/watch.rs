//! The table of watches.

use core::fmt::Write;

use xen_hypercall::Nanos;

use crate::exchange::{Exchange, Stage, id};
use crate::text::Text;
use crate::wire::{Header, narrow};
use crate::{Depth, Features, MessageType, Path, PathBuf, Place, Refusal, StoreError, WatchId, decode, depth};

/// The longest path that can be watched, in bytes.
pub const WATCHED_PATH_MAX: usize = 256;

/// How long a watch is relied on where something is waited for: servers lose events.
pub(crate) const REREAD: Nanos = Nanos::from_secs(1);

/// How often the server is told of the end of a watch, should it refuse.
const FAREWELLS: u8 = 3;

/// A path, a token of 8 digits, a depth of at most 5, and their three NULs.
pub(crate) const WATCH_BODY_MAX: usize = WATCHED_PATH_MAX + 16;
pub(crate) type WatchBody = Text<WATCH_BODY_MAX>;

/// How a watch stands with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchStatus {
    /// The server does not know it, and was not told: the connection was replaced.
    Unregistered,
    /// The server was told, or will be with the next bytes.
    Registering,
    /// Changes are reported.
    Registered,
    /// The server did not take it.
    Refused(StoreError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Free,
    Keep,
    /// To be freed as soon as the server forgot it.
    Drop,
}

#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) exchange: Exchange,
    wish: Wish,
    generation: u32,
    path: Option<PathBuf<WATCHED_PATH_MAX>>,
    depth: Option<Depth>,
    standing: WatchStatus,
    pending: Option<Place>,
    /// How often the server was told that it is over.
    farewells: u8,
    /// When there was an event last.
    since: Nanos,
    /// There was one since time was told.
    fresh: bool,
}

impl Watch {
    pub(crate) const fn new() -> Self {
        Self {
            exchange: Exchange::new(),
            wish: Wish::Free,
            generation: 1,
            path: None,
            depth: None,
            standing: WatchStatus::Unregistered,
            pending: None,
            farewells: 0,
            since: Nanos::ZERO,
            fresh: true,
        }
    }

    pub(crate) fn is_free(&self) -> bool {
        self.wish == Wish::Free
    }

    /// Tells whether the caller wants it, and the server did not take it, or did not say so.
    pub(crate) const fn is_missing(&self) -> bool {
        let refused = matches!((self.exchange.stage, self.standing), (Stage::Idle, WatchStatus::Refused(_)));
        matches!(self.wish, Wish::Keep) && (refused || matches!(self.exchange.stage, Stage::Overtaken))
    }

    /// Tells whether the caller wants it still.
    pub(crate) fn is_kept(&self) -> bool {
        self.wish == Wish::Keep
    }

    pub(crate) fn path(&self) -> Option<Path<'_>> {
        self.path.as_ref().map(PathBuf::as_path)
    }

    pub(crate) fn token(&self, index: usize) -> u32 {
        id(narrow(index), self.generation)
    }

    /// Returns the body of the request to watch, or to watch no more.
    pub(crate) fn body(&self, index: usize, offered: Features) -> WatchBody {
        let mut body = WatchBody::new();
        let Some(path) = self.path else { return body };
        // A path of the longest kind fits by the buffer's size.
        let _fits = write!(body, "{path}\0{:08x}\0", self.token(index));
        let limits = self.exchange.kind == MessageType::Watch && offered.contains(Features::WATCH_DEPTH);
        if let Some(Depth(depth)) = self.depth.filter(|_| limits) {
            let _fits = write!(body, "{depth}\0");
        }
        body
    }

    pub(crate) fn take(&mut self, path: PathBuf<WATCHED_PATH_MAX>, depth: Option<Depth>) {
        self.wish = Wish::Keep;
        self.depth = Depth::of(path.as_path(), depth);
        self.path = Some(path);
        self.pending = None;
        self.fresh = true;
    }

    /// Has the server told, unless it would take the path and say nothing.
    pub(crate) fn register(&mut self, order: u64, offered: Features) {
        let missing = self.path().map_or(Features::empty(), depth::needs).difference(offered);
        if missing.is_empty() {
            self.standing = WatchStatus::Registering;
            self.exchange.start(MessageType::Watch, 0, order);
        } else {
            self.standing = WatchStatus::Refused(StoreError::NotOffered(missing));
            self.exchange.stage = Stage::Idle;
        }
    }

    /// Has the caller read again, if there was no event for so long.
    pub(crate) fn handle_time(&mut self, now: Nanos, period: Nanos) {
        if core::mem::take(&mut self.fresh) {
            self.since = now;
        } else if self.is_kept() && self.since.after(period) <= now {
            self.since = now;
            self.pending = self.pending.or(Some(Place::Itself));
        }
    }

    /// Returns when the caller is to read again, time having been told last at `told`.
    pub(crate) fn next(&self, told: Nanos, period: Nanos) -> Option<Nanos> {
        let since = if self.fresh { told } else { self.since };
        self.is_kept().then(|| since.after(period))
    }

    pub(crate) const fn status(&self) -> WatchStatus {
        self.standing
    }

    /// Ends the caller's interest; the entry is free once the server has forgotten it.
    pub(crate) fn drop_it(&mut self, order: u64) {
        self.wish = Wish::Drop;
        self.pending = None;
        match (self.exchange.stage, self.standing) {
            (Stage::Idle, WatchStatus::Registered) | (Stage::Overtaken, _) => self.farewell(order),
            (Stage::Idle | Stage::Staged(_), _) => self.free(),
            (Stage::Sending | Stage::Sent, _) => {}
        }
    }

    /// Tells the server that it is over, unless it was told often enough.
    const fn farewell(&mut self, order: u64) {
        if self.farewells >= FAREWELLS {
            return self.free();
        }
        self.farewells = self.farewells.saturating_add(1);
        self.exchange.start(MessageType::Unwatch, 0, order);
    }

    /// Takes note that a later request, of order `answered`, was answered; what is to be sent for it comes at `order`.
    pub(crate) fn overtaken(&mut self, answered: u64, order: u64) {
        if !self.exchange.falls_behind(answered) {
            return;
        }
        self.exchange.stage = Stage::Overtaken;
        if self.wish == Wish::Drop {
            // It may have been registered, or not be forgotten yet.
            self.farewell(order);
        }
    }

    /// Takes the server's answer in.
    pub(crate) fn answer(&mut self, header: &Header, body: &[u8], order: u64) {
        let outcome = self.exchange.judge(header, body);
        self.exchange.stage = Stage::Idle;
        if self.exchange.kind == MessageType::Unwatch {
            return match outcome {
                Ok(()) | Err(StoreError::Said(Refusal::NoEntry)) => self.free(),
                // The server has it still, and counts it.
                Err(_) => self.farewell(order),
            };
        }
        self.standing = match outcome {
            Ok(()) => WatchStatus::Registered,
            Err(StoreError::Said(Refusal::Exists)) => {
                // The server has it from before and sends no first event, so make one.
                self.note(Place::Itself);
                WatchStatus::Registered
            }
            Err(error) => WatchStatus::Refused(error),
        };
        if self.wish == Wish::Drop {
            self.drop_it(order);
        }
    }

    /// Forgets what the server knew: the connection is over.
    pub(crate) fn abort(&mut self) {
        self.exchange.stage = Stage::Idle;
        self.standing = WatchStatus::Unregistered;
        if self.wish == Wish::Drop {
            self.free();
        }
    }

    pub(crate) fn event(&mut self, path: &[u8]) {
        let Some(watched) = self.path else { return };
        if self.depth.is_none_or(|depth| depth.reaches(watched.as_path(), path)) {
            self.note(Place::parse(watched.as_path(), path));
        }
    }

    pub(crate) const fn has_event(&self) -> bool {
        self.pending.is_some()
    }

    pub(crate) const fn take_event(&mut self) -> Option<Place> {
        self.pending.take()
    }

    fn note(&mut self, place: Place) {
        self.fresh = true;
        self.pending = Some(self.pending.map_or(place, |pending| pending.merge(place)));
    }

    const fn free(&mut self) {
        self.exchange.stage = Stage::Idle;
        self.wish = Wish::Free;
        self.path = None;
        self.farewells = 0;
        self.generation = self.generation.wrapping_add(1);
    }
}

/// Forgets what a watch told.
pub(crate) fn forget(watches: &mut [Watch], id: WatchId) {
    let index = id.place();
    if let Some(watch) = watches.get_mut(index).filter(|watch| watch.token(index) == id.0) {
        watch.take_event();
    }
}

/// Gives an event to its watch; `false` if it makes no sense or its watch is none of ours any more.
pub(crate) fn deliver(watches: &mut [Watch], body: &[u8]) -> bool {
    let Some((path, token)) = decode::event(body) else { return false };
    let Some(token) = parse_token(token) else { return false };
    let index = crate::exchange::place(token);
    match watches.get_mut(index) {
        Some(watch) if watch.is_kept() && watch.token(index) == token => {
            watch.event(path);
            true
        }
        _ => false,
    }
}

fn parse_token(token: &[u8]) -> Option<u32> {
    let digits: &[u8; 8] = token.try_into().ok()?;
    let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = core::str::from_utf8(digits).ok().filter(|_| digits.iter().all(lower))?;
    u32::from_str_radix(text, 16).ok()
}
