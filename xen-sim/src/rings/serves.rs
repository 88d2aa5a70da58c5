//! The back of a slot ring under attack, with its books.

use super::talk::bump;
use super::{Message, REQ_PROD, RSP_EVENT, Talk, Verdict};
use crate::adversary::{Memory, Rules};
use xen_ring::{Back, Misbehaved, More, Notify, Slots};

/// The back of a slot ring, and what it owes.
#[derive(Debug)]
pub struct Serves<'m> {
    memory: &'m Memory,
    back: Back<'m, Talk<64>, Memory>,
    count: u32,
    verdict: Verdict,
    /// How many requests were taken, answers staged, answers published.
    taken: u32,
    staged: u32,
    published: u32,
    /// What an honest front has published.
    asked: u32,
    start: u32,
}

impl<'m> Serves<'m> {
    /// Takes the back of a ring of `count` slots whose indices stand at `start`.
    ///
    /// # Errors
    /// As [`Back::attach`].
    pub fn attach(memory: &'m Memory, count: u32, start: u32) -> Result<Self, Misbehaved> {
        let slots = Slots::new(count).unwrap();
        let rules = Rules::none().budget(4).load(REQ_PROD, 1).load(super::RSP_PROD, 1);
        let back = memory.attacked(&rules, || Back::attach(memory, slots))?;
        let verdict = Verdict::default();
        Ok(Self { memory, back, count, verdict, taken: 0, staged: 0, published: 0, asked: 0, start })
    }

    /// Returns whether the peer was found out.
    #[must_use]
    pub const fn found(&self) -> bool {
        self.verdict.0.is_some()
    }

    /// Returns whether all was taken that was asked.
    #[must_use]
    pub const fn is_level(&self) -> bool {
        self.taken == self.asked
    }

    /// Returns how many requests were taken.
    #[must_use]
    pub const fn taken(&self) -> u32 {
        self.taken
    }

    /// Takes one request.
    pub fn poll(&mut self) -> bool {
        let Self { memory, back, verdict, .. } = self;
        let rules = Rules::none().budget(5).load(REQ_PROD, 2).copy(64..4096);
        let took = verdict.run(memory, &rules, || back.poll_request()).flatten().is_some();
        self.took(u32::from(took));
        took
    }

    /// Takes requests, at most `budget` of them.
    pub fn poll_many(&mut self, budget: u32) -> Option<More> {
        let Self { memory, back, verdict, count, .. } = self;
        let most = usize::try_from(budget.min(*count)).unwrap_or_default() + 1;
        let rules = Rules::none().budget(5 * most).load(REQ_PROD, 2 * most).copy(64..4096);
        let mut got = 0;
        let more = verdict.run(memory, &rules, || back.poll_requests(budget, |_| got += 1));
        self.took(got);
        more
    }

    /// Takes the requests that are there, at most `budget` of them.
    pub fn sweep(&mut self, budget: u32) -> Option<u32> {
        let Self { memory, back, verdict, count, .. } = self;
        let most = usize::try_from(*count).unwrap_or_default();
        let rules = Rules::none().budget(1 + most).load(REQ_PROD, 1).copy(64..4096);
        let mut got = 0;
        let taken = verdict.run(memory, &rules, || back.sweep(budget, |_| got += 1));
        assert!(taken.is_none_or(|taken| taken == got && taken <= budget), "as many as it says");
        self.took(got);
        taken
    }

    /// Answers the requests that are there, at most `budget` of them.
    pub fn serve(&mut self, budget: u32) -> Option<u32> {
        let Self { memory, back, verdict, count, .. } = self;
        let most = usize::try_from(*count).unwrap_or_default();
        let rules = Rules::none().budget(1 + 2 * most).load(REQ_PROD, 1).copy(64..4096);
        let taken = verdict.run(memory, &rules, || back.serve(budget, |_| Message { id: 1, operation: 7, value: 3 }));
        self.staged += taken.unwrap_or_default();
        self.took(taken.unwrap_or_default());
        taken
    }

    /// Makes the final check.
    pub fn arm(&mut self) -> Option<More> {
        let Self { memory, back, verdict, .. } = self;
        verdict.run(memory, &Rules::none().budget(3).load(REQ_PROD, 1), || back.arm())
    }

    fn took(&mut self, more: u32) {
        self.taken += more;
        assert!(self.taken - self.published <= self.count, "K01: no more requests than slots");
        assert_eq!(self.back.owed(), self.taken - self.staged, "what was taken is owed");
    }

    /// Stages an answer, if one is owed.
    pub fn answer(&mut self) -> bool {
        let Self { memory, back, verdict, .. } = self;
        let rules = Rules::none().budget(1).copy(64..4096);
        let done = verdict.run(memory, &rules, || {
            let debt = back.debt()?;
            Ok(debt.map(|debt| debt.stage(&Message { id: 1, operation: 7, value: 3 })).is_some())
        });
        let done = done.unwrap_or(false);
        self.staged += u32::from(done);
        done
    }

    /// Publishes the answers staged.
    pub fn publish(&mut self) -> Option<Notify> {
        let Self { memory, back, verdict, .. } = self;
        let rules = Rules::none().budget(3).load(RSP_EVENT, 1);
        let done = verdict.run(memory, &rules, || back.publish());
        if done.is_some() {
            self.published = self.staged;
        }
        done
    }

    /// Has an honest front ask, if a slot is free.
    pub fn ask(&mut self) -> bool {
        if self.asked.saturating_sub(self.published) >= self.count {
            return false;
        }
        let at = self.start.wrapping_add(self.asked);
        Message { id: u64::from(at), operation: 7, value: at }.write(self.memory, at, self.count);
        self.asked += 1;
        bump(self.memory, REQ_PROD);
        true
    }

    /// Gives the ring up; nothing private is in the page. Returns whether the peer was found out.
    pub fn finish(mut self) -> bool {
        self.memory.finish();
        if self.found() {
            self.poll();
            self.poll_many(3);
            self.sweep(3);
            self.serve(3);
            self.arm();
            self.answer();
            self.publish();
        }
        self.memory.is_clean();
        self.verdict.found(self.memory)
    }
}
