//! Where one processor stands in its queues of the FIFO ABI.

use core::num::NonZeroU16;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering::Relaxed};

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

/// Whose a port is, to a processor that finds it at the head of a queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The processor's own.
    Ours,
    /// Another's, or nobody's; its word may be in this queue.
    Foreign,
    /// Another's, and its word was taken out of this processor's queues after that one was told.
    Elsewhere,
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
    ready: AtomicU16,
    /// The next port of each queue; 0 if Xen's head has it.
    heads: [AtomicU32; QUEUES],
    /// How far the search for the events of all ports has got, after a disorder; 0 if there is none.
    search: AtomicU32,
    /// The head of each queue that was taken out after a disorder, and of which Xen may tell only now.
    spent: [AtomicU32; QUEUES],
}

/// What Xen and a processor share: the control block, and a way to the event words.
#[derive(Debug)]
pub struct Shared<'a, W, F> {
    /// Bits of the queues that have events.
    pub ready: &'a W,
    /// The first ports of the queues.
    pub heads: &'a [W; QUEUES],
    /// Finds a page of event words; `None` beyond the array (E10).
    pub page: F,
}

impl<'w, W: 'w, F, const N: usize> Shared<'_, W, F>
where
    F: Fn(usize) -> Option<&'w [W; N]>,
{
    fn word(&self, port: u32) -> Option<&'w W> {
        let at = usize::try_from(port).ok()?;
        (self.page)(at.checked_div(N)?)?.get(at.checked_rem(N)?)
    }
}

/// The port that is likely to come next, and the page of its word: a guess, so that nothing has to wait for the word of the
/// queue that says so.
#[derive(Debug)]
pub struct Ahead<'w, W, const N: usize> {
    port: u32,
    page: Option<&'w [W; N]>,
}

/// Knows nothing.
impl<W, const N: usize> Default for Ahead<'_, W, N> {
    #[inline(always)]
    fn default() -> Self {
        Self { port: 0, page: None }
    }
}

impl Queues {
    /// Makes queues that are empty.
    #[must_use]
    pub const fn new() -> Self {
        let (heads, spent) = ([const { AtomicU32::new(0) }; QUEUES], [const { AtomicU32::new(0) }; QUEUES]);
        Self { ready: AtomicU16::new(0), heads, search: AtomicU32::new(0), spent }
    }

    /// Forgets where it stood, in a domain in which no head is set.
    pub(crate) fn reset(&self) {
        self.forget();
        self.spent.iter().for_each(|spent| spent.store(0, Relaxed));
    }

    fn forget(&self) {
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

    /// Says that a port was taken out of its queue by itself; if it was the head, Xen leaves that as it is.
    pub(crate) fn spend(&self, port: u32, heads: &[impl Word<Value = u32>; QUEUES]) {
        let spent = heads.iter().zip(&self.spent).filter(|(head, _)| head.load() == port);
        spent.for_each(|(_, spent)| spent.store(port, Relaxed));
    }

    /// Tells whether a queue was named, and not found empty since, or a search is not at its end.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) != 0 || self.is_searching()
    }

    /// Takes the next event where all is as usual: it is on a port that is ours, and nothing is in the way.
    #[inline(always)]
    pub fn next<'w, W, F, const N: usize>(
        &self,
        shared: &Shared<'_, W, F>,
        ahead: &mut Ahead<'w, W, N>,
        ours: impl Fn(u32) -> bool,
    ) -> Next
    where
        W: Word<Value = u32> + 'w,
        F: Fn(usize) -> Option<&'w [W; N]>,
    {
        let named = self.named(shared.ready);
        // E12: there are as many bits as queues, and a place for each.
        let Some(named) = NonZeroU16::new(named) else {
            return if self.is_searching() { Next::Unusual } else { Next::Empty };
        };
        self.next_of(named, (shared, ahead), ours).map_or(Next::Unusual, Next::Event)
    }

    #[inline(always)]
    fn next_of<'w, W, F, const N: usize>(
        &self,
        named: NonZeroU16,
        (shared, ahead): (&Shared<'_, W, F>, &mut Ahead<'w, W, N>),
        ours: impl Fn(u32) -> bool,
    ) -> Option<u32>
    where
        W: Word<Value = u32> + 'w,
        F: Fn(usize) -> Option<&'w [W; N]>,
    {
        let at = usize::try_from(named.trailing_zeros()).ok()?;
        let (known, head) = (self.heads.get(at)?, shared.heads.get(at)?);
        let next = known.load(Relaxed);
        let (port, page) = match ahead.page {
            Some(page) if next == ahead.port => (ahead.port, page),
            _ => {
                let port = if next == 0 { head.load() } else { next };
                (port, (shared.page)(usize::try_from(port).ok()?.checked_div(N)?)?)
            }
        };
        if !ours(port) {
            return None;
        }
        let later = word::consume_event(page.get(usize::try_from(port).ok()?.checked_rem(N)?)?)?;
        known.store(later, Relaxed);
        if later == 0 {
            self.emptied(named.get());
        } else if u32::try_from(N).is_ok_and(|most| port.checked_div(most) == later.checked_div(most)) {
            *ahead = Ahead { port: later, page: Some(page) };
        }
        Some(port)
    }

    /// Takes the next word out of the most urgent queue; its event too, if the port is ours.
    #[inline]
    pub fn step<'w, W, F, const N: usize>(&self, shared: &Shared<'_, W, F>, whose: impl Fn(u32) -> Whose) -> Step
    where
        W: Word<Value = u32> + 'w,
        F: Fn(usize) -> Option<&'w [W; N]>,
    {
        let named = self.named(shared.ready);
        // E12: there are as many bits as queues, and a place for each.
        let Some((known, head, spent)) = usize::try_from(named.trailing_zeros())
            .ok()
            .and_then(|at| Some((self.heads.get(at)?, shared.heads.get(at)?, self.spent.get(at)?.load(Relaxed))))
        else {
            return Step::Empty;
        };
        let next = known.load(Relaxed);
        // Xen writes the head before the ready bit, which `named` has seen.
        let port = if next == 0 { head.load() } else { next };
        // E11: no port has the number 0, so that a head of 0 is no event.
        let found = match whose(port) {
            _ if port == 0 => Ok(None),
            // E09: it is in the other's queue by now, which must not be torn.
            Whose::Elsewhere if next == 0 && port == spent => Ok(None),
            Whose::Ours => shared.word(port).ok_or(()).map(|word| take(word, port)),
            _ => shared.word(port).ok_or(()).map(|word| skip(word, port)),
        };
        match found {
            Ok(Some((later, step))) => {
                known.store(later, Relaxed);
                if later == 0 {
                    self.emptied(named);
                }
                step
            }
            // A head of before: the queue was named once too often.
            Ok(None) if next == 0 => {
                self.emptied(named);
                Step::Nothing
            }
            // E09, E10: a link goes round, or out of the array.
            _ => self.give_up(),
        }
    }

    /// Has all ports searched: nothing is sure of the rest of any queue.
    #[cold]
    fn give_up(&self) -> Step {
        self.forget();
        self.search.store(1, Relaxed);
        Step::Disorder
    }

    /// Takes over what Xen named since last time, and returns all that is named.
    #[inline]
    fn named(&self, ready: &impl Word<Value = u32>) -> u16 {
        let known = self.ready.load(Relaxed);
        if ready.load() & ALL == 0 {
            return known;
        }
        let all = known | u16::try_from(ready.swap(0) & ALL).unwrap_or(0);
        self.ready.store(all, Relaxed);
        all
    }

    /// Puts the most urgent queue of those that are named off the list.
    #[inline]
    fn emptied(&self, named: u16) {
        self.ready.store(named & named.wrapping_sub(1), Relaxed);
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
