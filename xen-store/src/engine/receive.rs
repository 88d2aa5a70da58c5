//! Bytes from the server.

use super::Core;
use crate::exchange::place;
use crate::slot::Slot;
use crate::watch::{self, Watch};
use crate::wire::Header;
use crate::{Fault, MessageType, Reject, StoreError};

/// Answers to nothing that are put up with, a connection.
const STRAYS_MAX: u32 = 256;

impl<const REQUESTS: usize, const WATCHES: usize> Core<REQUESTS, WATCHES> {
    /// Takes bytes from the ring, in any pieces.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`], now or from before: the session is over, and everything under way is completed with it.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.check()?;
        if !bytes.is_empty() {
            self.watchdog.moved();
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.parser.push(rest).and_then(|taken| self.deliver().map(|()| taken));
            match taken {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(fault) => {
                    self.handle_fault(fault);
                    return Err(StoreError::Poisoned(fault));
                }
            }
        }
        Ok(())
    }

    /// Gives the message at hand, if it is whole, to whom it is for.
    fn deliver(&mut self) -> Result<(), Fault> {
        let order = self.next_order();
        let Self { parser, slots, watches, .. } = self;
        let Some((header, body)) = parser.message() else { return Ok(()) };
        let found = if header.kind == MessageType::WatchEvent.raw() {
            if watch::deliver(watches, body) { Found::Taken } else { Found::Ignored }
        } else {
            let message = Message { header, body, order };
            let (found, answered) =
                message.to_slot(slots).or_else(|| message.to_watch(watches, REQUESTS)).unwrap_or((Found::Stray, 0));
            slots.iter_mut().for_each(|slot| slot.overtaken(answered));
            watches.iter_mut().for_each(|watch| watch.overtaken(answered, order));
            if let Some(read) = slots.get_mut(place(header.request)).filter(|_| answered > 0).and_then(Slot::take_reads)
            {
                watch::forget(watches, read);
            }
            found
        };
        parser.clear();
        self.account(found)
    }

    fn account(&mut self, found: Found) -> Result<(), Fault> {
        match found {
            Found::Taken => {}
            Found::Begun => self.open = self.open.saturating_add(1),
            Found::Doomed(transaction) => self.doom(transaction),
            Found::Ignored => self.counters.ignored_events = self.counters.ignored_events.saturating_add(1),
            Found::Stray => {
                self.counters.strays = self.counters.strays.saturating_add(1);
                if self.counters.strays > STRAYS_MAX {
                    return Err(Fault::Strays);
                }
            }
        }
        Ok(())
    }
}

/// What became of a message.
enum Found {
    Taken,
    /// A transaction of ours has begun.
    Begun,
    /// Its request failed in a way that spoils this transaction.
    Doomed(u32),
    /// An event for nobody.
    Ignored,
    /// An answer to nothing.
    Stray,
}

/// An answer, and the order of a request that may have to follow it.
struct Message<'m> {
    header: Header,
    body: &'m [u8],
    order: u64,
}

impl Message<'_> {
    /// Gives it to the request that it answers, and tells the order of that.
    fn to_slot(&self, slots: &mut [Slot]) -> Option<(Found, u64)> {
        let place = place(self.header.request);
        let slot = slots.get_mut(place).filter(|slot| slot.exchange.awaits(place, &self.header))?;
        let (transaction, answered) = (slot.exchange.transaction, slot.exchange.order);
        let found = match slot.answer(&self.header, self.body, self.order) {
            Err(StoreError::Rejected(Reject::WrongTransaction(_))) => Found::Doomed(transaction),
            Ok(()) if slot.has_begun() => Found::Begun,
            _ => Found::Taken,
        };
        Some((found, answered))
    }

    fn to_watch(&self, watches: &mut [Watch], first: usize) -> Option<(Found, u64)> {
        let place = place(self.header.request);
        let watch = watches.get_mut(place.checked_sub(first)?)?;
        if !watch.exchange.awaits(place, &self.header) {
            return None;
        }
        let answered = watch.exchange.order;
        watch.answer(&self.header, self.body, self.order);
        Some((Found::Taken, answered))
    }
}
