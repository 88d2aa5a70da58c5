//! The one message that is being sent.

use crate::watch::{WATCH_BODY_MAX, WatchBody};
use crate::wire::{HEADER_SIZE, Header};

/// A message on its way into the ring, which goes out whole before the next one begins: that of a slot, where it stands, or
/// that of a watch, which is made when it is sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    watch: [u8; HEADER_SIZE + WATCH_BODY_MAX],
    pub(crate) at: usize,
    pub(crate) end: usize,
    /// The place of its exchange.
    pub(crate) place: usize,
}

impl Outgoing {
    pub(crate) const fn new() -> Self {
        Self { watch: [0; HEADER_SIZE + WATCH_BODY_MAX], at: 0, end: 0, place: 0 }
    }

    /// Begins with a message of so many bytes.
    pub(crate) const fn begin(&mut self, place: usize, len: usize) {
        self.at = 0;
        self.end = len;
        self.place = place;
    }

    /// Begins with the message of a watch.
    pub(crate) fn begin_watch(&mut self, place: usize, header: Header, body: &WatchBody) {
        let (head, rest) = self.watch.split_at_mut(HEADER_SIZE);
        head.copy_from_slice(&header.encode());
        for (to, from) in rest.iter_mut().zip(body.as_bytes()) {
            *to = *from;
        }
        self.begin(place, HEADER_SIZE.saturating_add(body.as_bytes().len()));
    }

    /// Returns what is left of the message of a watch.
    pub(crate) fn rest_of_watch(&self) -> &[u8] {
        self.watch.get(self.at..self.end).unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// Takes note that `count` bytes are in the ring and tells whether they were the message's last.
    pub(crate) fn advance(&mut self, count: usize) -> bool {
        let count = count.min(self.end.saturating_sub(self.at));
        self.at = self.at.saturating_add(count);
        count > 0 && self.is_empty()
    }

    pub(crate) const fn clear(&mut self) {
        self.end = self.at;
    }
}
