//! Offers in somebody's name.

use core::fmt;

use xen_hypercall::{DomId, IrqGate, NoGate};

use crate::entries::Core;
use crate::offer::{Read, Write};
use crate::slot::Claim;
use crate::{Grantable, Ledger, Offer, OfferError, Owner, Pool, Refusal};

/// The table, for offers of one owner.
pub struct Account<'t, G = NoGate> {
    core: &'t Core<'t, G>,
    owner: Owner,
}

impl<'t, G> Account<'t, G> {
    pub(crate) const fn new(core: &'t Core<'t, G>, owner: Owner) -> Self {
        Self { core, owner }
    }
}

impl<'t, G: IrqGate> Account<'t, G> {
    /// Lets `peer` read a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    ///
    /// # Xen
    /// As [`Table::offer_read`](crate::Table::offer_read).
    #[doc(alias = "gnttab_grant_foreign_access")]
    pub fn offer_read<P: Grantable>(&self, page: P, peer: DomId) -> Result<Offer<'t, Read, G, P>, OfferError<P>> {
        Offer::make(self.core, page, self.claim(peer))
    }

    /// Lets `peer` read and write a page.
    ///
    /// # Errors
    /// [`OfferError`] with the page.
    ///
    /// # Xen
    /// As [`Table::offer_read`](crate::Table::offer_read).
    #[doc(alias = "gnttab_grant_foreign_access")]
    pub fn offer_write<P: Grantable>(&self, page: P, peer: DomId) -> Result<Offer<'t, Write, G, P>, OfferError<P>> {
        Offer::make(self.core, page, self.claim(peer))
    }

    /// Makes a pool of entries for offers to `peer`; it is empty until it is used, or [`Pool::reserve`] is called.
    ///
    /// # Errors
    /// [`Refusal::NotAPeer`].
    #[doc(alias = "gnttab_alloc_grant_references")]
    pub fn pool<const N: usize>(&self, peer: DomId) -> Result<Pool<'t, G, N>, Refusal> {
        Pool::new(self.core, self.claim(peer))
    }

    /// Counts the owner's entries.
    pub fn ledger(&self) -> Ledger {
        self.core.count(|state| state.owner == self.owner)
    }

    const fn claim(&self, peer: DomId) -> Claim {
        Claim::new(self.owner, peer)
    }
}

impl<G> fmt::Debug for Account<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("owner", &self.owner).finish_non_exhaustive()
    }
}
