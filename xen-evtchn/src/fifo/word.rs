//! One event word of the FIFO ABI, and what may be done to it while Xen links it.
//!
//! Of a word that is in a queue the guest may set and clear the mask, clear the event, and take it out; no more. It must not
//! clear the mask while Xen has the word busy, since Xen tries to link only so often.

use crate::word::Word;

const PENDING: u32 = 1 << 31;
const MASKED: u32 = 1 << 30;
const LINKED: u32 = 1 << 29;
const BUSY: u32 = 1 << 28;
/// The next port of the queue, 0 for none.
const LINK: u32 = (1 << 17) - 1;
/// A word as Xen is to find it: masked, and in no queue.
pub(crate) const FRESH: u32 = MASKED;

/// Xen changes a word that is in a queue a few times at most; who needs more is kept from it by something else.
const TRIES: u32 = 32;

/// A word that was taken out of its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unlinked {
    /// The next port of the queue, 0 if it is empty now.
    pub(crate) next: u32,
    /// An event was there, and is taken.
    pub(crate) event: bool,
}

/// Takes a word out of its queue, and its event unless it is masked, by one locked instruction; `None` if it is in no queue.
///
/// Xen sets the event first, then looks at the mask, then links. So an event that it sets after this finds the word in no
/// queue, and links it again; one that it set before is taken here, and if Xen links for it afterwards then the word comes
/// once without an event.
#[inline]
pub(crate) fn consume<W: Word<Value = u32>>(word: &W) -> Option<Unlinked> {
    let seen = word.load();
    match exchange(word, seen) {
        Err(now) => consume_in_motion(word, now),
        done => done.ok().flatten(),
    }
}

/// Does as [`consume`] where all is as usual: the word is in a queue, has an event, is not masked, and nobody else changes it.
/// Returns the next port of the queue; `None` if anything is otherwise, and then nothing was done.
#[inline(always)]
pub(crate) fn consume_event<W: Word<Value = u32>>(word: &W) -> Option<u32> {
    let seen = word.load();
    if seen & (LINKED | PENDING | MASKED) != LINKED | PENDING {
        return None;
    }
    word.exchange(seen, seen & !(LINKED | LINK | PENDING)).ok()?;
    Some(seen & LINK)
}

/// Takes a word that was found to be `seen` out of its queue.
#[inline]
fn exchange<W: Word<Value = u32>>(word: &W, seen: u32) -> Result<Option<Unlinked>, u32> {
    if seen & LINKED == 0 {
        return Ok(None);
    }
    let event = seen & (PENDING | MASKED) == PENDING;
    let kept = if event { !(LINKED | LINK | PENDING) } else { !(LINKED | LINK) };
    word.exchange(seen, seen & kept)?;
    Ok(Some(Unlinked { next: seen & LINK, event }))
}

/// Takes a word out of its queue that somebody else is changing.
#[cold]
fn consume_in_motion<W: Word<Value = u32>>(word: &W, mut seen: u32) -> Option<Unlinked> {
    for _ in 0..TRIES {
        match exchange(word, seen) {
            Err(now) => seen = now,
            Ok(done) => return done,
        }
    }
    unlink(word).map(|next| Unlinked { next, event: word.load() & MASKED == 0 && take_pending(word) })
}

/// Takes a word out of its queue, leaves its event there, and returns the next port.
pub(crate) fn unlink<W: Word<Value = u32>>(word: &W) -> Option<u32> {
    let seen = word.clear(LINKED | LINK);
    (seen & LINKED != 0).then_some(seen & LINK)
}

/// Takes the event of a word that is in no queue and not masked, and tells whether there was one.
///
/// One that Xen is about to link comes once without an event.
pub(crate) fn take_unlinked<W: Word<Value = u32>>(word: &W) -> bool {
    word.load() & (PENDING | MASKED | LINKED) == PENDING && take_pending(word)
}

pub(crate) fn mask<W: Word<Value = u32>>(word: &W) {
    word.set(MASKED);
}

pub(crate) fn is_masked<W: Word<Value = u32>>(word: &W) -> bool {
    word.load() & MASKED != 0
}

pub(crate) fn is_linked<W: Word<Value = u32>>(word: &W) -> bool {
    word.load() & LINKED != 0
}

pub(crate) fn is_pending<W: Word<Value = u32>>(word: &W) -> bool {
    word.load() & PENDING != 0
}

/// Clears the event and tells whether there was one.
pub fn take_pending<W: Word<Value = u32>>(word: &W) -> bool {
    word.clear(PENDING) & PENDING != 0
}

/// What came of an unmasking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Unmasked {
    /// The mask is clear.
    Done,
    /// The mask is set: Xen has to clear it, since there is an event to be linked.
    Event,
    /// The mask is set: Xen has to clear it, since it does not let go of the word (E13).
    Busy,
}

/// Clears the mask, unless an event has come or Xen has the word busy.
///
/// Mask and event are in one word: as there was no event when the mask was cleared, Xen links the next one itself.
pub fn unmask<W: Word<Value = u32>>(word: &W) -> Unmasked {
    let mut seen = word.load();
    for _ in 0..TRIES {
        if seen & MASKED == 0 {
            return Unmasked::Done;
        }
        if seen & PENDING != 0 {
            return Unmasked::Event;
        }
        let tried = if seen & BUSY == 0 { word.exchange(seen, seen & !MASKED) } else { Err(word.load()) };
        match tried {
            Ok(()) => return Unmasked::Done,
            Err(now) => seen = now,
        }
    }
    Unmasked::Busy
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    /// Every state of the four flags, with and without a link: what each operation leaves, and what it says.
    #[test]
    fn each_operation_changes_its_own_bits_alone() {
        for flags in 0..16_u32 {
            for link in [0, 5, LINK] {
                let before = flags << 28 | link;
                let is = |bit: u32| before & bit != 0;
                let word = AtomicU32::new(before);
                let event = is(PENDING) && !is(MASKED);
                let taken = if event { PENDING } else { 0 };
                let expected = is(LINKED).then_some(Unlinked { next: link, event });
                assert_eq!(consume(&word), expected);
                let after = if is(LINKED) { before & !(LINKED | LINK | taken) } else { before };
                assert_eq!(word.load(Relaxed), after);

                let word = AtomicU32::new(before);
                let done = unmask(&word);
                let (expected, after) = match (is(MASKED), is(PENDING), is(BUSY)) {
                    (false, ..) => (Unmasked::Done, before),
                    (true, true, _) => (Unmasked::Event, before),
                    (true, false, true) => (Unmasked::Busy, before),
                    (true, false, false) => (Unmasked::Done, before & !MASKED),
                };
                assert_eq!((done, word.load(Relaxed)), (expected, after));
            }
        }
    }

    #[test]
    fn an_event_is_taken_without_a_queue_where_there_is_none() {
        for (before, event, after) in [
            (PENDING, true, 0),
            (PENDING | BUSY, true, BUSY),
            (PENDING | LINKED | 7, false, PENDING | LINKED | 7),
            (PENDING | MASKED, false, PENDING | MASKED),
            (LINKED, false, LINKED),
            (0, false, 0),
        ] {
            let word = AtomicU32::new(before);
            assert_eq!((take_unlinked(&word), word.load(Relaxed)), (event, after), "{before:x}");
        }
    }
}
