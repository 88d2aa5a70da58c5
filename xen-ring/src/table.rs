//! The private table of requests: the only source of truth about what was asked.
#![expect(unsafe_code, reason = "the two ends of a table, of which there is one each")]

use core::array;
use core::fmt;
use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::entry::{Entry, Header};
use crate::index::{Index, wide};
use crate::misbehaved::Code;
use crate::protocol::IdWidth;
use crate::sync::{AtomicU32, Passing, acquire, release};
use crate::{Misbehaved, Protocol, RequestId, Unanswered};

/// Storage for the requests of a [`Front`](crate::Front), at most `N`; it holds the payload `T` of each.
///
/// It is an argument, so that a ring needs no allocator, and may live where the two halves of a front find it.
pub struct Requests<P: Protocol, T, const N: usize> {
    entries: [Entry<(P::Kind, T)>; N],
    /// Which place request number `n` takes, at `n` modulo the ring's size: filled by answer number `n - size`.
    free: [AtomicU32; N],
    /// Places of requests without id, oldest first, from `unnamed_taken` (the complete half's) to `unnamed_put`.
    unnamed: [AtomicU32; N],
    unnamed_put: Line<AtomicU32>,
    published: Line<AtomicU32>,
    consumed: Line<AtomicU32>,
    fault: Line<[AtomicU32; 4]>,
}

/// A cache line of its own, so that the halves do not disturb each other.
#[repr(align(64))]
struct Line<A>(A);

impl<P: Protocol, T, const N: usize> Requests<P, T, N> {
    /// Makes an empty table.
    #[must_use]
    pub fn new() -> Self {
        let words = || array::from_fn(|_| AtomicU32::new(0));
        let line = || Line(AtomicU32::new(0));
        Self {
            entries: array::from_fn(|_| Entry::new()),
            free: words(),
            unnamed: words(),
            unnamed_put: line(),
            published: line(),
            consumed: line(),
            fault: Line(array::from_fn(|_| AtomicU32::new(0))),
        }
    }

    /// Empties the table for a ring of `size` slots at `start`, and makes its two ends.
    pub(crate) fn ends(&mut self, start: Index, size: u32) -> (Putter<'_, P, T, N>, Taker<'_, P, T, N>) {
        self.clear();
        let table = &*self;
        for (word, place) in table.free.iter().zip(0..) {
            word.store(place, Relaxed);
        }
        for word in [&table.published, &table.consumed] {
            word.0.store(start.raw(), Relaxed);
        }
        table.fault.0.iter().chain([&table.unnamed_put.0]).for_each(|word| word.store(0, Relaxed));
        let taker = Taker { table, size, unnamed_taken: Index::new(0) };
        (Putter { table }, taker)
    }

    fn clear(&mut self) {
        for entry in &self.entries {
            let header = entry.header();
            if header.is_taken() {
                // SAFETY: the borrow is exclusive, and the entry is taken.
                drop(unsafe { entry.take(header) });
            }
        }
    }

    /// The capacity is a power of two, so that a place is brought within it by a mask.
    const MASK: usize = {
        assert!(N.is_power_of_two(), "the capacity is a power of two");
        N.wrapping_sub(1)
    };

    #[inline]
    fn word<'w>(&self, words: &'w [AtomicU32; N], at: u32) -> &'w AtomicU32 {
        words.get(wide(at) & Self::MASK).unwrap_or_else(|| unreachable!("masked"))
    }

    /// Returns the entry at one of our own places.
    #[inline]
    fn entry(&self, place: u32) -> &Entry<(P::Kind, T)> {
        self.entries.get(wide(place) & Self::MASK).unwrap_or_else(|| unreachable!("masked"))
    }

    fn reason(&self) -> Option<Misbehaved> {
        let [kind, a, b, c] = &self.fault.0;
        let kind = kind.load(acquire(Passing::Reason));
        Misbehaved::decode([kind, a.load(Relaxed), b.load(Relaxed), c.load(Relaxed)])
    }
}

impl<P: Protocol, T, const N: usize> Drop for Requests<P, T, N> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<P: Protocol, T, const N: usize> Default for Requests<P, T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Protocol, T, const N: usize> fmt::Debug for Requests<P, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requests").field(&N).finish()
    }
}

/// The submit half's end of a table. There is one for a table: it comes from an exclusive borrow and is no `Clone`.
#[derive(Debug)]
pub(crate) struct Putter<'r, P: Protocol, T, const N: usize> {
    table: &'r Requests<P, T, N>,
}

impl<P: Protocol, T, const N: usize> Putter<'_, P, T, N> {
    /// Returns how far the complete half is; slots and places before that are ours again.
    #[inline]
    pub(crate) fn consumed(&self) -> Index {
        // Pairs with the release in `Taker::consume`.
        Index::new(self.table.consumed.0.load(acquire(Passing::Place)))
    }

    /// Returns the reason, once the complete half found that the peer misbehaves.
    #[inline]
    pub(crate) fn sound(&self) -> Result<(), Misbehaved> {
        let [kind, ..] = &self.table.fault.0;
        if kind.load(Relaxed) == 0 { Ok(()) } else { self.table.reason().map_or(Ok(()), Err) }
    }

    /// Tells whether both are ends of one table.
    pub(crate) fn is_of(&self, taker: &Taker<'_, P, T, N>) -> bool {
        core::ptr::eq(self.table, taker.table)
    }

    /// Puts in a request, for whose number and slot [`Putter::consumed`] said that there is room, and returns its id.
    #[inline]
    pub(crate) fn put(&mut self, (number, slot): (Index, u32), kind: P::Kind, payload: T) -> RequestId {
        let place = if P::IN_ORDER { slot } else { self.table.word(&self.table.free, slot).load(Relaxed) };
        // SAFETY: the one `Putter` of the table is borrowed mutably.
        match unsafe { self.table.entry(place).put(number, (kind, payload)) } {
            Ok(generation) => IdWidth::of::<P>().pack(place, generation),
            Err(_) => unreachable!("a free place for each slot that was consumed"),
        }
    }

    /// Notes that the request just put into a slot has no id on the wire.
    pub(crate) fn unname(&mut self, slot: u32) {
        let table = self.table;
        let place = table.word(&table.free, slot).load(Relaxed);
        let at = Index::new(table.unnamed_put.0.load(Relaxed));
        // No more are outstanding than there are places.
        table.word(&table.unnamed, at.raw()).store(place, Relaxed);
        // Place before count; pairs with the acquire in `Taker::oldest_unnamed`.
        table.unnamed_put.0.store(at.plus(1).raw(), Release);
    }

    /// Tells the complete half how far it may believe the peer.
    ///
    /// Relaxed: what the peer answers, it read in the page, where it is told after this with release.
    #[inline]
    pub(crate) fn publish(&mut self, upto: Index) {
        self.table.published.0.store(upto.raw(), Relaxed);
    }
}

/// The complete half's end of a table. There is one for a table: it comes from an exclusive borrow and is no `Clone`.
#[derive(Debug)]
pub(crate) struct Taker<'r, P: Protocol, T, const N: usize> {
    table: &'r Requests<P, T, N>,
    size: u32,
    unnamed_taken: Index,
}

impl<P: Protocol, T, const N: usize> Taker<'_, P, T, N> {
    const WIDTH: IdWidth = IdWidth::of::<P>();

    /// Returns how far the submit half has published.
    #[inline]
    pub(crate) fn published(&self) -> Index {
        Index::new(self.table.published.0.load(Relaxed))
    }

    /// Takes out the request that the answer in a slot settles, if it was published and the answer fits.
    #[inline]
    pub(crate) fn settle(&mut self, response: &P::Response, slot: u32) -> Result<T, Misbehaved> {
        let named = P::id(response);
        let place = match named {
            _ if P::IN_ORDER => slot,
            Some(id) => Self::WIDTH.place(id).ok_or(Misbehaved::UnknownId(id))?,
            None => self.oldest_unnamed()?,
        };
        let id = named.unwrap_or(RequestId(0));
        let entry = self.table.entries.get(wide(place)).ok_or(Misbehaved::UnknownId(id))?;
        let header = entry.header();
        if !header.is_taken() || header.number().is_within(self.published(), self.size) {
            return Err(if named.is_some() { Misbehaved::NotOutstanding(id) } else { Misbehaved::NothingUnnamed });
        }
        if let Some(id) = named {
            check::<P>(id, place, header)?;
        }
        // SAFETY: taken, and the one `Taker` of the table is borrowed mutably.
        let fits = named.is_none() || unsafe { entry.peek(|(kind, _)| P::answers(response, *kind)) };
        if !fits {
            return Err(Misbehaved::WrongKind(id));
        }
        // SAFETY: as above.
        let (_, payload) = unsafe { entry.take(header) };
        if named.is_none() {
            self.unnamed_taken = self.unnamed_taken.plus(1);
        }
        if !P::IN_ORDER {
            self.table.word(&self.table.free, slot).store(place, Relaxed);
        }
        Ok(payload)
    }

    /// Gives the slots and the places before `upto` to the submit half.
    #[inline]
    pub(crate) fn consume(&mut self, upto: Index) {
        // The answer was copied and its place noted before; pairs with the acquire in `Putter::consumed`.
        self.table.consumed.0.store(upto.raw(), release(Passing::Place));
    }

    /// Tells the submit half that the peer misbehaves.
    #[cold]
    pub(crate) fn poison(&mut self, reason: Misbehaved) -> Misbehaved {
        let code: Code = reason.encode();
        for (word, value) in self.table.fault.0.iter().zip(code).skip(1) {
            word.store(value, Relaxed);
        }
        let [kind, ..] = &self.table.fault.0;
        // The rest of the reason before its kind; pairs with the acquire in `Requests::reason`.
        kind.store(code.first().copied().unwrap_or_default(), release(Passing::Reason));
        reason
    }

    fn oldest_unnamed(&self) -> Result<u32, Misbehaved> {
        let put = Index::new(self.table.unnamed_put.0.load(acquire(Passing::Place)));
        if put.since(self.unnamed_taken) == 0 {
            return Err(Misbehaved::NothingUnnamed);
        }
        Ok(self.table.word(&self.table.unnamed, self.unnamed_taken.raw()).load(Relaxed))
    }

    /// Takes out the oldest request that is not younger than `upto`, with its kind; both ends are with the caller.
    pub(crate) fn oldest(&mut self, upto: Upto) -> Option<Left<P, T>> {
        let published = self.published();
        // Where the numbers wrap: nothing is younger than the last that could be staged.
        let end = published.plus(self.size);
        let entry = self.taken(upto).min_by_key(|entry| entry.header().number().since(end))?;
        let header = entry.header();
        let staged = header.number().is_within(published, self.size);
        // SAFETY: taken, and the one `Taker` of the table is borrowed mutably.
        let (kind, payload) = unsafe { entry.take(header) };
        Some((kind, if staged { Unanswered::Staged(payload) } else { Unanswered::Published(payload) }))
    }

    /// Counts the requests that are not younger than `upto`.
    pub(crate) fn count(&self, upto: Upto) -> usize {
        self.taken(upto).count()
    }

    fn taken(&self, upto: Upto) -> impl Iterator<Item = &Entry<(P::Kind, T)>> {
        let (published, size) = (self.published(), self.size);
        self.table.entries.iter().filter(move |entry| {
            let header = entry.header();
            header.is_taken() && !(matches!(upto, Upto::Published) && header.number().is_within(published, size))
        })
    }
}

/// How far requests count.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Upto {
    /// Those that the peer was told of.
    Published,
    /// All.
    Staged,
}

/// A request without answer, and what an answer should have agreed with.
pub(crate) type Left<P, T> = (<P as Protocol>::Kind, Unanswered<T>);

/// Compares what an answer names with what its place holds.
#[inline]
fn check<P: Protocol>(id: RequestId, place: u32, header: Header) -> Result<(), Misbehaved> {
    let width = IdWidth::of::<P>();
    if P::IN_ORDER && width.place(id) != Some(place) {
        return Err(Misbehaved::OutOfOrder(id));
    }
    if width.is_of(id, header.generation()) { Ok(()) } else { Err(Misbehaved::Stale(id)) }
}
