//! The back of a slot ring as the header has it.

use super::talk::bump;
use super::{Message, RSP_PROD, message_at};
use crate::adversary::Memory;
use std::collections::VecDeque;

/// An honest back: what it has taken, and how many answers it gave.
#[derive(Debug)]
pub(super) struct Honest {
    /// Slots of the ring.
    pub(super) count: u32,
    start: u32,
    taken: VecDeque<Message>,
    consumed: u32,
    answered: u32,
}

impl Honest {
    /// Makes the back of a ring of `count` slots whose indices stand at `start`.
    pub(super) const fn new([count, start]: [u32; 2]) -> Self {
        Self { count, start, taken: VecDeque::new(), consumed: 0, answered: 0 }
    }

    /// Takes what was published: requests with these numbers, in this order.
    pub(super) fn take(&mut self, memory: &Memory, published: &[u32]) {
        for number in published.iter().skip(usize::try_from(self.consumed).unwrap_or_default()) {
            let message = message_at(memory, self.start.wrapping_add(self.consumed), self.count);
            assert!(memory.lied() || message.value == *number, "in the order of their submission");
            self.taken.push_back(message);
            self.consumed += 1;
        }
    }

    /// Answers the request that it took as number `which` of those without an answer, and tells whether there is one.
    pub(super) fn answer(&mut self, memory: &Memory, which: usize) -> bool {
        let Some(request) = self.taken.remove(which) else { return false };
        request.write(memory, self.start.wrapping_add(self.answered), self.count);
        self.answered += 1;
        bump(memory, RSP_PROD);
        true
    }
}
