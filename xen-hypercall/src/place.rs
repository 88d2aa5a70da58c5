//! One of the equal places in a page that Xen and a processor share.

use crate::memory::{Atomic, Memory as _};
use crate::{PAGE_SIZE, SharedPage};

/// A place of `SIZE` bytes in a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a, const SIZE: usize> {
    page: &'a SharedPage,
    /// Below [`Place::ALL`], as is checked when it is made.
    number: usize,
}

impl<'a, const SIZE: usize> Place<'a, SIZE> {
    /// Places in one page.
    pub(crate) const ALL: usize = PAGE_SIZE / SIZE;

    #[inline]
    pub(crate) const fn first(page: &'a SharedPage) -> Self {
        Self { page, number: 0 }
    }

    /// Names a place; `None` from [`Place::ALL`] on.
    #[inline]
    pub(crate) fn new(page: &'a SharedPage, number: usize) -> Option<Self> {
        (number < Self::ALL).then_some(Self { page, number })
    }

    /// Returns the page, and the byte in it where the place begins.
    #[inline]
    pub(crate) const fn location(self) -> (&'a SharedPage, usize) {
        (self.page, self.number.wrapping_mul(SIZE))
    }

    /// What is `field` bytes into the place, of which the caller knows that it ends there, too.
    #[inline]
    pub(crate) fn at<A: Atomic, const N: usize>(self, field: usize) -> &'a [A; N] {
        let (page, begin) = self.location();
        page.array_at(begin.wrapping_add(field))
    }
}
