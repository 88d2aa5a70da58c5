//! What a front left when its ring was given up, with its books.

use super::held::MOST;
use super::{Talk, Token};
use crate::adversary::Memory;
use xen_ring::{Policy, ReplaySet, Unanswered};

/// A request without an answer: its number, and whether the peer was told of it.
pub(super) type Owed = (u32, bool);

/// What a front left: it comes from the table alone, and the page is not touched any more.
#[derive(Debug)]
pub struct Left<'m, const BITS: u32> {
    pub(super) memory: &'m Memory,
    pub(super) set: ReplaySet<'m, Talk<BITS>, Token, MOST>,
    /// What must be in it, the oldest first.
    pub(super) owed: Vec<Owed>,
    /// The number of the next new request.
    pub(super) next: u32,
    /// Whether the peer was found out.
    pub(super) found: bool,
}

impl<const BITS: u32> Left<'_, BITS> {
    /// Has those that the peer was told of be none, which it refuses if there are some.
    #[must_use]
    pub fn drained(self) -> Self {
        let Self { memory, set, owed, .. } = self;
        let refused = owed.iter().filter(|(_, told)| *told).count();
        let set = match memory.untouched(|| set.decide(Policy::<()>::Drain, |_, ()| unreachable!())) {
            Ok(set) => set,
            Err(undrained) => {
                assert_eq!(undrained.to_string(), format!("{refused} requests have no answer"));
                assert!(refused > 0, "what is drained is not refused");
                undrained.set
            }
        };
        Self { set, owed, ..self }.check()
    }

    /// Has them all submitted again.
    #[must_use]
    pub fn replayed(self) -> Self {
        let Self { memory, set, .. } = self;
        let set = memory.untouched(|| set.decide(Policy::<()>::Replay, |_, ()| unreachable!()));
        Self { set: set.unwrap(), ..self }.check()
    }

    /// Has those that the peer was told of be complete: each once, the oldest first, and no other.
    #[must_use]
    pub fn completed(self) -> Self {
        let Self { memory, set, mut owed, .. } = self;
        let mut done = Vec::new();
        let set = memory.untouched(|| {
            set.decide(Policy::CompleteAs(7), |token, status| {
                assert_eq!(status, 7);
                done.push((token.number(), true));
            })
        });
        assert!(owed.extract_if(.., |(_, told)| *told).eq(done), "R10: each once, in order");
        Self { set: set.unwrap(), owed, ..self }.check()
    }

    /// Takes the oldest out.
    pub fn take_oldest(&mut self) -> Option<u32> {
        let taken = self.memory.untouched(|| self.set.take_oldest());
        let Some((kind, left)) = taken else {
            assert!(self.owed.is_empty(), "R10: none is lost");
            return None;
        };
        let oldest = self.owed.remove(0);
        assert_eq!(number(left, Some(kind)), oldest, "the oldest first, as it was asked");
        Some(oldest.0)
    }

    /// Returns whether the peer was found out.
    #[must_use]
    pub const fn found(&self) -> bool {
        self.found
    }

    fn check(self) -> Self {
        assert_eq!((self.set.len(), self.set.is_empty()), (self.owed.len(), self.owed.is_empty()));
        self
    }

    /// Hands all of it back. Returns whether the peer was found out.
    pub fn finish(self) -> bool {
        let Self { memory, set, owed, found, .. } = self;
        let back = memory.untouched(|| set.abort_all().map(|left| number(left, None)).collect::<Vec<_>>());
        assert_eq!(back, owed, "R10: each once, the oldest first");
        memory.is_clean();
        found
    }
}

/// Takes the number out of what has no answer.
pub(super) fn number(left: Unanswered<Token>, kind: Option<u32>) -> Owed {
    let (token, told) = match left {
        Unanswered::Published(token) => (token, true),
        Unanswered::Staged(token) => (token, false),
    };
    assert!(kind.is_none_or(|kind| kind == token.operation), "what was asked stays what was asked");
    (token.number(), told)
}
