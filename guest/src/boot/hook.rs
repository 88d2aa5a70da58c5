//! The two ways to make a hypercall, one of which the command line chooses.
#![expect(unsafe_code, reason = "implements the hook, and names the page of stubs")]

use core::ptr::NonNull;

use xen_hypercall::x86_64::{Direct, HypercallPage, Native, NoHypercallPage};
use xen_hypercall::{Gfn, Hypercall, NoXen, Number, PAGE_SIZE, Word, detect};

// Defined by entry.rs: a page of code.
unsafe extern "C" {
    safe static hypercall_stubs: u8;
}

/// How this guest makes hypercalls.
#[derive(Debug)]
pub(super) enum Hook {
    /// By the processor's own instruction.
    Direct(Direct),
    /// By the page that Xen fills.
    Page(HypercallPage),
}

impl Hook {
    /// Chooses: `hypercall=page` on the command line, or the instruction.
    ///
    /// # Errors
    /// [`NoHypercallPage`] if the page is wanted and Xen has none.
    pub(super) fn new(options: &str) -> Result<Self, NoHypercallPage> {
        if !options.split_ascii_whitespace().any(|option| option == "hypercall=page") {
            return Ok(Self::Direct(Direct::new(&Native)));
        }
        let stubs = &raw const hypercall_stubs;
        let presence = detect(&Native).map_err(|NoXen| NoHypercallPage)?;
        let gfn = Gfn((stubs.addr() / PAGE_SIZE) as u64);
        let stubs = NonNull::new(stubs.cast_mut()).ok_or(NoHypercallPage)?;
        // SAFETY: aligned and executable for good by entry.rs and the page tables, used for nothing else, and its address
        // is its place in physical memory.
        unsafe { HypercallPage::new(stubs, gfn, (&Native, presence)) }.map(Self::Page)
    }

    /// Adapts to the processor and the Xen found after a resume in a new domain.
    pub(super) fn renew(&self) {
        match (self, detect(&Native)) {
            (Self::Direct(direct), _) => direct.choose(&Native),
            // Without a new page the old stubs are the best there is: they come of a like processor, or the guest faults
            // and says so.
            (Self::Page(page), Ok(presence)) => page.fill(&Native, presence).unwrap_or(()),
            (Self::Page(_), Err(NoXen)) => {}
        }
    }
}

// SAFETY: both are hooks.
unsafe impl Hypercall for Hook {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        match self {
            // SAFETY: the caller's promise is handed on.
            Self::Direct(direct) => unsafe { direct.call(number, args) },
            // SAFETY: the caller's promise is handed on.
            Self::Page(page) => unsafe { page.call(number, args) },
        }
    }
}
