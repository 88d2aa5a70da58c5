//! The guest's pages: private ones, which hold one byte, and those that are offered.
#![expect(unsafe_code, reason = "lends pages, whose memory is kept here")]

use std::collections::BTreeMap;

use xen_grant::Page;
use xen_hypercall::{LentPage, SharedPage};
use xen_mock::Guest;

use crate::adversary::CANARY;

/// Where peers read and write: the ends of a page.
pub(super) const SPOTS: [usize; 2] = [0, 4080];
pub(super) const SPOT: usize = 16;

/// Pages that nobody else may reach, and the memory of those that are lent.
#[derive(Debug)]
pub(super) struct Pages {
    guest: Guest,
    private: Vec<SharedPage>,
    lent: BTreeMap<u64, SharedPage>,
}

impl Pages {
    pub(super) const fn new(guest: Guest) -> Self {
        Self { guest, private: Vec::new(), lent: BTreeMap::new() }
    }

    /// Takes a page, zeroed, to be offered.
    pub(super) fn take(&mut self) -> SharedPage {
        let page = self.private.pop().unwrap_or_else(|| self.guest.page());
        page.zero();
        page
    }

    /// Takes a page, zeroed, to be lent.
    pub(super) fn lend(&mut self) -> LentPage {
        let page = self.take();
        let gfn = page.gfn();
        self.lent.insert(gfn.0, page);
        // SAFETY: its memory is kept here until the token is back, zeroed, and is not touched.
        unsafe { LentPage::new(gfn) }
    }

    /// Takes a page back, which is private from now on.
    pub(super) fn back(&mut self, page: Page) {
        let page = match page {
            Page::Shared(page) => page,
            Page::Lent(lent) => self.lent.remove(&lent.gfn().0).unwrap_or_else(|| unreachable!("it was lent")),
        };
        page.copy_out(0, &[CANARY; 4096]);
        self.private.push(page);
    }

    /// Nobody has written to what is private.
    pub(super) fn check(&self) {
        for page in &self.private {
            for at in SPOTS {
                let mut bytes = [0; SPOT];
                page.copy_in(at, &mut bytes);
                assert_eq!(bytes, [CANARY; SPOT], "G01: a peer wrote to frame {}, which is back", page.gfn());
            }
        }
    }
}

/// Lends a frame that there is not, and that version 1 cannot name.
pub(super) fn too_high() -> LentPage {
    // SAFETY: there is no such frame, and nobody is let reach it.
    unsafe { LentPage::new(xen_hypercall::Gfn(1 << 32)) }
}
