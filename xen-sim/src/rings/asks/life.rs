//! How a ring comes to be, takes another form, and is left.

use super::super::honest::Honest;
use super::super::left::Left;
use super::super::{REQ_PROD, RSP_PROD, Verdict};
use super::{Asks, Held, Kept, many};
use crate::adversary::{Memory, Rules};
use xen_hypercall::Nanos;
use xen_ring::{Drain, Front, Misbehaved, Slots};

impl<'m, const BITS: u32> Asks<'m, BITS> {
    /// Sets up a ring of `count` slots, at most eight, whose indices start at `start`.
    #[must_use]
    pub fn new(memory: &'m Memory, kept: &'m mut Kept<BITS>, [count, start]: [u32; 2]) -> Self {
        let slots = Slots::new(count).unwrap();
        let front = memory.attacked(&Rules::none().budget(4), || Front::starting_at(memory, slots, kept, start));
        Self::of(memory, Held::Whole(front), [count, start])
    }

    /// Takes the front of a ring whose indices stand at `start`, or wherever the adversary has them.
    ///
    /// # Errors
    /// As [`Front::attach`].
    pub fn attach(memory: &'m Memory, kept: &'m mut Kept<BITS>, [count, start]: [u32; 2]) -> Result<Self, Misbehaved> {
        let slots = Slots::new(count).unwrap();
        let rules = Rules::none().budget(3).load(REQ_PROD, 1).load(RSP_PROD, 1);
        let front = memory.attacked(&rules, || Front::attach(memory, slots, kept))?;
        Ok(Self::of(memory, Held::Whole(front), [count, start]))
    }

    /// Sets up a ring amid its work, the peer being still: so many requests staged and published, and so many of them answered.
    pub fn amid(memory: &'m Memory, kept: &'m mut Kept<BITS>, ring: [u32; 2], [staged, answered]: [usize; 2]) -> Self {
        memory.peace(|| {
            let mut front = Self::new(memory, kept, ring);
            (0..staged).for_each(|_| assert!(front.stage()));
            assert!(staged == 0 || front.publish().is_some());
            front.serve();
            (0..answered).for_each(|_| assert!(front.answer(0)));
            front
        })
    }

    /// Has this ring, which is new, submit what another left, ahead of anything else.
    #[must_use]
    pub fn replaying(self, left: Left<'m, BITS>) -> Self {
        let Left { memory, set, owed, next, .. } = left;
        let Ok(front) = self.held.join() else { unreachable!("a new ring replays nothing yet") };
        let held = Held::Replaying(memory.untouched(|| set.onto(front)));
        Self { held, owed: owed.into(), next, ..self }
    }

    fn of(memory: &'m Memory, held: Held<'m, BITS>, ring: [u32; 2]) -> Self {
        let honest = Honest::new(ring);
        let (staged, back, owed) = <_>::default();
        let verdict = Verdict::default();
        Self { memory, held, verdict, staged, published: 0, back, owed, next: 0, honest }
    }

    /// Parts its halves, each of which does its part from here on.
    #[must_use]
    pub fn split(self) -> Self {
        Self { held: self.held.split(), ..self }
    }

    /// Puts the halves together again.
    #[must_use]
    pub fn join(self) -> Self {
        Self { held: self.held.join().map_or_else(|held| held, Held::Whole), ..self }
    }

    /// Opens a ring that submitted what another left to what is new; until all of that is published it stays as it is.
    #[must_use]
    pub fn open(self) -> Self {
        let Held::Replaying(replay) = self.held else { return self };
        let done = self.memory.untouched(|| replay.finish());
        assert_eq!(done.is_ok(), self.owed.is_empty() && self.published == self.staged.len(), "nothing new overtakes");
        Self { held: done.map_or_else(Held::Replaying, Held::Whole), ..self }
    }

    /// Drains it for a moment, by at most `budget` answers, and goes on.
    #[must_use]
    pub fn drain(mut self, budget: u32) -> Self {
        let front = match self.held.join() {
            Ok(front) => front,
            Err(held) => return Self { held, ..self },
        };
        let (deadline, now) = (Nanos(100), Nanos(99 + u64::from(budget % 2)));
        let mut quiet = front.quiesce(deadline);
        let (mut got, rules) = (Vec::new(), many(budget));
        let drain = self.verdict.run(self.memory, &rules, || quiet.poll(now, budget, |answer| got.push(answer)));
        assert_eq!(quiet.deadline(), deadline);
        self.held = Held::Whole(quiet.resume());
        let taken = got.len();
        got.into_iter().for_each(|answer| self.took(answer));
        let owed = self.published > self.back.len();
        match drain {
            Some(Drain::Empty) => assert!(!owed, "what is with the peer is not forgotten"),
            Some(Drain::Expired) => assert!(owed && now >= deadline, "not before its time"),
            Some(Drain::More) => assert!(owed && Ok(taken) == usize::try_from(budget), "R20: the budget ran out"),
            Some(Drain::Wait) => assert!(owed && now < deadline, "there is time"),
            None => {}
        }
        self
    }

    /// Gives the ring up for one that replaces it; a ring that still submits what another left stays as it is.
    ///
    /// # Errors
    /// Itself, if it stays.
    pub fn leave(self) -> Result<Left<'m, BITS>, Self> {
        let memory = self.memory;
        let set = match self.held.join() {
            Ok(front) => memory.untouched(|| front.quiesce(Nanos(0)).abandon().into_replay()),
            Err(held) => return Err(Self { held, ..self }),
        };
        let Self { staged, published, back, next, verdict, .. } = self;
        memory.finish();
        let found = verdict.found(memory);
        let owed = staged.into_iter().enumerate().map(|(at, number)| (number, at < published));
        let owed = owed.filter(|(number, _)| !back.contains(number)).collect();
        Ok(Left { memory, set, owed, next, found })
    }
}
