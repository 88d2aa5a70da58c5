//! What a front staged, and what of it came back.

use crate::adversary::{Memory, Rules};
use crate::rings::{REQ_EVENT, RSP_PROD, Verdict};
use xen_ring::{Answer, Front, Misbehaved, Protocol, Unanswered};

/// The most slots.
pub(super) const MOST: usize = 16;

/// A front whose payloads are numbers: which of the requests it is.
pub(super) type Numbered<'m, P> = Front<'m, P, usize, MOST, Memory>;

/// Counts what a front staged, published and got back, each once.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) verdict: Verdict,
    pub(super) staged: usize,
    pub(super) published: usize,
    pub(super) back: Vec<usize>,
}

/// What staging one request may do.
pub(super) fn staging() -> Rules {
    Rules::none().budget(1).copy(64..4096)
}

/// What taking so many answers may do.
pub(super) fn taking(most: usize) -> Rules {
    Rules::none().budget(5 * most).load(RSP_PROD, 2 * most).copy(64..4096)
}

impl Books {
    /// Publishes what is staged.
    pub(super) fn publish<P: Protocol>(&mut self, memory: &Memory, front: &mut Numbered<'_, P>) {
        let rules = Rules::none().budget(3).load(REQ_EVENT, 1);
        if self.verdict.run(memory, &rules, || front.publish()).is_some() {
            self.published = self.staged;
        }
    }

    /// Takes one answer.
    pub(super) fn poll<P: Protocol>(
        &mut self,
        memory: &Memory,
        front: &mut Numbered<'_, P>,
    ) -> Option<Answer<P::Response, usize>> {
        let answer = self.verdict.run(memory, &taking(1), || front.poll_answer()).flatten()?;
        self.took(answer.payload);
        Some(answer)
    }

    /// Notes what came back.
    pub(super) fn took(&mut self, number: usize) {
        assert!(number < self.published, "R11: not before it was published");
        self.back.push(number);
    }

    /// Gives the ring up: each came back once, those without an answer in their order. Returns whether the peer was found out.
    pub(super) fn close<P: Protocol>(mut self, memory: &Memory, mut front: Numbered<'_, P>) -> bool {
        memory.finish();
        if self.verdict.found(memory) {
            self.publish(memory, &mut front);
            let _ = self.verdict.run(memory, &Rules::none(), || front.poll_answer().map(|_| ()));
            let _ = self.verdict.run(memory, &Rules::none(), || front.vacancy().map(|_| ()));
        }
        let left: Vec<_> = memory.untouched(|| front.abort_all().collect());
        assert!(left.is_sorted_by_key(|left| (*left).into_payload()), "the oldest first");
        for one in left {
            let number = one.into_payload();
            assert_eq!(
                matches!(one, Unanswered::Published(_)),
                number < self.published,
                "published is what was published"
            );
            self.back.push(number);
        }
        self.back.sort_unstable();
        assert!(self.back.iter().copied().eq(0..self.staged), "R10: each once");
        self.verdict.found(memory)
    }

    /// Has what an honest back does done, which fails for a back that was lied to.
    pub(super) fn honest<R>(memory: &Memory, act: impl FnOnce() -> Result<R, Misbehaved>) -> Option<R> {
        let done = memory.peace(act);
        assert!(done.is_ok() || memory.lied(), "an honest front is believed, and not {:?}", done.err());
        done.ok()
    }
}
