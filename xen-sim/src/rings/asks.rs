//! The front of a slot ring under attack, with its books.

use super::talk::bump;
use super::{Message, REQ_EVENT, RSP_PROD, Talk, Token, Verdict, message_at};
use crate::adversary::{Memory, Rules};
use std::collections::VecDeque;
use xen_ring::{Answer, Front, Misbehaved, More, Notify, Requests, Slots, Unanswered};

/// The most slots.
const MOST: usize = 8;

/// What the front of such a ring keeps.
pub type Kept<const BITS: u32> = Requests<Talk<BITS>, Token, MOST>;

/// The front of a slot ring, and what it asked.
#[derive(Debug)]
pub struct Asks<'m, const BITS: u32> {
    memory: &'m Memory,
    front: Front<'m, Talk<BITS>, Token, MOST, Memory>,
    count: u32,
    verdict: Verdict,
    /// How many requests were staged, and how many of them published.
    staged: u32,
    published: u32,
    /// The numbers of those that came back with an answer.
    back: Vec<u32>,
    honest: Honest,
}

/// The back as the header has it: what it has taken, and how many answers it gave.
#[derive(Debug, Default)]
struct Honest {
    start: u32,
    taken: VecDeque<Message>,
    consumed: u32,
    answered: u32,
}

impl<'m, const BITS: u32> Asks<'m, BITS> {
    /// Sets up a ring of `count` slots, at most eight, whose indices start at `start`.
    #[must_use]
    pub fn new(memory: &'m Memory, kept: &'m mut Kept<BITS>, [count, start]: [u32; 2]) -> Self {
        let slots = Slots::new(count).unwrap();
        let front = memory.attacked(&Rules::none().budget(4), || Front::starting_at(memory, slots, kept, start));
        let honest = Honest { start, ..Honest::default() };
        let back = Vec::new();
        Self { memory, front, count, verdict: Verdict::default(), staged: 0, published: 0, back, honest }
    }

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
        self.back.len() == usize::try_from(self.staged).unwrap_or(usize::MAX)
    }

    /// Returns how many answers came.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.back.len()
    }

    /// Stages a request, if there is room.
    pub fn stage(&mut self) -> bool {
        let Self { memory, front, count, verdict, staged, .. } = self;
        let slots = 64..64 + 16 * usize::try_from(*count).unwrap_or_default();
        let rules = Rules::none().budget(1).copy(slots);
        let done = verdict.run(memory, &rules, || {
            let room = front.room()?;
            let vacancy = front.vacancy()?;
            assert_eq!(room > 0, vacancy.is_some(), "room is for a request");
            let Some(vacancy) = vacancy else { return Ok(false) };
            let token = Token::new(*staged, 7 + *staged % 2);
            let request = Message { id: 0, operation: token.operation, value: *staged };
            vacancy.stage(request, token);
            Ok(true)
        });
        let done = done.unwrap_or(false);
        self.staged += u32::from(done);
        done
    }

    /// Publishes what is staged.
    pub fn publish(&mut self) -> Option<Notify> {
        let Self { memory, front, verdict, .. } = self;
        let rules = Rules::none().budget(3).load(REQ_EVENT, 1);
        let done = verdict.run(memory, &rules, || front.publish());
        if done.is_some() {
            self.published = self.staged;
        }
        done
    }

    /// Takes one answer.
    pub fn poll(&mut self) -> bool {
        let Self { memory, front, verdict, .. } = self;
        let rules = Rules::none().budget(5).load(RSP_PROD, 2).copy(64..4096);
        let answer = verdict.run(memory, &rules, || front.poll_answer()).flatten();
        answer.map(|answer| self.took(answer)).is_some()
    }

    /// Takes answers, at most `budget` of them.
    pub fn poll_many(&mut self, budget: u32) -> Option<More> {
        let Self { memory, front, verdict, .. } = self;
        let most = usize::try_from(budget).unwrap_or_default().min(MOST) + 1;
        let rules = Rules::none().budget(5 * most).load(RSP_PROD, 2 * most).copy(64..4096);
        let mut got = Vec::new();
        let more = verdict.run(memory, &rules, || front.poll_answers(budget, |answer| got.push(answer)));
        got.into_iter().for_each(|answer| self.took(answer));
        more
    }

    fn took(&mut self, answer: Answer<Message, Token>) {
        let Answer { response, payload: token } = answer;
        assert_eq!(response.operation, token.operation, "R14: what was checked is what is handed on");
        assert!(token.number < self.published, "R11: not before it was published");
        self.back.push(token.number());
    }

    /// Has an honest back take what was published.
    pub fn serve(&mut self) {
        let Honest { start, taken, consumed, .. } = &mut self.honest;
        while *consumed < self.published {
            taken.push_back(message_at(self.memory, start.wrapping_add(*consumed), self.count));
            *consumed += 1;
        }
    }

    /// Has an honest back answer the request that it took as number `which` of those without an answer.
    pub fn answer(&mut self, which: usize) -> bool {
        let Honest { start, taken, answered, .. } = &mut self.honest;
        let Some(request) = taken.remove(which) else { return false };
        request.write(self.memory, start.wrapping_add(*answered), self.count);
        *answered += 1;
        bump(self.memory, RSP_PROD);
        true
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
        }
        let Self { memory, front, staged, published, mut back, verdict, .. } = self;
        let left = memory.untouched(|| front.abort_all().collect::<Vec<_>>());
        let mut before = None;
        for unanswered in left {
            let (token, out) = match unanswered {
                Unanswered::Published(token) => (token, true),
                Unanswered::Staged(token) => (token, false),
            };
            let number = token.number();
            assert_eq!(out, number < published, "published is what was published");
            assert!(before < Some(number), "the oldest first");
            before = Some(number);
            back.push(number);
        }
        back.sort_unstable();
        assert!(back.into_iter().eq(0..staged), "R10: each token once");
        memory.is_clean();
        verdict.found(memory)
    }
}
