//! The grant table of a guest.

use xen_hypercall::{DomId, EpochCell, Hypercall, IrqGate, NoGate, SharedPage};

use crate::entries::Core;
use crate::offer::{Read, Write};
use crate::slot::Claim;
use crate::{Account, Grantable, Holding, Ledger, Offer, OfferError, Owner, Page, Slot, Version};

/// The grant table: of version 1, or of version 2 where it was asked for and is to be had.
///
/// The first eight entries are the toolstack's and never touched. A domain has one grant table, so there shall be one of these.
#[derive(Debug)]
pub struct Table<'s, H, G = NoGate> {
    pub(crate) hook: H,
    pub(crate) core: Core<'s, G>,
    /// Frames that are mapped at first, if there are so many places.
    pub(crate) first: usize,
}

impl<'s, H: Hypercall> Table<'s, H> {
    /// Makes a table of the caller's pages and storage; it has no entry to give until [`Table::rebuild`].
    ///
    /// `frames` are the places where the table's frames get mapped, in order; each has 512 entries of version 1, or 256 of
    /// version 2. `slots` holds one slot for each entry from 0 up. The smaller of the two is the limit.
    #[must_use]
    pub const fn new(hook: H, epoch: &'s EpochCell, frames: &'s [SharedPage], slots: &'s [Slot]) -> Self {
        Self { hook, core: Core::new(NoGate, epoch, frames, slots), first: usize::MAX }
    }

    /// Puts a gate around every change: needed as soon as an interrupt handler may run in between.
    #[must_use]
    pub fn with_gate<G: IrqGate>(self, gate: G) -> Table<'s, H, G> {
        let Core { epoch, frames, status, slots, shape, free, aside, .. } = self.core;
        let core = Core { gate, epoch, frames, status, slots, shape, free, aside };
        Table { hook: self.hook, core, first: self.first }
    }
}

impl<'s, H: Hypercall, G: IrqGate> Table<'s, H, G> {
    /// Sets how many pages that a peer did not let go may be in quarantine before it gets no more; at least 1.
    #[must_use]
    pub fn with_cap(mut self, cap: u32) -> Self {
        self.core.aside.cap = cap.max(1);
        self
    }

    /// Sets how many pages may be in quarantine before any peer that has some there gets no more; at least 1.
    #[must_use]
    pub fn with_total_cap(mut self, total: u32) -> Self {
        self.core.aside.total = total.max(1);
        self
    }

    /// Asks for version 2, where it is to be had; `status` are the places of the frames with the status words.
    ///
    /// Each of those is for 8 frames of the table ([`Version::status_frames`]). Where version 2 is refused, the table is of
    /// version 1: pages above 16 TiB cannot be offered then. After each [`Table::rebuild`] it may be another.
    #[must_use]
    pub const fn with_status(mut self, status: &'s [SharedPage]) -> Self {
        self.core.status = status;
        self
    }

    /// Maps so many frames at first, though there are places for more, up to which [`Table::grow`] maps them.
    #[must_use]
    pub const fn with_first(mut self, frames: usize) -> Self {
        self.first = frames;
        self
    }

    /// Returns the version of the table; `None` where it was not made.
    pub fn version(&self) -> Option<Version> {
        self.core.shape.version()
    }

    /// Lets `peer` read a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    ///
    /// # Xen
    /// No hypercall: the steps of `grant_table.h`, "Introducing a valid entry".
    #[doc(alias("gnttab_grant_foreign_access", "gnttab_grant_access"))]
    pub fn offer_read<P: Grantable>(&self, page: P, peer: DomId) -> Result<Offer<'_, Read, G, P>, OfferError<P>> {
        Offer::make(&self.core, page, Claim::new(Owner::NONE, peer))
    }

    /// Lets `peer` read and write a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    ///
    /// # Xen
    /// As [`Table::offer_read`].
    #[doc(alias("gnttab_grant_foreign_access", "gnttab_grant_access"))]
    pub fn offer_write<P: Grantable>(&self, page: P, peer: DomId) -> Result<Offer<'_, Write, G, P>, OfferError<P>> {
        Offer::make(&self.core, page, Claim::new(Owner::NONE, peer))
    }

    /// Offers in the name of an owner.
    pub const fn account(&self, owner: Owner) -> Account<'_, G> {
        Account::new(&self.core, owner)
    }

    /// Tries so many times to end what is in quarantine, and returns the first page that the peer has let go.
    ///
    /// It goes on where it stopped. After [`Table::rebuild`] all pages of before come back.
    #[doc(alias = "gnttab_handle_deferred")]
    pub fn poll_quarantine(&self, budget: u32) -> Option<Page> {
        self.core.poll_quarantine(budget)
    }

    /// Counts the entries.
    pub fn ledger(&self) -> Ledger {
        self.core.count(|_| true)
    }

    /// Lists what peers may reach: at a suspend, or to find a leak.
    pub fn holdings(&self) -> impl Iterator<Item = Holding> + '_ {
        self.core.holdings()
    }

    /// Counts the entries that have no guard, but whose page a peer may still reach.
    pub fn quarantined(&self) -> u32 {
        self.ledger().quarantined
    }
}
