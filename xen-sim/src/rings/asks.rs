//! The front of a slot ring under attack, with its books.

mod life;

use super::held::{Held, MOST};
use super::honest::Honest;
use super::left::{Owed, number};
use super::{Message, REQ_EVENT, RSP_PROD, Talk, Token, Verdict};
use crate::adversary::{Memory, Rules};
use std::collections::VecDeque;
use xen_ring::{Answer, Misbehaved, More, Notify, Requests};

/// What the front of such a ring keeps.
pub type Kept<const BITS: u32> = Requests<Talk<BITS>, Token, MOST>;

/// The front of a slot ring, and what it asked.
#[derive(Debug)]
pub struct Asks<'m, const BITS: u32> {
    memory: &'m Memory,
    held: Held<'m, BITS>,
    verdict: Verdict,
    /// The numbers of the requests that were staged, in that order, and how many of them are published.
    staged: Vec<u32>,
    published: usize,
    /// The numbers of those that came back with an answer.
    back: Vec<u32>,
    /// What waits for its submission, from another ring, and the number of the next that is new.
    owed: VecDeque<Owed>,
    next: u32,
    honest: Honest,
}

impl<'m, const BITS: u32> Asks<'m, BITS> {
    /// Returns whether the peer was found out.
    #[must_use]
    pub const fn found(&self) -> bool {
        self.verdict.0.is_some()
    }

    /// Returns the reason.
    #[must_use]
    pub const fn reason(&self) -> Option<Misbehaved> {
        self.verdict.0
    }

    /// Returns the memory.
    #[must_use]
    pub const fn memory(&self) -> &'m Memory {
        self.memory
    }

    /// Returns whether an answer came to all that was asked.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.back.len() == self.staged.len() && self.owed.is_empty()
    }

    /// Returns how many of those that another ring left wait for their submission.
    #[must_use]
    pub fn waiting(&self) -> usize {
        if let Held::Replaying(replay) = &self.held {
            assert_eq!(self.memory.untouched(|| replay.left()), self.owed.len(), "R10: none is lost");
        }
        self.owed.len()
    }

    /// Returns how many answers came.
    #[must_use]
    pub const fn answers(&self) -> usize {
        self.back.len()
    }

    fn staging(&self) -> Rules {
        Rules::none().budget(MOST).copy(64..64 + 16 * usize::try_from(self.honest.count).unwrap_or_default())
    }

    /// Stages a request, if there is room: the next of those that another ring left, or a new one.
    pub fn stage(&mut self) -> bool {
        let rules = self.staging();
        let Self { memory, held, verdict, owed, next, .. } = self;
        let number = owed.front().map_or(*next, |(number, _)| *number);
        let done = verdict.run(memory, &rules, || match held {
            Held::Replaying(replay) => {
                let staged = replay.stage_next(|kind, token| {
                    assert_eq!((token.number, token.operation), (number, kind), "the oldest first, as it was asked");
                    request(token)
                })?;
                Ok(staged.is_some())
            }
            _ => {
                let (room, vacancy) = (held.room()?, held.vacancy()?.flatten());
                assert_eq!(room > Some(0), vacancy.is_some(), "room is for a request");
                let Some(vacancy) = vacancy else { return Ok(false) };
                let token = token(number);
                vacancy.stage(request(&token), token);
                Ok(true)
            }
        });
        let done = done.unwrap_or(false);
        if done {
            self.note(1);
        }
        done
    }

    /// Notes that so many were staged.
    fn note(&mut self, more: u32) {
        for _ in 0..more {
            let number = self.owed.pop_front().map_or(self.next, |(number, _)| number);
            self.next = self.next.max(number + 1);
            self.staged.push(number);
        }
    }

    /// Publishes what is staged.
    pub fn publish(&mut self) -> Option<Notify> {
        let Self { memory, held, verdict, .. } = self;
        let rules = Rules::none().budget(3).load(REQ_EVENT, 1);
        let done = verdict.run(memory, &rules, || held.publish());
        if done.is_some() {
            self.published = self.staged.len();
        }
        done
    }

    /// Stages up to `most` requests at once.
    pub fn stage_all(&mut self, most: u32) -> Option<u32> {
        let rules = self.staging();
        let Self { memory, held, verdict, next, .. } = self;
        let asked = (*next..next.saturating_add(most)).map(|number| (request(&token(number)), token(number)));
        if matches!(held, Held::Replaying(_)) {
            return None;
        }
        let done = verdict.run(memory, &rules, || {
            let room = held.room()?;
            let done = held.stage_all(asked)?;
            assert_eq!(done, room.map(|room| room.min(most)), "as much as there is room for");
            Ok(done)
        });
        let done = done.flatten();
        self.note(done.unwrap_or_default());
        done
    }

    /// Takes one answer.
    pub fn poll(&mut self) -> bool {
        let Self { memory, held, verdict, .. } = self;
        let rules = Rules::none().budget(5).load(RSP_PROD, 2).copy(64..4096);
        let answer = verdict.run(memory, &rules, || held.poll()).flatten();
        answer.map(|answer| self.took(answer)).is_some()
    }

    /// Takes answers, at most `budget` of them.
    pub fn poll_many(&mut self, budget: u32) -> Option<More> {
        let mut got = Vec::new();
        let more = self.complete(&many(budget), |held| held.poll_many(budget, |answer| got.push(answer)));
        got.into_iter().for_each(|answer| self.took(answer));
        more
    }

    /// Takes the answers that are there, at most `budget` of them.
    pub fn sweep(&mut self, budget: u32) -> Option<u32> {
        let rules = Rules::none().budget(1 + MOST).load(RSP_PROD, 1).copy(64..4096);
        let mut got = Vec::new();
        let taken = self.complete(&rules, |held| held.sweep(budget, |answer| got.push(answer)));
        assert!(
            taken.is_none_or(|taken| usize::try_from(taken) == Ok(got.len()) && taken <= budget),
            "as many as it says"
        );
        got.into_iter().for_each(|answer| self.took(answer));
        taken
    }

    /// Makes the final check.
    pub fn arm(&mut self) -> Option<More> {
        self.complete(&Rules::none().budget(3).load(RSP_PROD, 1), Held::arm)
    }

    /// Does what a ring that submits what another left does not.
    fn complete<R>(
        &mut self,
        rules: &Rules,
        act: impl FnOnce(&mut Held<'m, BITS>) -> Result<Option<R>, Misbehaved>,
    ) -> Option<R> {
        let Self { memory, held, verdict, .. } = self;
        if matches!(held, Held::Replaying(_)) { None } else { verdict.run(memory, rules, || act(held)).flatten() }
    }

    fn took(&mut self, answer: Answer<Message, Token>) {
        let Answer { response, payload: token } = answer;
        assert_eq!(response.operation, token.operation, "R14: what was checked is what is handed on");
        assert!(self.staged[..self.published].contains(&token.number), "R11: not before it was published");
        self.back.push(token.number());
        let Held::Parted(_, complete) = &self.held else { return };
        let owed = usize::try_from(self.memory.untouched(|| complete.outstanding()));
        assert!(self.found() || owed.is_ok_and(|owed| owed <= self.published - self.back.len()));
    }

    /// Has an honest back take what was published.
    pub fn serve(&mut self) {
        self.honest.take(self.memory, &self.staged[..self.published]);
    }

    /// Has an honest back answer the request that it took as number `which` of those without an answer.
    pub fn answer(&mut self, which: usize) -> bool {
        self.honest.answer(self.memory, which)
    }

    /// Gives the ring up and balances the books: each token came back once, in order, and nothing private is in the page.
    /// Returns whether the peer was found out.
    pub fn finish(mut self) -> bool {
        self.memory.finish();
        if self.found() {
            self.stage();
            self.publish();
            self.poll();
            self.poll_many(3);
            self.stage_all(1);
            self.sweep(3);
            self.arm();
            self = self.drain(3);
        }
        let Self { memory, held, staged, published, back, owed, verdict, .. } = self;
        let left = memory.untouched(|| held.give_up()).map(|left| left.into_iter().map(|left| number(left, None)));
        let unanswered = staged.iter().enumerate().map(|(at, number)| (*number, at < published));
        let unanswered: Vec<_> = unanswered.filter(|(number, _)| !back.contains(number)).collect();
        assert_eq!(unanswered.len() + back.len(), staged.len(), "R10: each answered once");
        let [ring, set] = left;
        assert!(ring.eq(unanswered) && set.eq(owed), "R10: each without an answer once, the oldest first");
        memory.is_clean();
        verdict.found(memory)
    }
}

/// What taking so many answers, and making the final check, may do.
fn many(budget: u32) -> Rules {
    let most = usize::try_from(budget).unwrap_or_default().min(MOST) + 1;
    Rules::none().budget(5 * most).load(RSP_PROD, 2 * most).copy(64..4096)
}

fn token(number: u32) -> Token {
    Token::new(number, 7 + number % 2)
}

const fn request(token: &Token) -> Message {
    Message { id: 0, operation: token.operation, value: token.number }
}
