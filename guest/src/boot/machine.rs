//! The real machine.
#![expect(unsafe_code, reason = "promises that pages are mapped")]

use core::fmt::Write as _;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use guest::Machine;
use xen_hypercall::x86_64::{DebugPort, Native, NoHypercallPage};
use xen_hypercall::{Gfn, PAGE_SIZE, SharedPage};

use super::hook::Hook;
use super::{paging, pool};

/// A PVH domain of one processor, in which every address below 4 GiB is itself.
pub(super) struct Pvh {
    hook: Hook,
}

impl Pvh {
    /// Makes hypercalls as the command line says.
    ///
    /// # Errors
    /// [`NoHypercallPage`] if the page is wanted and Xen has none.
    pub(super) fn new(options: &str) -> Result<Self, NoHypercallPage> {
        Ok(Self { hook: Hook::new(options)? })
    }
}

impl Machine for Pvh {
    type Hook = Hook;
    type Cpu = Native;

    fn hook(&self) -> &Hook {
        &self.hook
    }

    fn cpu(&self) -> &Native {
        &Native
    }

    fn page(&self) -> Option<SharedPage> {
        pool::take()
    }

    #[expect(clippy::expect_used, reason = "the line above excludes it")]
    fn map(&self, gfn: Gfn) -> SharedPage {
        let address = gfn.0.saturating_mul(PAGE_SIZE as u64);
        let outside = address == 0 || address >= paging::END || paging::is_image(address);
        assert!(!outside, "frame {:#x} is not one that Xen gives", gfn.0);
        let page = NonNull::new(with_exposed_provenance_mut(address as usize)).expect("address 0 is excluded");
        // SAFETY: mapped for good, since the address is below the end and not in the low table; outside the image, hence
        // reached through this value only, as the frame is asked once.
        unsafe { SharedPage::new(page, gfn) }
    }

    fn moved(&self) {
        self.hook.renew();
    }

    fn emergency(&self, text: &str) {
        // The port takes everything.
        let _ = DebugPort.write_str(text);
    }
}
