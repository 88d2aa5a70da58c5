//! Bytes for the server.

use super::Core;
use crate::exchange::{Exchange, Stage};

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Returns bytes for the ring, of one message at most; `None` if there is nothing to send, or the server has as many
    /// requests as it may ([`set_window`](Self::set_window)).
    ///
    /// Put in as many as fit and say how many to [`handle_transmitted`](Self::handle_transmitted).
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        if self.out.is_empty() {
            self.load()?;
        }
        Some(match self.slots.get(self.out.place) {
            Some(slot) => slot.body.sealed(self.out.at, self.out.end),
            None => self.out.rest_of_watch(),
        })
    }

    /// Takes note that the first `count` of the bytes last polled are in the ring.
    pub fn handle_transmitted(&mut self, count: usize) {
        if count > 0 {
            self.watchdog.moved();
        }
        if !self.out.advance(count) {
            return;
        }
        self.counters.sent = self.counters.sent.saturating_add(1);
        let place = self.out.place;
        if let Some(exchange) = self.exchange(place) {
            exchange.stage = Stage::Sent;
        }
    }

    /// Readies the request that waits the longest.
    fn load(&mut self) -> Option<()> {
        let mut with_server: usize = 0;
        let mut next: Option<(u64, usize)> = None;
        for (place, exchange) in self.exchanges().enumerate() {
            match exchange.stage {
                Stage::Staged(order) if next.is_none_or(|(least, _)| order < least) => next = Some((order, place)),
                Stage::Sending | Stage::Sent => with_server = with_server.saturating_add(1),
                Stage::Staged(_) | Stage::Idle | Stage::Overtaken => {}
            }
        }
        let (_, place) = next.filter(|_| with_server < self.window)?;
        if let Some(slot) = self.slots.get_mut(place) {
            // It stays there as it is until it is sent: a slot is not taken for another before that.
            let header = slot.exchange.header(place, slot.body.as_bytes().len());
            self.out.begin(place, slot.body.seal(header));
        } else {
            let index = place.checked_sub(REQUESTS)?;
            let watch = self.watches.get(index)?;
            let body = watch.body(index, self.features);
            self.out.begin_watch(place, watch.exchange.header(place, body.as_bytes().len()), &body);
        }
        self.exchange(place)?.stage = Stage::Sending;
        Some(())
    }

    fn exchange(&mut self, place: usize) -> Option<&mut Exchange> {
        match self.slots.get_mut(place) {
            Some(slot) => Some(&mut slot.exchange),
            None => self.watches.get_mut(place.checked_sub(REQUESTS)?).map(|watch| &mut watch.exchange),
        }
    }
}
