//! The grant table of a guest.

use core::marker::PhantomData;

use xen_hypercall::op::{grant_table, memory};
use xen_hypercall::{DomId, EpochCell, Errno, Hypercall, IrqGate, NoGate, SharedPage};

use crate::entries::Core;
use crate::free::Queue;
use crate::offer::{Access, Read, Write};
use crate::sync::{AtomicU32, Mutex};
use crate::{ENTRIES_PER_FRAME, Ledger, Offer, OfferError, Refusal, Slot, TableError};

/// Pages in quarantine at which a peer gets no more, unless [`Table::with_cap`] says otherwise.
pub const DEFAULT_CAP: u32 = 64;

/// The version of the table that this library keeps.
const VERSION: u32 = 1;

/// The grant table, version 1.
///
/// The first eight entries are the toolstack's and never touched.
#[derive(Debug)]
pub struct Table<'s, H, G = NoGate> {
    hook: H,
    core: Core<'s, G>,
}

impl<'s, H: Hypercall> Table<'s, H> {
    /// Makes a table of the caller's pages and storage; it has no entry to give until [`Table::rebuild`].
    ///
    /// `frames` are the places where the table's frames get mapped, in order; each has 512 entries. `slots` holds one slot
    /// for each entry from 0 up. The smaller of the two is the limit.
    #[must_use]
    pub const fn new(hook: H, epoch: &'s EpochCell, frames: &'s [SharedPage], slots: &'s [Slot]) -> Self {
        let queue = Mutex::new(Queue::new());
        let life = AtomicU32::new(0);
        Self { hook, core: Core { gate: NoGate, epoch, frames, slots, queue, life, cap: DEFAULT_CAP } }
    }

    /// Puts a gate around every change: needed as soon as an interrupt handler may run in between.
    #[must_use]
    pub fn with_gate<G: IrqGate>(self, gate: G) -> Table<'s, H, G> {
        let Core { epoch, frames, slots, queue, life, cap, .. } = self.core;
        Table { hook: self.hook, core: Core { gate, epoch, frames, slots, queue, life, cap } }
    }
}

impl<H: Hypercall, G: IrqGate> Table<'_, H, G> {
    /// Sets how many pages that a peer did not let go may be in quarantine before it gets no more; at least 1.
    #[must_use]
    pub fn with_cap(mut self, cap: u32) -> Self {
        self.core.cap = cap.max(1);
        self
    }

    /// Maps the table and makes all its entries free: at the start, and in a new domain. Returns the frames mapped.
    ///
    /// All grants of before are void. If Xen has fewer frames for us than there are places, the table is smaller.
    ///
    /// # Errors
    /// [`TableError`]: the table is of another version, or not mapped.
    ///
    /// # Xen
    /// `GNTTABOP_set_version`, `XENMEM_add_to_physmap` of each frame, the highest first.
    pub fn rebuild(&self) -> Result<usize, TableError> {
        // Nothing is given out, and no guard reaches an entry, before all is well.
        self.core.rebuild(0);
        match grant_table::set_version(&self.hook, VERSION) {
            // Where there is no such operation there is no other version.
            Ok(VERSION) | Err(Errno::ENOSYS) => {}
            Ok(_) => return Err(TableError::Version(Errno::EINVAL)),
            Err(errno) => return Err(TableError::Version(errno)),
        }
        let mapped = self.map()?;
        let entries = mapped.saturating_mul(ENTRIES_PER_FRAME).min(self.core.slots.len());
        self.core.rebuild(u32::try_from(entries).unwrap_or(u32::MAX));
        Ok(mapped)
    }

    /// Goes on in the same domain, where all grants are as they were; takes back what peers have let go meanwhile.
    ///
    /// Offers of before may be ended, and fail to as long as the page is mapped.
    pub fn reconcile(&self) {
        self.sweep();
    }

    /// Tries again to end what is in quarantine; the entries, not the pages, come back.
    pub fn sweep(&self) {
        self.core.sweep();
    }

    /// Lets `peer` read a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    pub fn offer_read(&self, page: SharedPage, peer: DomId) -> Result<Offer<'_, Read, G>, OfferError> {
        self.offer(page, peer)
    }

    /// Lets `peer` read and write a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    pub fn offer_write(&self, page: SharedPage, peer: DomId) -> Result<Offer<'_, Write, G>, OfferError> {
        self.offer(page, peer)
    }

    /// Counts the entries.
    pub fn ledger(&self) -> Ledger {
        self.core.locked(|queue| queue.ledger)
    }

    /// Counts the entries that have no guard, but whose page a peer may still reach.
    pub fn quarantined(&self) -> u32 {
        self.ledger().quarantined
    }

    fn offer<A: Access>(&self, page: SharedPage, peer: DomId) -> Result<Offer<'_, A, G>, OfferError> {
        let permit = || {
            if !peer.is_real() {
                return Err(Refusal::NotAPeer(peer));
            }
            let frame = u32::try_from(page.gfn().0).map_err(|_| Refusal::TooHigh(page.gfn()))?;
            self.core.permit(peer, frame, A::FLAGS)
        };
        match permit() {
            Ok(grant) => Ok(Offer { page, grant, access: PhantomData }),
            Err(refusal) => Err(OfferError { page, refusal }),
        }
    }

    /// Maps as many frames as Xen has, the highest first so that the table grows once, and returns how many.
    fn map(&self) -> Result<usize, TableError> {
        let mut mapped = None;
        for (at, frame) in self.core.frames.iter().enumerate().rev() {
            // More frames than numbers there cannot be: the last is left out.
            let Ok(index) = u32::try_from(at) else { continue };
            match memory::map_grant_frame(&self.hook, index, frame) {
                Ok(()) => mapped = mapped.max(at.checked_add(1)),
                // Above Xen's limit; below a frame that it gave there is none.
                Err(_) if mapped.is_none() && index > 0 => {}
                Err(errno) => return Err(TableError::Frame(index, errno)),
            }
        }
        Ok(mapped.unwrap_or(0))
    }
}
