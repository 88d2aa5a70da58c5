//! Copies that Xen makes, to and from pages of other domains.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use core::fmt;
use core::marker::PhantomData;

use static_assertions::const_assert_eq;

use super::GrantStatus;
use crate::command::{Command, issue_all};
use crate::{DomId, Errno, Gfn, GrantRef, Hypercall, LentPage, Number, PAGE_SIZE, SharedPage};

/// Bytes that a copy is from or to, up to the end of their page.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    page: Page,
    offset: usize,
    ours: PhantomData<&'p SharedPage>,
}

#[derive(Debug, Clone, Copy)]
enum Page {
    Ours(Gfn),
    Granted(DomId, GrantRef),
}

impl<'p> Place<'p> {
    /// Names the bytes of a page of ours from `offset` on.
    #[must_use]
    pub const fn of(page: &'p SharedPage, offset: usize) -> Self {
        Self { page: Page::Ours(page.gfn()), offset, ours: PhantomData }
    }

    /// Names the bytes of a page that we lend from `offset` on.
    #[must_use]
    pub const fn of_lent(page: &'p LentPage, offset: usize) -> Self {
        Self { page: Page::Ours(page.gfn()), offset, ours: PhantomData }
    }

    /// Names the bytes of a page that `dom` granted, from `offset` on.
    #[must_use]
    pub const fn granted(dom: DomId, reference: GrantRef, offset: usize) -> Self {
        Self { page: Page::Granted(dom, reference), offset, ours: PhantomData }
    }

    /// Says whether so many bytes are within the page, and where they begin.
    fn within(self, len: u16) -> Option<u16> {
        let end = self.offset.checked_add(usize::from(len))?;
        u16::try_from(self.offset).ok().filter(|_| end <= PAGE_SIZE)
    }

    fn pointer(self, offset: u16) -> (Pointer, bool) {
        match self.page {
            Page::Ours(gfn) => (Pointer { u: gfn.0, domid: DomId::SELF.0, offset, pad: 0 }, false),
            Page::Granted(dom, gref) => (Pointer { u: u64::from(gref.0), domid: dom.0, offset, pad: 0 }, true),
        }
    }
}

/// The bytes are none, or not within one page: at the source, or at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadSpan {
    /// How many bytes were asked for.
    pub len: usize,
}

impl fmt::Display for BadSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are none, or cross the end of a page", self.len)
    }
}

impl core::error::Error for BadSpan {}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Pointer {
    u: u64,
    domid: u16,
    offset: u16,
    pad: u32,
}

const_assert_eq!(size_of::<Pointer>(), 16);

const SOURCE_GREF: u16 = 1 << 0;
const DEST_GREF: u16 = 1 << 1;

/// One copy, of bytes that are within a page at both ends.
#[doc(alias = "gnttab_copy")]
#[derive(Debug)]
#[repr(C)]
pub struct Copy<'p> {
    source: Pointer,
    dest: Pointer,
    len: u16,
    flags: u16,
    status: i16,
    pad: u16,
    pages: PhantomData<&'p SharedPage>,
}

const_assert_eq!(size_of::<Copy<'_>>(), 40);

// SAFETY: laid out as `gnttab_copy`; beside the blocks, it writes a shared or lent page, which tolerates other writers.
unsafe impl Command for Copy<'_> {
    const NUMBER: Number = Number::GRANT_TABLE_OP;
    const CMD: usize = 5;
}

impl<'p> Copy<'p> {
    /// Asks for a copy of `len` bytes.
    ///
    /// # Errors
    /// [`BadSpan`] if there are none, or if they are not within one page at either end.
    pub fn new(from: Place<'p>, to: Place<'p>, len: usize) -> Result<Self, BadSpan> {
        let bad = BadSpan { len };
        let len = u16::try_from(len).ok().filter(|len| *len > 0).ok_or(bad)?;
        let (source, from_gref) = from.pointer(from.within(len).ok_or(bad)?);
        let (dest, to_gref) = to.pointer(to.within(len).ok_or(bad)?);
        let flags = if from_gref { SOURCE_GREF } else { 0 } | if to_gref { DEST_GREF } else { 0 };
        Ok(Self { source, dest, len, flags, status: GrantStatus::UNWRITTEN.0, pad: 0, pages: PhantomData })
    }

    /// Says what came of it; [`GrantStatus::UNWRITTEN`] before the call.
    ///
    /// # Errors
    /// Any status but 0: any part of the bytes may be copied.
    pub const fn result(&self) -> Result<(), GrantStatus> {
        GrantStatus::exact(self.status)
    }

    /// Forgets what came of it, to try it anew.
    pub const fn renew(&mut self) {
        self.status = GrantStatus::UNWRITTEN.0;
    }
}

/// Makes copies in turn: what came of each is in its block.
///
/// # Errors
/// What Xen said of the call; some of the blocks may be done nevertheless, so each is to be looked at.
///
/// # Xen
/// `GNTTABOP_copy` of `grant_table.h`.
#[doc(alias = "GNTTABOP_copy")]
pub fn copy<H: Hypercall + ?Sized>(hook: &H, blocks: &mut [Copy<'_>]) -> Result<(), Errno> {
    Errno::exact(issue_all(hook, blocks))
}
