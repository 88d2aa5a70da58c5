//! The core: what is asked, what is answered, and nothing of how bytes travel.

mod end;
mod features;
mod receive;
mod reset;
mod submit;
mod suspend;
mod time;
mod transmit;
mod watches;

use xen_hypercall::Nanos;

use crate::exchange::{Exchange, PLACES};
use crate::outgoing::Outgoing;
use crate::slot::Slot;
use crate::watch::Watch;
use crate::watchdog::Watchdog;
use crate::{Fault, Features, Parser, StoreError};

/// A session with a xenstore server, without input or output: up to `REQUESTS` requests in flight, and `WATCHES` watches.
///
/// Its verbs: [`submit`](Self::submit), [`end`](Self::end), [`watch`](Self::watch), [`unwatch`](Self::unwatch) ask;
/// [`poll_transmit`](Self::poll_transmit) gives bytes for the ring and [`handle_bytes`](Self::handle_bytes) takes bytes
/// from it; [`poll_reply`](Self::poll_reply) and [`poll_event`](Self::poll_event) give what came of it.
/// [`handle_time`](Self::handle_time) tells the time, [`poll_deadline`](Self::poll_deadline) when to tell it next, and
/// [`poll_kick`](Self::poll_kick) when to notify the server once more. Nothing blocks, allocates, sleeps or reads a clock.
///
/// # Memory
/// Nothing is allocated: all is in this value. On a 64-bit machine it takes 4240 bytes a request in flight, 464 bytes a watch,
/// and 4568 bytes besides: 28 952 for the default of 4 requests and 16 watches. Put it where that fits, for instance in a
/// `static`.
///
/// # Example
/// ```
/// use xen_store::{Answer, Core, Header, Path, Request};
///
/// let mut core: Core<2, 2> = Core::new();
/// let ticket = core.submit(Request::Read(Path::literal("domid")), None)?;
///
/// let sent = core.poll_transmit().expect("the request").to_vec();
/// core.handle_transmitted(sent.len());
/// // The server answers: the same header, and the value.
/// let header = Header { len: 1, ..Header::decode(sent.first_chunk().expect("a header")) };
/// core.handle_bytes(&header.encode())?;
/// core.handle_bytes(b"7")?;
///
/// let Answer::Done(Ok(reply)) = core.poll_reply(ticket) else { panic!("not answered") };
/// assert_eq!(reply.value(), b"7");
/// # Ok::<(), xen_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Core<const REQUESTS: usize = 4, const WATCHES: usize = 16> {
    slots: [Slot; REQUESTS],
    watches: [Watch; WATCHES],
    parser: Parser,
    out: Outgoing,
    order: u64,
    session: u32,
    gate: Gate,
    poison: Option<Fault>,
    doomed: [u32; 4],
    /// Transactions that have begun for somebody and were not told to end.
    open: usize,
    features: Features,
    /// How many requests may be with the server.
    window: usize,
    watchdog: Watchdog,
    /// A request may have a deadline.
    expires: bool,
    /// A slot is kept back.
    keeps: bool,
    /// The time, as it was told last.
    now: Nanos,
    /// After how long without an event a watch has one.
    reread: Nanos,
    next_event: usize,
    counters: Counters,
}

// What the documentation says of its size.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Slot>() <= 4240 && size_of::<Watch>() <= 464);
    assert!(size_of::<Core<0, 0>>() <= 4568 && size_of::<Core>() <= 4568 + 4 * 4240 + 16 * 464);
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Fenced,
}

/// What a session has counted; no counter wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages sent whole.
    pub sent: u64,
    /// Answers to nothing that was asked, since the connection began.
    pub strays: u32,
    /// Watch events that made no sense or came for no watch of ours.
    pub ignored_events: u32,
}

impl<const REQUESTS: usize, const WATCHES: usize> Default for Core<REQUESTS, WATCHES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Starts a session; at most 4096 requests and watches together, which the compiler checks.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(REQUESTS <= PLACES && WATCHES <= PLACES.saturating_sub(REQUESTS), "at most 4096 together") }
        Self {
            slots: [const { Slot::new() }; REQUESTS],
            watches: [const { Watch::new() }; WATCHES],
            parser: Parser::new(),
            out: Outgoing::new(),
            order: 0,
            session: 0,
            gate: Gate::Open,
            poison: None,
            doomed: [0; 4],
            open: 0,
            features: Features::empty(),
            window: usize::MAX,
            watchdog: Watchdog::new(),
            expires: false,
            keeps: false,
            now: Nanos::ZERO,
            reread: Nanos::MAX,
            next_event: 0,
            counters: Counters { sent: 0, strays: 0, ignored_events: 0 },
        }
    }

    /// Returns what the session has counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Ends the session because of something outside of the bytes, such as an impossible index of the ring.
    ///
    /// Everything under way is completed with [`StoreError::Poisoned`]; only [`epoch_changed`](Self::epoch_changed), on a
    /// new connection, helps.
    pub fn handle_fault(&mut self, fault: Fault) {
        if self.poison.is_none() {
            self.poison = Some(fault);
            self.abort(StoreError::Poisoned(fault));
        }
    }

    /// Refuses everything if the session is over.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`] with the reason.
    pub fn check(&self) -> Result<(), StoreError> {
        self.poison.map_or(Ok(()), |fault| Err(StoreError::Poisoned(fault)))
    }

    /// Refuses new requests if the session is over or fenced.
    pub(crate) fn admit(&self) -> Result<(), StoreError> {
        self.check()?;
        match self.gate {
            Gate::Open => Ok(()),
            Gate::Fenced => Err(StoreError::Fenced),
        }
    }

    fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.slots.iter().map(|slot| &slot.exchange).chain(self.watches.iter().map(|watch| &watch.exchange))
    }

    /// Comes after another session on the same rings, of at most so many messages: their answers, which may be still to come,
    /// are not to be taken for ours.
    pub(crate) fn follow(&mut self, messages: u32) {
        self.slots.iter_mut().for_each(|slot| slot.exchange.skip(messages));
        self.watches.iter_mut().for_each(|watch| watch.exchange.skip(messages));
    }

    const fn next_order(&mut self) -> u64 {
        self.order = self.order.wrapping_add(1);
        self.order
    }

    fn abort(&mut self, error: StoreError) {
        self.slots.iter_mut().for_each(|slot| slot.abort(error));
        self.watches.iter_mut().for_each(Watch::abort);
        self.out.clear();
        self.parser.clear();
    }
}
