//! The kinds of pages that can be offered.

use xen_hypercall::{Gfn, LentPage, SharedPage};

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {}
    impl Sealed for super::SharedPage {}
    impl Sealed for super::LentPage {}
}

/// A page that can be offered: a [`SharedPage`], or a [`LentPage`].
pub trait Grantable: sealed::Sealed + Into<Page> {
    /// Returns the guest frame.
    fn gfn(&self) -> Gfn;
}

impl Grantable for SharedPage {
    #[inline]
    fn gfn(&self) -> Gfn {
        Self::gfn(self)
    }
}

impl Grantable for LentPage {
    #[inline]
    fn gfn(&self) -> Gfn {
        Self::gfn(self)
    }
}

/// A page of either kind, as quarantine gives it back.
#[derive(Debug)]
pub enum Page {
    /// One that was handed over.
    Shared(SharedPage),
    /// One that was lent.
    Lent(LentPage),
}

impl Page {
    /// Returns the guest frame.
    #[must_use]
    pub const fn gfn(&self) -> Gfn {
        match self {
            Self::Shared(page) => page.gfn(),
            Self::Lent(page) => page.gfn(),
        }
    }
}

impl From<SharedPage> for Page {
    fn from(page: SharedPage) -> Self {
        Self::Shared(page)
    }
}

impl From<LentPage> for Page {
    fn from(page: LentPage) -> Self {
        Self::Lent(page)
    }
}
