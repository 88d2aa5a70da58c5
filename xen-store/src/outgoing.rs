//! The one message that is being sent.

use crate::wire::{HEADER_SIZE, Header, MESSAGE_MAX};

/// A message on its way into the ring: it goes out whole before the next one begins.
#[derive(Debug)]
pub(crate) struct Outgoing {
    bytes: [u8; MESSAGE_MAX],
    at: usize,
    end: usize,
    /// The place of its exchange.
    pub(crate) place: usize,
}

impl Outgoing {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; MESSAGE_MAX], at: 0, end: 0, place: 0 }
    }

    pub(crate) fn load(&mut self, place: usize, header: Header, body: &[u8]) {
        let (head, rest) = self.bytes.split_at_mut(HEADER_SIZE);
        head.copy_from_slice(&header.encode());
        for (to, from) in rest.iter_mut().zip(body) {
            *to = *from;
        }
        self.at = 0;
        self.end = HEADER_SIZE.saturating_add(body.len()).min(MESSAGE_MAX);
        self.place = place;
    }

    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..self.end).unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// Takes note that `count` bytes are in the ring and tells whether they were the message's last.
    pub(crate) fn advance(&mut self, count: usize) -> bool {
        let count = count.min(self.rest().len());
        self.at = self.at.saturating_add(count);
        count > 0 && self.is_empty()
    }

    pub(crate) const fn clear(&mut self) {
        self.end = self.at;
    }
}
