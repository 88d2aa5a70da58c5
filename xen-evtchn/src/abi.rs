//! What is done to one port, in whichever ABI is in force.

use core::sync::atomic::{AtomicU32, Ordering};

use xen_hypercall::op::event_channel;
use xen_hypercall::{Errno, Hypercall, IrqGate, Port};

use crate::bits::{Bit, MAX_PORTS};
use crate::sync::{self, AtomicU64};
use crate::{Events, fifo};

/// Where a port's event and mask are.
pub(crate) enum Place<'a> {
    Bits(Bit<'a, AtomicU64>),
    Word(&'a AtomicU32),
}

impl<H: Hypercall, G: IrqGate> Events<'_, H, G> {
    /// Finds a port's place; `None` for a number that the ABI does not have.
    #[inline]
    pub(crate) fn place(&self, port: Port) -> Option<Place<'_>> {
        match self.in_fifo() {
            None => Bit::of(self.info, port).map(Place::Bits),
            Some(fifo) => fifo.word(port).map(Place::Word),
        }
    }

    /// Returns how many ports the ABI has, with a word or without.
    pub(crate) fn most(&self) -> usize {
        self.in_fifo().map_or(MAX_PORTS, |_| fifo::MAX_FIFO_PORTS)
    }

    /// Masks every port that the ABI has.
    pub fn mask_all(&self) {
        match self.in_fifo() {
            None => self.mask_two_level(),
            Some(fifo) => fifo.mask_all(),
        }
    }

    pub(crate) fn mask_two_level(&self) {
        for word in sync::mask(self.info) {
            word.store(u64::MAX, Ordering::SeqCst);
        }
    }

    pub(crate) fn mask(&self, port: Port) {
        match self.place(port) {
            Some(Place::Bits(bit)) => bit.mask(),
            Some(Place::Word(word)) => fifo::mask(word),
            None => {}
        }
    }

    pub(crate) fn is_masked(&self, port: Port) -> bool {
        match self.place(port) {
            Some(Place::Bits(bit)) => bit.is_masked(),
            Some(Place::Word(word)) => fifo::is_masked(word),
            None => false,
        }
    }

    pub(crate) fn is_pending(&self, port: Port) -> bool {
        match self.place(port) {
            Some(Place::Bits(bit)) => bit.is_pending(),
            Some(Place::Word(word)) => fifo::is_pending(word),
            None => false,
        }
    }

    /// Tells whether the port is in a queue; in the 2-level ABI it never is.
    pub(crate) fn is_linked(&self, port: Port) -> bool {
        matches!(self.place(port), Some(Place::Word(word)) if fifo::is_linked(word))
    }

    pub(crate) fn take_pending(&self, port: Port) -> bool {
        match self.place(port) {
            Some(Place::Bits(bit)) => bit.take_pending(),
            Some(Place::Word(word)) => fifo::take_pending(word),
            None => false,
        }
    }

    /// Unmasks a port, and has Xen deliver what is pending; to be called in a section of the gate.
    pub(crate) fn unmask(&self, port: Port) -> Result<(), Errno> {
        let done = match self.place(port) {
            Some(Place::Bits(bit)) => !bit.unmask(),
            Some(Place::Word(word)) => fifo::unmask(word) == fifo::Unmasked::Done,
            None => true,
        };
        if done { Ok(()) } else { event_channel::unmask(&self.hook, port) }
    }

    /// Has an event that was found by the wrong processor delivered to the right one; to be called in a section of the gate.
    pub(crate) fn raise_again(&self, port: Port) {
        // Refused, it is as deaf as its own unmasking would have left it.
        let _ = match self.place(port) {
            Some(Place::Bits(bit)) if bit.is_masked() => Ok(()),
            Some(Place::Word(word)) if fifo::is_masked(word) => Ok(()),
            Some(Place::Word(word)) if fifo::is_pending(word) => {
                fifo::mask(word);
                event_channel::unmask(&self.hook, port)
            }
            _ => self.unmask(port),
        };
    }
}
