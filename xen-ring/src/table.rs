//! The private table of requests: the only source of truth about what was asked.
#![expect(unsafe_code, reason = "the two ends of a table, of which there is one each")]

use core::array;
use core::fmt;
use core::sync::atomic::Ordering::{Relaxed, Release};

use crate::entry::Entry;
use crate::index::{Index, Number, wide};
use crate::misbehaved::Code;
use crate::protocol::IdWidth;
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Passing, acquire, release};
use crate::{Misbehaved, Protocol, RequestId, Unanswered};

/// Storage for the requests of a [`Front`](crate::Front), at most `N`; it holds the payload `T` of each.
///
/// It is an argument, so that a ring needs no allocator, and may live where the two halves of a front find it.
pub struct Requests<P: Protocol, T, const N: usize> {
    entries: [Entry<(P::Kind, T)>; N],
    /// Which place request number `n` takes, at `n` modulo the ring's size: filled by answer number `n - size`.
    free: [AtomicUsize; N],
    /// Places of requests without id, oldest first, from `unnamed_taken` (the complete half's) to `unnamed_put`.
    unnamed: [AtomicUsize; N],
    unnamed_put: Line<AtomicU32>,
    /// What the peer may answer: the requests before this number.
    published: Line<AtomicU64>,
    /// What can be staged: the requests before this number, and none once the peer was found to lie.
    limit: Line<AtomicU64>,
    fault: Line<[AtomicU32; 4]>,
}

/// A cache line of its own, so that the halves do not disturb each other.
#[repr(align(64))]
struct Line<A>(A);

impl<P: Protocol, T, const N: usize> Requests<P, T, N> {
    /// Makes an empty table.
    #[must_use]
    pub fn new() -> Self {
        let words = || array::from_fn(|_| AtomicUsize::new(0));
        let line = || Line(AtomicU64::new(0));
        let mut places = 0..;
        Self {
            entries: array::from_fn(|_| Entry::new(places.next().unwrap_or_default())),
            free: words(),
            unnamed: words(),
            unnamed_put: Line(AtomicU32::new(0)),
            published: line(),
            limit: line(),
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
        let start = Number::starting_at(start);
        let limit = start.plus(size);
        table.published.0.store(start.raw(), Relaxed);
        table.limit.0.store(limit.raw(), Relaxed);
        table.fault.0.iter().chain([&table.unnamed_put.0]).for_each(|word| word.store(0, Relaxed));
        let taker = Taker { table, size, bound: start, limit, unnamed_taken: Index::new(0) };
        (Putter { table }, taker)
    }

    fn clear(&mut self) {
        for entry in self.entries.iter().filter(|entry| entry.is_taken()) {
            // SAFETY: the borrow is exclusive, and the entry is taken.
            drop(unsafe { entry.take() });
        }
    }

    /// The capacity is a power of two, so that a place is brought within it by a mask.
    const MASK: usize = {
        assert!(N.is_power_of_two(), "the capacity is a power of two");
        N.wrapping_sub(1)
    };

    #[inline]
    fn word<'w>(&self, words: &'w [AtomicUsize; N], at: usize) -> &'w AtomicUsize {
        words.get(at & Self::MASK).unwrap_or_else(|| unreachable!("masked"))
    }

    /// Returns the entry at a place.
    #[inline]
    fn entry(&self, place: usize) -> &Entry<(P::Kind, T)> {
        self.entries.get(place & Self::MASK).unwrap_or_else(|| unreachable!("masked"))
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
    /// Lends itself, so that a loop has it in registers.
    #[inline]
    pub(crate) const fn lend(&mut self) -> Putter<'_, P, T, N> {
        Putter { table: self.table }
    }

    /// Returns the first number for which the complete half has given no slot and no place back.
    #[inline]
    pub(crate) fn limit(&self) -> Number {
        // Pairs with the release in `Taker::consume`.
        Number::new(self.table.limit.0.load(acquire(Passing::Place)))
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

    /// Puts in a request, for whose number [`Putter::limit`] said that there is room, and returns its id.
    #[inline]
    pub(crate) fn put(&mut self, (number, slot): (Number, usize), kind: P::Kind, payload: T) -> RequestId {
        let width = IdWidth::of::<P>();
        let place = if P::IN_ORDER { slot } else { self.table.word(&self.table.free, slot).load(Relaxed) };
        // SAFETY: the one `Putter` of the table is borrowed mutably.
        match unsafe { self.table.entry(place).put(number, width.step(), (kind, payload)) } {
            Ok(id) => width.wire(id),
            Err(_) => unreachable!("a free place for each slot that was consumed"),
        }
    }

    /// Notes that the request just put into a slot has no id on the wire.
    pub(crate) fn unname(&mut self, slot: usize) {
        let table = self.table;
        let place = table.word(&table.free, slot).load(Relaxed);
        let at = Index::new(table.unnamed_put.0.load(Relaxed));
        // No more are outstanding than there are places.
        table.word(&table.unnamed, wide(at.raw())).store(place, Relaxed);
        // Place before count; pairs with the acquire in `Taker::oldest_unnamed`.
        table.unnamed_put.0.store(at.plus(1).raw(), Release);
    }

    /// Tells the complete half how far it may believe the peer.
    ///
    /// Relaxed: what the peer answers, it read in the page, where it is told after this with release.
    #[inline]
    pub(crate) fn publish(&mut self, upto: Number) {
        self.table.published.0.store(upto.raw(), Relaxed);
    }
}

/// The complete half's end of a table. There is one for a table: it comes from an exclusive borrow and is no `Clone`.
#[derive(Debug)]
pub(crate) struct Taker<'r, P: Protocol, T, const N: usize> {
    table: &'r Requests<P, T, N>,
    size: u32,
    /// What the peer could answer when its index was last loaded.
    bound: Number,
    /// What the submit half was last told.
    limit: Number,
    unnamed_taken: Index,
}

impl<P: Protocol, T, const N: usize> Taker<'_, P, T, N> {
    /// Lends what settles answers, so that a loop has it in registers.
    #[inline]
    pub(crate) const fn lend(&mut self) -> Settler<'_, P, T, N> {
        Settler { table: self.table, bound: self.bound, unnamed_taken: &mut self.unnamed_taken }
    }

    /// Returns how far the submit half has published.
    #[inline]
    pub(crate) fn published(&self) -> Number {
        Number::new(self.table.published.0.load(Relaxed))
    }

    /// Returns how far past an index the peer's may be; to be asked after that was loaded.
    ///
    /// What was published bounds the answers, not the ring's size. Loaded after the peer's index, it is at least as new as
    /// what the peer saw, and good for all answers before that index.
    #[inline]
    pub(crate) fn allowed(&mut self, seen: Index) -> u32 {
        self.bound = self.published();
        self.bound.index().since(seen)
    }

    /// Gives the slots and the places of what was consumed to the submit half.
    #[inline]
    pub(crate) fn consume(&mut self, cons: Index) {
        self.limit = self.limit.at(cons.plus(self.size));
        // The answers were copied and their places noted before; pairs with the acquire in `Putter::limit`.
        self.table.limit.0.store(self.limit.raw(), release(Passing::Place));
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
        // The reason before the end of all room, for which the submit half asks the reason.
        self.table.limit.0.store(Number::NONE.raw(), release(Passing::Reason));
        reason
    }

    /// Takes out the oldest request that is not younger than `upto`, with its kind; both ends are with the caller.
    pub(crate) fn oldest(&mut self, upto: Upto) -> Option<Left<P, T>> {
        let entry = self.taken(upto).min_by_key(|entry| entry.number())?;
        let staged = entry.number() >= self.published();
        // SAFETY: taken, and the one `Taker` of the table is borrowed mutably.
        let (kind, payload) = unsafe { entry.take() };
        Some((kind, if staged { Unanswered::Staged(payload) } else { Unanswered::Published(payload) }))
    }

    /// Counts the requests that are not younger than `upto`.
    pub(crate) fn count(&self, upto: Upto) -> usize {
        self.taken(upto).count()
    }

    fn taken(&self, upto: Upto) -> impl Iterator<Item = &Entry<(P::Kind, T)>> {
        let end = match upto {
            Upto::Published => self.published(),
            Upto::Staged => Number::NEVER,
        };
        self.table.entries.iter().filter(move |entry| entry.number() < end)
    }
}

/// The part of a [`Taker`] that settles answers, of which there is one while it is lent.
#[derive(Debug)]
pub(crate) struct Settler<'t, P: Protocol, T, const N: usize> {
    table: &'t Requests<P, T, N>,
    bound: Number,
    unnamed_taken: &'t mut Index,
}

impl<P: Protocol, T, const N: usize> Settler<'_, P, T, N> {
    const WIDTH: IdWidth = IdWidth::of::<P>();

    /// Takes out the request that the answer in a slot settles, if it was published and the answer fits.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        response: &P::Response,
        named: Option<RequestId>,
        slot: usize,
    ) -> Result<T, Misbehaved> {
        let place = match named {
            _ if P::IN_ORDER => slot,
            // Masked for now: an id that is too large is not the one in the entry either.
            Some(id) => low(id.0) & Requests::<P, T, N>::MASK,
            None => self.oldest_unnamed()?,
        };
        let entry = self.table.entry(place);
        // A free one has a number after all others; and no id is compared before the number was seen.
        if entry.number() >= self.bound || named.is_some_and(|named| Self::WIDTH.wire(entry.id()) != named) {
            return Err(self.refusal(named, slot));
        }
        if let Some(id) = named {
            // SAFETY: taken, and the one `Taker` of the table is borrowed by this one.
            let fits = unsafe { entry.peek(|(kind, _)| P::answers(response, *kind)) };
            if !fits {
                return Err(Misbehaved::WrongKind(id));
            }
        } else {
            *self.unnamed_taken = self.unnamed_taken.plus(1);
        }
        if !P::IN_ORDER {
            self.table.word(&self.table.free, slot).store(place, Relaxed);
        }
        // SAFETY: as above.
        let (_, payload) = unsafe { entry.take() };
        Ok(payload)
    }

    /// Says what is wrong with an answer that names no request of its place.
    #[cold]
    fn refusal(&self, named: Option<RequestId>, slot: usize) -> Misbehaved {
        let Some(id) = named else { return Misbehaved::NothingUnnamed };
        let place = Self::WIDTH.place(id);
        let at = if P::IN_ORDER { Some(slot) } else { place };
        match at.and_then(|at| self.table.entries.get(at)) {
            None => Misbehaved::UnknownId(id),
            Some(entry) if entry.number() >= self.bound => Misbehaved::NotOutstanding(id),
            Some(_) if at != place => Misbehaved::OutOfOrder(id),
            Some(entry) if Self::WIDTH.wire(entry.id()) != id => Misbehaved::Stale(id),
            // It was staged since the number was first looked at.
            Some(_) => Misbehaved::NotOutstanding(id),
        }
    }

    fn oldest_unnamed(&self) -> Result<usize, Misbehaved> {
        let put = Index::new(self.table.unnamed_put.0.load(acquire(Passing::Place)));
        if put.since(*self.unnamed_taken) == 0 {
            return Err(Misbehaved::NothingUnnamed);
        }
        Ok(self.table.word(&self.table.unnamed, wide(self.unnamed_taken.raw())).load(Relaxed))
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

#[expect(clippy::as_conversions, reason = "the lower half")]
const fn low(word: u64) -> usize {
    (word & 0xffff_ffff) as usize
}
