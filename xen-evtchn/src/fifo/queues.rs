//! Where one processor stands in its queues of the FIFO ABI.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::word::{self, Unlinked};
use crate::word::Word;

/// Queues, one a priority.
const QUEUES: usize = 16;
/// Ready bits that mean something.
pub(crate) const ALL: u32 = (1 << QUEUES) - 1;

/// What the next word of the queues was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is no more.
    Empty,
    /// A queue that Xen named has nothing, or a word of it no event that we may have: look again.
    Nothing,
    /// An event on a port that is ours.
    Event(u32),
    /// A port that is not ours was taken out of the queue, its event still there.
    Foreign(u32),
    /// The queues are in disorder, and were given up.
    Disorder,
}

/// What [`Queues::next`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is no more.
    Empty,
    /// An event on a port that is ours.
    Event(u32),
    /// Something else, which was left as it is: [`Queues::step`] finds out what.
    Unusual,
}

/// The queues of one processor, as far as it has got; used by that processor alone.
#[derive(Debug)]
pub struct Queues {
    /// Queues that Xen named and that have not been found empty since.
    ready: AtomicU32,
    /// The next port of each queue; 0 if Xen's head has it.
    heads: [AtomicU32; QUEUES],
    /// How far the search of all ports has got, after a disorder; 0 if there is none.
    search: AtomicU32,
}

/// What Xen and a processor share: the control block, and a way to the event words.
#[derive(Debug)]
pub struct Shared<'a, W, F> {
    /// Bits of the queues that have events.
    pub ready: &'a W,
    /// The first ports of the queues.
    pub heads: &'a [W; QUEUES],
    /// Finds the word of a port; `None` beyond the array (E10).
    pub word: F,
}

impl Queues {
    /// Makes queues that are empty.
    #[must_use]
    pub const fn new() -> Self {
        Self { ready: AtomicU32::new(0), heads: [const { AtomicU32::new(0) }; QUEUES], search: AtomicU32::new(0) }
    }

    /// Forgets where it stood.
    pub(crate) fn reset(&self) {
        self.ready.store(0, Relaxed);
        self.search.store(0, Relaxed);
        self.heads.iter().for_each(|head| head.store(0, Relaxed));
    }

    /// Tells whether all ports are searched, after a disorder.
    #[inline]
    pub(crate) fn is_searching(&self) -> bool {
        self.search.load(Relaxed) != 0
    }

    /// Returns how far the search has got.
    pub(crate) fn searched(&self) -> u32 {
        self.search.load(Relaxed)
    }

    /// Has the search go on from there, or end if it is 0.
    pub(crate) fn search_from(&self, at: u32) {
        self.search.store(at, Relaxed);
    }

    /// Tells whether a queue was named, and not found empty since, or a search is not at its end.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) | self.search.load(Relaxed) != 0
    }

    /// Takes the next event where all is as usual: it is on a port that is ours, and nothing is in the way.
    #[inline(always)]
    pub fn next<'w, W, F>(&self, shared: &Shared<'_, W, F>, ours: impl Fn(u32) -> bool) -> Next
    where
        W: Word<Value = u32> + 'w,
        F: Fn(u32) -> Option<&'w W>,
    {
        let named = self.named(shared.ready);
        if named == 0 {
            return if self.is_searching() { Next::Unusual } else { Next::Empty };
        }
        self.next_of(named, shared, ours).map_or(Next::Unusual, Next::Event)
    }

    #[inline(always)]
    fn next_of<'w, W, F>(&self, named: u32, shared: &Shared<'_, W, F>, ours: impl Fn(u32) -> bool) -> Option<u32>
    where
        W: Word<Value = u32> + 'w,
        F: Fn(u32) -> Option<&'w W>,
    {
        let queue = named.trailing_zeros();
        let at = usize::try_from(queue).ok()?;
        let (known, head) = (self.heads.get(at)?, shared.heads.get(at)?);
        let next = known.load(Relaxed);
        let port = if next == 0 { head.load() } else { next };
        let word = (shared.word)(port).filter(|_| ours(port))?;
        let later = word::consume_event(word)?;
        known.store(later, Relaxed);
        if later == 0 {
            self.emptied(named, queue);
        }
        Some(port)
    }

    /// Takes the next word out of the most urgent queue; its event too, if `ours` says so of the port.
    #[inline]
    pub fn step<'w, W, F>(&self, shared: &Shared<'_, W, F>, ours: impl Fn(u32) -> bool) -> Step
    where
        W: Word<Value = u32> + 'w,
        F: Fn(u32) -> Option<&'w W>,
    {
        let named = self.named(shared.ready);
        // E12: there are as many bits as queues, and a place for each.
        let queue = named.trailing_zeros();
        let Some((known, head)) =
            usize::try_from(queue).ok().and_then(|at| Some((self.heads.get(at)?, shared.heads.get(at)?)))
        else {
            return Step::Empty;
        };
        let next = known.load(Relaxed);
        // Xen writes the head before the ready bit, which `named` has seen.
        let port = if next == 0 { head.load() } else { next };
        // E11: no port has the number 0, so that a head of 0 is no event.
        let found = if port == 0 {
            Ok(None)
        } else {
            (shared.word)(port).ok_or(()).map(|word| if ours(port) { take(word, port) } else { skip(word, port) })
        };
        match found {
            Ok(Some((later, step))) => {
                known.store(later, Relaxed);
                if later == 0 {
                    self.emptied(named, queue);
                }
                step
            }
            // A head of before: the queue was named once too often.
            Ok(None) if next == 0 => {
                self.emptied(named, queue);
                Step::Nothing
            }
            // E09, E10: a link goes round, or out of the array.
            _ => self.give_up(),
        }
    }

    /// Has all ports searched: nothing is sure of the rest of any queue.
    #[cold]
    fn give_up(&self) -> Step {
        self.reset();
        self.search.store(1, Relaxed);
        Step::Disorder
    }

    /// Takes over what Xen named since last time, and returns all that is named.
    #[inline]
    fn named(&self, ready: &impl Word<Value = u32>) -> u32 {
        let known = self.ready.load(Relaxed);
        if ready.load() & ALL == 0 {
            return known;
        }
        let all = (known | ready.swap(0)) & ALL;
        self.ready.store(all, Relaxed);
        all
    }

    #[inline]
    fn emptied(&self, named: u32, queue: u32) {
        self.ready.store(named & !1_u32.wrapping_shl(queue), Relaxed);
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes a word out of its queue, and its event; returns the next port of the queue.
#[inline]
fn take<W: Word<Value = u32>>(word: &W, port: u32) -> Option<(u32, Step)> {
    let Unlinked { next, event } = word::consume(word)?;
    Some((next, if event { Step::Event(port) } else { Step::Nothing }))
}

/// Takes a word out of its queue and leaves its event there; returns the next port of the queue.
#[inline]
fn skip<W: Word<Value = u32>>(word: &W, port: u32) -> Option<(u32, Step)> {
    word::unlink(word).map(|next| (next, Step::Foreign(port)))
}
