//! The guard of a page that another domain may reach.

use core::fmt;
use core::marker::PhantomData;

use xen_hypercall::{Epoch, GrantRef, IrqGate, NoGate, SharedPage};

use crate::StillMapped;
use crate::entries::Grant;
use crate::entry::Flags;

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl Sealed for super::Read {}
    impl Sealed for super::Write {}
}

/// What a peer may do with an offered page: [`Read`] or [`Write`].
pub trait Access: sealed::Sealed {
    #[doc(hidden)]
    const FLAGS: Flags;
}

/// The peer may only read.
#[derive(Debug)]
pub enum Read {}

/// The peer may read and write.
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
/// [`Offer::end`] gives the page back. Dropping it ends the access too, if the peer lets it, and else sets the entry aside;
/// either way the page is not handed to anybody, so that nothing of ours ever comes to lie in a page that is still mapped.
#[must_use = "dropping an offer loses its page"]
pub struct Offer<'t, A: Access, G: IrqGate = NoGate> {
    pub(crate) page: SharedPage,
    pub(crate) grant: Grant<'t, G>,
    pub(crate) access: PhantomData<A>,
}

impl<'t, A: Access, G: IrqGate> Offer<'t, A, G> {
    /// Returns the reference, to publish it.
    #[must_use]
    pub const fn reference(&self) -> GrantRef {
        self.grant.reference
    }

    /// Returns the epoch in which the page was offered: in a later one the reference is not to be published again.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.grant.epoch
    }

    /// Returns the page.
    #[must_use]
    pub const fn page(&self) -> &SharedPage {
        &self.page
    }

    /// Ends the peer's access and returns the page.
    ///
    /// After [`Table::rebuild`](crate::Table::rebuild) the access has ended with the domain it was of. After
    /// [`Table::reconcile`](crate::Table::reconcile) it has not: the peer may have the page mapped as before.
    ///
    /// # Errors
    /// [`StillMapped`] with the offer, if the peer has the page mapped.
    ///
    /// # Xen
    /// No hypercall: compare and swap on the entry.
    pub fn end(self) -> Result<SharedPage, StillMapped<'t, A, G>> {
        let Self { page, grant, access } = self;
        match grant.end() {
            Ok(()) => Ok(page),
            Err(grant) => Err(StillMapped { offer: Self { page, grant, access } }),
        }
    }
}

impl<A: Access, G: IrqGate> fmt::Debug for Offer<'_, A, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").field("reference", &self.reference()).field("page", &self.page).finish_non_exhaustive()
    }
}
