//! A front as it is held: whole, in its halves, or submitting what another ring left.

use super::{Message, Talk, Token};
use crate::adversary::Memory;
use xen_ring::{Answer, Complete, Front, Misbehaved, More, Notify, Replay, Submit, Unanswered, Vacancy};

/// The most slots.
pub(super) const MOST: usize = 8;

type Whole<'m, const BITS: u32> = Front<'m, Talk<BITS>, Token, MOST, Memory>;
type Room<'f, 'm, const BITS: u32> = Vacancy<'f, 'm, Talk<BITS>, Token, MOST, Memory>;

#[derive(Debug)]
pub(super) enum Held<'m, const BITS: u32> {
    Whole(Whole<'m, BITS>),
    Parted(Submit<'m, Talk<BITS>, Token, MOST, Memory>, Complete<'m, Talk<BITS>, Token, MOST, Memory>),
    Replaying(Replay<'m, 'm, Talk<BITS>, Token, MOST, MOST, Memory>),
}

/// Calls the front, or the half of it that has the call; a replay has none for it.
macro_rules! call {
    ($held:expr, $half:tt, $call:ident($($with:expr),*)) => {
        match $held {
            Held::Whole(front) => front.$call($($with),*).map(Some),
            Held::Parted(submit, complete) => call!(@$half submit complete).$call($($with),*).map(Some),
            Held::Replaying(_) => Ok(None),
        }
    };
    (@submit $submit:ident $complete:ident) => {{ let _ = $complete; $submit }};
    (@complete $submit:ident $complete:ident) => {{ let _ = $submit; $complete }};
}

impl<'m, const BITS: u32> Held<'m, BITS> {
    pub(super) fn room(&self) -> Result<Option<u32>, Misbehaved> {
        call!(self, submit, room())
    }

    pub(super) fn vacancy(&mut self) -> Result<Option<Option<Room<'_, 'm, BITS>>>, Misbehaved> {
        call!(self, submit, vacancy())
    }

    pub(super) fn stage_all(
        &mut self,
        requests: impl Iterator<Item = (Message, Token)>,
    ) -> Result<Option<u32>, Misbehaved> {
        call!(self, submit, stage_all(requests))
    }

    pub(super) fn poll_many(
        &mut self,
        budget: u32,
        sink: impl FnMut(Answer<Message, Token>),
    ) -> Result<Option<More>, Misbehaved> {
        call!(self, complete, poll_answers(budget, sink))
    }

    pub(super) fn sweep(
        &mut self,
        budget: u32,
        sink: impl FnMut(Answer<Message, Token>),
    ) -> Result<Option<u32>, Misbehaved> {
        call!(self, complete, sweep(budget, sink))
    }

    pub(super) fn arm(&mut self) -> Result<Option<More>, Misbehaved> {
        call!(self, complete, arm())
    }

    pub(super) fn publish(&mut self) -> Result<Notify, Misbehaved> {
        match self {
            Self::Whole(front) => front.publish(),
            Self::Parted(submit, _) => submit.publish(),
            Self::Replaying(replay) => replay.publish(),
        }
    }

    pub(super) fn poll(&mut self) -> Result<Option<Answer<Message, Token>>, Misbehaved> {
        match self {
            Self::Whole(front) => front.poll_answer(),
            Self::Parted(_, complete) => complete.poll_answer(),
            Self::Replaying(replay) => replay.poll_answer(),
        }
    }

    /// Parts the halves of a front.
    pub(super) fn split(self) -> Self {
        match self {
            Self::Whole(front) => {
                let (submit, complete) = front.split();
                Self::Parted(submit, complete)
            }
            other => other,
        }
    }

    /// Returns the front, put together again if it was parted, unless it still submits what another left.
    pub(super) fn join(self) -> Result<Whole<'m, BITS>, Self> {
        match self {
            Self::Whole(front) => Ok(front),
            Self::Parted(submit, complete) => Ok(Front::join(submit, complete)),
            Self::Replaying(_) => Err(self),
        }
    }

    /// Gives everything up: what is on the ring, and what waited for its submission.
    pub(super) fn give_up(self) -> [Vec<Unanswered<Token>>; 2] {
        match self.join() {
            Ok(front) => [front.abort_all().collect(), Vec::new()],
            Err(Self::Replaying(replay)) => {
                let (ring, set) = replay.abandon();
                [ring.collect(), set.abort_all().collect()]
            }
            Err(_) => unreachable!("all else is joined"),
        }
    }
}
