//! What the system's own bus driver offers to drivers of Xen's devices, and the Xen behind it: a double for tests.
//!
//! None of it is of this family: a real system has its own grants, event channels and xenstore client.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Requests that fit into a ring.
pub const RING: usize = 8;

/// What becomes of the next suspend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The domain goes on: a checkpoint, or a save that failed.
    Cancelled,
    /// The domain ends, and the guest goes on in another.
    Moved,
    /// The call is refused.
    Failed,
}

/// A ring that front and back share.
#[derive(Debug, Clone, Copy, Default)]
struct Ring {
    requests: [Option<u64>; RING],
    answers: [Option<u64>; RING],
}

/// Xen, toolstack and backend, with what the bus driver keeps of them.
#[derive(Debug)]
pub struct Bus {
    domain: Cell<u32>,
    store: RefCell<BTreeMap<&'static str, String>>,
    fired: Cell<bool>,
    quiet: Cell<bool>,
    granted: Cell<bool>,
    port: Cell<bool>,
    /// How often the disk was connected.
    pub connects: Cell<usize>,
    ring: RefCell<Ring>,
    served: RefCell<Vec<u64>>,
    /// What becomes of the next suspend.
    pub fate: Cell<Fate>,
    /// The backend does not come up in a new domain.
    pub absent: Cell<bool>,
    /// The backend answers nothing.
    pub stalled: Cell<bool>,
}

impl Bus {
    /// Makes a domain with one disk, which is not connected.
    #[must_use]
    pub fn new() -> Self {
        Self {
            domain: Cell::new(1),
            store: RefCell::new(BTreeMap::new()),
            fired: Cell::new(false),
            quiet: Cell::new(false),
            granted: Cell::new(false),
            port: Cell::new(false),
            connects: Cell::new(0),
            ring: RefCell::new(Ring::default()),
            served: RefCell::new(Vec::with_capacity(1024)),
            fate: Cell::new(Fate::Cancelled),
            absent: Cell::new(false),
            stalled: Cell::new(false),
        }
    }

    // What the bus driver offers.

    /// Grants the ring and binds its port; `None` as long as there is no backend.
    pub fn connect(&self) -> Option<()> {
        if self.absent.get() {
            return None;
        }
        *self.ring.borrow_mut() = Ring::default();
        self.granted.set(true);
        self.port.set(true);
        self.connects.set(self.connects.get().saturating_add(1));
        Some(())
    }

    /// Puts a request on the ring; tells whether there was room.
    pub fn put(&self, id: u64) -> bool {
        let mut ring = self.ring.borrow_mut();
        let place = ring.requests.iter_mut().find(|place| place.is_none());
        place.map(|place| *place = Some(id)).is_some()
    }

    /// Takes an answer off the ring.
    pub fn answer(&self) -> Option<u64> {
        self.ring.borrow_mut().answers.iter_mut().find_map(Option::take)
    }

    /// Reads a node.
    pub fn read(&self, node: &str) -> Option<String> {
        self.store.borrow().get(node).cloned()
    }

    /// Writes a node.
    pub fn write(&self, node: &'static str, value: &str) {
        self.store.borrow_mut().insert(node, value.to_owned());
        self.fired.set(true);
    }

    /// Tells whether a watch fired since this was asked last.
    pub fn watch_fired(&self) -> bool {
        self.fired.take()
    }

    /// Holds requests to xenstore back.
    pub fn hold_store(&self) {
        self.quiet.set(true);
    }

    /// Lets requests to xenstore in again.
    pub fn open_store(&self) {
        self.quiet.set(false);
    }

    /// Forgets the grants and ports of a domain that is gone. From any level.
    pub fn forget(&self) {
        self.granted.set(false);
        self.port.set(false);
    }

    // Xen.

    /// Makes the suspend call.
    ///
    /// # Panics
    /// If requests to xenstore are not held back.
    pub fn suspend(&self) -> isize {
        assert!(self.quiet.get(), "a request to xenstore is under way");
        match self.fate.get() {
            Fate::Cancelled => 1,
            Fate::Failed => -22,
            Fate::Moved => {
                self.domain.set(self.domain.get().saturating_add(1));
                self.port.set(false);
                0
            }
        }
    }

    /// Tells whether the port of the disk still exists: Xen knows none in a new domain.
    pub const fn port_exists(&self) -> bool {
        self.port.get()
    }

    /// Returns the number of the domain.
    pub const fn domain(&self) -> u32 {
        self.domain.get()
    }

    // The backend.

    /// The backend serves what lies on the ring; tells whether it sends an event.
    pub fn serve(&self) -> bool {
        if !self.granted.get() || !self.port.get() || self.stalled.get() {
            return false;
        }
        let mut ring = self.ring.borrow_mut();
        let Ring { requests, answers } = &mut *ring;
        let mut any = false;
        for (request, answer) in requests.iter_mut().zip(answers).filter(|(_, answer)| answer.is_none()) {
            if let Some(id) = request.take() {
                self.served.borrow_mut().push(id);
                *answer = Some(id);
                any = true;
            }
        }
        any
    }

    /// Returns the requests that the backend did, in its order; one that was issued again is there twice.
    pub fn served(&self) -> Vec<u64> {
        self.served.borrow().clone()
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}
