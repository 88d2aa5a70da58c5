//! The disk: requests in flight, and what becomes of them in a suspend.

use core::task::Poll;
use std::rc::Rc;

use xen_suspend::{Class, Dark, DeviceSuspend, Refusal};

use crate::bus::{Bus, RING};

/// A request that is not answered.
#[derive(Debug, Clone, Copy)]
struct Request {
    id: u64,
    /// It lies on the ring of this domain.
    issued: bool,
}

/// A disk driver's own record. All its storage is there from the beginning.
#[derive(Debug)]
pub(crate) struct Disk {
    bus: Rc<Bus>,
    flight: [Option<Request>; RING],
    /// Answered, in order.
    done: Vec<u64>,
    /// Nothing is put on the ring.
    stopped: bool,
    connected: bool,
    /// The coordinator did not wait for it any longer: it connects by itself.
    given_up: bool,
}

impl Disk {
    pub(crate) fn new(bus: Rc<Bus>) -> Self {
        let connected = bus.connect().is_some();
        Self { bus, flight: [None; RING], done: Vec::with_capacity(1024), stopped: false, connected, given_up: false }
    }

    /// Submits a request; tells whether there was room. While the disk is stopped it waits.
    pub(crate) fn submit(&mut self, id: u64) -> bool {
        let Some(place) = self.flight.iter_mut().find(|place| place.is_none()) else { return false };
        *place = Some(Request { id, issued: false });
        self.issue();
        true
    }

    /// Takes the answers that are there.
    pub(crate) fn harvest(&mut self) {
        while let Some(answer) = self.bus.answer() {
            let asked =
                |place: &&mut Option<Request>| place.is_some_and(|request| request.issued && request.id == answer);
            // An answer to what was not asked is a lie.
            if let Some(place) = self.flight.iter_mut().find(asked) {
                *place = None;
                self.done.push(answer);
            }
        }
    }

    pub(crate) fn done(&self) -> Vec<u64> {
        self.done.clone()
    }

    /// Connects after it was given up; tells whether it did.
    pub(crate) fn comes_back(&mut self) -> bool {
        self.given_up && self.connect()
    }

    /// A ring of its own in this domain; what was not answered is issued again.
    fn connect(&mut self) -> bool {
        self.connected = self.bus.connect().is_some();
        if self.connected {
            (self.stopped, self.given_up) = (false, false);
            self.flight.iter_mut().flatten().for_each(|request| request.issued = false);
            self.issue();
        }
        self.connected
    }

    /// Puts on the ring what does not lie there.
    fn issue(&mut self) {
        if self.stopped || !self.connected {
            return;
        }
        for request in self.flight.iter_mut().flatten().filter(|request| !request.issued) {
            request.issued = self.bus.put(request.id);
        }
    }
}

impl DeviceSuspend for Disk {
    fn prepare(&mut self) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn unprepare(&mut self) {}

    fn freeze(&mut self) -> Poll<Result<(), Refusal>> {
        self.stopped = true;
        Poll::Ready(Ok(()))
    }

    /// The same ring, with all that lies on it: only what came meanwhile is missing there.
    fn thaw(&mut self, _: Class) {
        self.stopped = false;
        self.issue();
    }

    fn dark_harvest(&mut self, _: &Dark<'_>) {
        self.harvest();
    }

    fn resume(&mut self, _: Class) -> Poll<Result<(), Refusal>> {
        if self.connect() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn degrade(&mut self) {
        self.given_up = true;
    }
}
