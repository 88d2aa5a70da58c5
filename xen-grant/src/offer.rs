//! The guard of a page that another domain may reach.

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use xen_hypercall::{DomId, Epoch, GrantRef, IrqGate, NoGate, SharedPage};

use crate::entries::{Core, Ended, Given, Grant};
use crate::entry::Flags;
use crate::slot::Claim;
use crate::{Grantable, OfferError, Owner, Refusal, StillMapped};

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl Sealed for super::Read {}
    impl Sealed for super::Write {}
}

/// What may be done with a page across domains: [`Read`] or [`Write`].
pub trait Access: sealed::Sealed {
    #[doc(hidden)]
    const FLAGS: Flags;
}

/// Reading only.
#[derive(Debug)]
pub enum Read {}

/// Reading and writing.
#[derive(Debug)]
pub enum Write {}

impl Access for Read {
    const FLAGS: Flags = Flags::PERMIT_ACCESS.union(Flags::READ_ONLY);
}

impl Access for Write {
    const FLAGS: Flags = Flags::PERMIT_ACCESS;
}

/// A page and the grant by which another domain may reach it.
///
/// [`Offer::end`] gives the page back. Dropping the offer ends the access too, if the peer lets it, and the page is dropped
/// with it; else both go to quarantine, from where [`Table::poll_quarantine`](crate::Table::poll_quarantine) gives the page
/// back once the peer has let go. A forgotten offer stays, page and all, and [`Table::holdings`](crate::Table::holdings) tells
/// whose it was.
///
/// Does not compile: it ends once.
/// ```compile_fail,E0382
/// # use xen_grant::{Access, Offer};
/// # fn wrong<A: Access>(offer: Offer<'_, A>) {
/// let page = offer.end();
/// let again = offer.end();
/// # }
/// ```
///
/// Does not compile: as long as it is offered, its page is reached through the offer.
/// ```compile_fail,E0382
/// # use xen_grant::Table;
/// # use xen_hypercall::{DomId, Hypercall, SharedPage};
/// # fn wrong<H: Hypercall>(table: &Table<'_, H>, page: SharedPage) {
/// let offer = table.offer_write(page, DomId::DOM0);
/// page.zero(); // through `offer.page()`, if at all
/// # }
/// ```
///
/// Does not compile: a page for reading is none for writing.
/// ```compile_fail,E0308
/// # use xen_grant::{Offer, Read, Write};
/// # fn wrong(offer: Offer<'_, Read>) {
/// fn answers(buffer: Offer<'_, Write>) {} // the peer is to write there
/// answers(offer);
/// # }
/// ```
#[must_use = "dropping an offer loses its page"]
pub struct Offer<'t, A: Access, G: IrqGate = NoGate, P: Grantable = SharedPage> {
    pub(crate) core: &'t Core<'t, G>,
    /// There until the offer has ended.
    pub(crate) page: Option<P>,
    reference: GrantRef,
    given: Given<'t>,
    access: PhantomData<A>,
}

impl<'t, A: Access, G: IrqGate, P: Grantable> Offer<'t, A, G, P> {
    /// Makes the guard of a page that is granted, or hands the page back.
    #[inline(always)]
    pub(crate) fn of(
        core: &'t Core<'t, G>,
        page: P,
        granted: Result<(GrantRef, Given<'t>), Refusal>,
    ) -> Result<Self, OfferError<P>> {
        match granted {
            Ok((reference, given)) => Ok(Self { core, page: Some(page), reference, given, access: PhantomData }),
            Err(refusal) => Err(OfferError { page, refusal }),
        }
    }

    /// Has `end` end the grant, and returns the page, or the guard.
    ///
    /// What is in the guard is handed on by value, and nothing points to it: so it stays in registers where `end` is compiled
    /// into its caller.
    #[inline(always)]
    pub(crate) fn end_by(
        self,
        end: impl FnOnce(&'t Core<'t, G>, Grant, Given<'t>) -> Ended,
    ) -> Result<P, StillMapped<'t, A, G, P>> {
        // Without its page there is nothing for the guard to do.
        let mut offer = ManuallyDrop::new(self);
        let (core, reference, mut given) = (offer.core, offer.reference, offer.given);
        let Some(page) = offer.page.take() else { unreachable!("there until the offer is consumed") };
        match end(core, Grant { reference, life: given.when.life }, given) {
            Ended::Mapped => {
                given.claim = given.claim.clung();
                Err(StillMapped { offer: Self { core, page: Some(page), reference, given, access: PhantomData } })
            }
            Ended::Now | Ended::Void => Ok(page),
        }
    }

    /// Offers a page by an entry of the shared queue.
    pub(crate) fn make(core: &'t Core<'t, G>, page: P, claim: Claim) -> Result<Self, OfferError<P>> {
        let granted = core.offer(claim, (page.gfn(), A::FLAGS));
        Self::of(core, page, granted)
    }

    /// Returns the reference, to publish it.
    #[must_use]
    pub const fn reference(&self) -> GrantRef {
        self.reference
    }

    /// Returns the epoch in which the page was offered: in a later one the reference is not to be published again.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.given.when.epoch
    }

    /// Returns the domain that may reach the page.
    #[must_use]
    pub const fn peer(&self) -> DomId {
        self.given.claim.peer()
    }

    /// Returns in whose name the page was offered.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        self.given.claim.owner()
    }

    /// Returns the page.
    ///
    /// Does not compile: what uses the page, such as a ring, is gone before the offer ends.
    /// ```compile_fail,E0505
    /// # use xen_grant::{Offer, Write};
    /// # fn wrong(offer: Offer<'_, Write>) {
    /// let page = offer.page();
    /// let ended = offer.end();
    /// page.zero();
    /// # }
    /// ```
    #[must_use]
    pub fn page(&self) -> &P {
        self.page.as_ref().unwrap_or_else(|| unreachable!("there until the offer is consumed"))
    }

    /// Ends the peer's access and returns the page.
    ///
    /// After [`Table::rebuild`](crate::Table::rebuild) the access has ended with the domain it was of. After
    /// [`Table::reconcile`](crate::Table::reconcile) it has not: the peer may have the page mapped as before.
    ///
    /// # Errors
    /// [`StillMapped`] with the offer, if the peer has the page mapped. Under version 2 that is the last of it: once the peer
    /// lets go, it cannot map the page again.
    ///
    /// # Xen
    /// No hypercall: the steps of `grant_table.h`. Version 1: compare and swap on the entry. Version 2: flags cleared, full
    /// barrier, status read.
    #[doc(alias("gnttab_end_foreign_access", "gnttab_try_end_foreign_access", "gnttab_end_access"))]
    pub fn end(self) -> Result<P, StillMapped<'t, A, G, P>> {
        self.end_by(|core, grant, _| core.finish(grant, A::FLAGS))
    }
}

impl<A: Access, G: IrqGate, P: Grantable> Drop for Offer<'_, A, G, P> {
    fn drop(&mut self) {
        if let Some(page) = self.page.take() {
            let grant = Grant { reference: self.reference, life: self.given.when.life };
            self.core.abandon(grant, A::FLAGS, page.into());
        }
    }
}

impl<A: Access, G: IrqGate, P: Grantable + fmt::Debug> fmt::Debug for Offer<'_, A, G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").field("reference", &self.reference()).field("page", &self.page).finish_non_exhaustive()
    }
}
