//! One request and the answer it waits for, the bodies aside.

use crate::wire::{Header, narrow, wide};
use crate::{MessageType, StoreError, decode};

/// Bits of an id that name the place of its exchange; the rest is a generation.
const PLACE_BITS: u32 = 12;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;
/// The most exchanges that ids can tell apart.
pub(crate) const PLACES: usize = 1 << PLACE_BITS;
/// The generation before the first: unlike the small ids of a firmware whose answers may still be in the ring.
const FIRST_GENERATION: u32 = 0x5_1A70;

/// Makes an id of a place and a generation.
pub(crate) const fn id(place: u32, generation: u32) -> u32 {
    generation.wrapping_shl(PLACE_BITS) | (place & PLACE_MASK)
}

/// Returns the place that an id names.
pub(crate) fn place(id: u32) -> usize {
    wide(id & PLACE_MASK)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing is on its way.
    Idle,
    /// To be sent, the smallest number first.
    Staged(u64),
    /// Some of it may be in the ring.
    Sending,
    /// All of it is in the ring: it may be answered.
    Sent,
    /// The same, and nobody waits, but a later request was answered first: this answer is most likely lost.
    Overtaken,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) stage: Stage,
    pub(crate) kind: MessageType,
    pub(crate) transaction: u32,
    /// Requests are sent in this order.
    pub(crate) order: u64,
    generation: u32,
}

impl Exchange {
    pub(crate) const fn new() -> Self {
        Self { stage: Stage::Idle, kind: MessageType::Error, transaction: 0, order: 0, generation: FIRST_GENERATION }
    }

    /// Goes past the ids of so many requests.
    pub(crate) const fn skip(&mut self, requests: u32) {
        self.generation = self.generation.wrapping_add(requests);
    }

    /// Starts a request under an id of its own.
    pub(crate) const fn start(&mut self, kind: MessageType, transaction: u32, order: u64) {
        self.generation = self.generation.wrapping_add(1);
        self.stage = Stage::Staged(order);
        self.kind = kind;
        self.transaction = transaction;
        self.order = order;
    }

    pub(crate) fn id(&self, place: usize) -> u32 {
        id(narrow(place), self.generation)
    }

    pub(crate) fn header(&self, place: usize, len: usize) -> Header {
        Header { kind: self.kind.raw(), request: self.id(place), transaction: self.transaction, len: narrow(len) }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Tells whether nobody need wait for an answer any more.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Overtaken)
    }

    /// Tells whether a message may be the answer.
    pub(crate) fn awaits(&self, place: usize, header: &Header) -> bool {
        matches!(self.stage, Stage::Sent | Stage::Overtaken) && self.id(place) == header.request
    }

    /// Tells whether it is overtaken by the answer to the request of that order.
    pub(crate) const fn falls_behind(&self, order: u64) -> bool {
        matches!(self.stage, Stage::Sent) && self.order < order
    }

    /// Tells what the answer says, a body of success being checked.
    pub(crate) fn judge(&self, header: &Header, body: &[u8]) -> Result<(), StoreError> {
        decode::judge((self.kind, self.transaction), header, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_place_and_is_not_used_again() {
        let mut exchange = Exchange::new();
        let mut last = exchange.id(7);
        for order in 0..if cfg!(miri) { 50 } else { 1000 } {
            exchange.start(MessageType::Read, 0, order);
            assert_eq!(place(exchange.id(7)), 7);
            assert_ne!(exchange.id(7), last);
            last = exchange.id(7);
        }
    }

    #[test]
    fn only_a_request_sent_whole_may_be_answered() {
        let mut exchange = Exchange::new();
        exchange.start(MessageType::Read, 0, 0);
        let header = exchange.header(3, 0);
        assert!(!exchange.awaits(3, &header));
        exchange.stage = Stage::Sending;
        assert!(!exchange.awaits(3, &header));
        exchange.stage = Stage::Sent;
        assert!(exchange.awaits(3, &header));
    }
}
