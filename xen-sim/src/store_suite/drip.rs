//! Bytes one by one, each way, with the server told of each.

use std::cell::Cell;

use xen_hypercall::Nanos;
use xen_store::{Fault, Link, Transport};

/// A transport that lets one byte pass at a time.
#[derive(Debug)]
pub struct Drip<'d, T> {
    under: T,
    held: &'d Cell<bool>,
    turn: bool,
}

/// The link beside it, which does not wait for the server while the transport held something back.
#[derive(Debug)]
pub struct Tap<'d, L> {
    under: L,
    held: &'d Cell<bool>,
}

impl<'d, T> Drip<'d, T> {
    /// Goes around a transport; `held` is for its link, too.
    pub const fn new(under: T, held: &'d Cell<bool>) -> Self {
        Self { under, held, turn: false }
    }
}

impl<'d, L> Tap<'d, L> {
    /// Goes around a link.
    pub const fn new(under: L, held: &'d Cell<bool>) -> Self {
        Self { under, held }
    }
}

impl<T: Transport> Transport for Drip<'_, T> {
    fn send(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        self.turn = !self.turn;
        if !self.turn {
            self.held.set(true);
            return Ok(0);
        }
        self.under.send(bytes.get(..1).unwrap_or(bytes))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let one = buffer.get_mut(..1).unwrap_or_default();
        self.under.receive(one)
    }

    fn is_drained(&mut self) -> Result<bool, Fault> {
        self.under.is_drained()
    }

    fn wants_event(&mut self, sent: usize, received: usize) -> Result<bool, Fault> {
        self.under.wants_event(sent, received)
    }
}

impl<L: Link> Link for Tap<'_, L> {
    fn notify(&self) {
        self.under.notify();
    }

    fn now(&self) -> Nanos {
        self.under.now()
    }

    fn wait(&self, deadline: Nanos) {
        if !self.held.take() {
            self.under.wait(deadline);
        }
    }
}
