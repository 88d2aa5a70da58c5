//! The daemons of dom0 at the guest's rings: when they look, and whom they tell.

use crate::events::Service;
use crate::memory::{CONSOLE_GFN, Frame, STORE_GFN};
use crate::violation::Violation;
use crate::world::{Task, World};
use crate::xenstored::connection::{Connection, Next};
use crate::xenstored::ring;

impl World {
    fn store_page(&self) -> Frame {
        self.memory.frame(STORE_GFN).expect("a special frame")
    }

    /// xenstored looks at the ring.
    pub(crate) fn serve_store(&mut self) {
        if !self.is_alive() || !self.config.store.is_working() {
            return;
        }
        let page = self.store_page();
        if self.store.guest.ignored {
            return;
        }
        if ring::is_asked_to_reconnect(page) {
            if !self.config.offers.reconnection {
                return self.violation(Violation::ReconnectNotOffered);
            }
            ring::reconnect(page);
            self.store.guest = Connection::new(self.domain.id);
            return self.notify_store();
        }
        match ring::receive(page, &mut self.store.guest) {
            Ok(0) => {}
            Ok(_) => self.notify_store(),
            Err(error) => return self.break_store(error),
        }
        self.serve_requests();
        self.flush_store();
    }

    fn serve_requests(&mut self) {
        loop {
            match self.store.guest.next_request() {
                Next::NotYet => return,
                Next::TooLong => return self.break_store(ring::RingError::Protocol),
                Next::Request(request) => {
                    let now = self.now();
                    if !self.store.guest.asked(request.request) {
                        self.violation(Violation::RequestIdInUse(request.request));
                    }
                    let path = self.records.store_request(&request, now);
                    let twist = self.faults.twist(request.op, &path, self.domain.id);
                    self.store.serve(&request, twist, now);
                }
            }
        }
    }

    fn break_store(&mut self, error: ring::RingError) {
        let page = self.store_page();
        if self.config.offers.error {
            ring::report(page, error);
        }
        self.store.guest.ignored = true;
        self.violation(Violation::BrokenStoreRing);
        self.notify_store();
    }

    /// Sends what the guest has room for.
    pub(crate) fn flush_store(&mut self) {
        if !self.is_alive() || self.store.guest.ignored || !self.config.store.is_working() {
            return;
        }
        let (page, now) = (self.store_page(), self.now());
        match ring::send(page, &mut self.store.guest, now) {
            Ok(0) => {}
            Ok(_) => self.notify_store(),
            Err(error) => return self.break_store(error),
        }
        if let Some(later) = self.store.guest.outgoing.front().map(|first| first.not_before).filter(|at| *at > now) {
            self.schedule(later, Task::Store);
        }
    }

    /// The guest makes the suspend call: what it left half done with xenstored.
    pub(crate) fn suspended_with_store(&mut self) {
        if !self.config.store.is_working() || self.store.guest.ignored {
            return;
        }
        if !ring::is_between_messages(self.store_page(), &self.store.guest) {
            self.violation(Violation::SuspendedAmidMessage);
        }
        let open: Vec<u32> = self.store.guest.transactions.keys().copied().collect();
        for transaction in open {
            self.violation(Violation::SuspendedInTransaction(transaction));
        }
    }

    fn notify_store(&mut self) {
        self.notify_from(Service::Store);
    }

    pub(crate) fn serve_console(&mut self) {
        if !self.is_alive() || !self.config.console.is_working() {
            return;
        }
        let page = self.memory.frame(CONSOLE_GFN).expect("a special frame");
        match self.console.serve(page) {
            Some(true) => self.notify_from(Service::Console),
            Some(false) => {}
            None => self.violation(Violation::BrokenConsoleRing),
        }
    }
}
