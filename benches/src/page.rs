//! Memory that both ends of a ring share.
#![expect(unsafe_code, reason = "gives a page")]

use core::ptr::NonNull;

use xen_hypercall::{Gfn, SharedPage, SharedPages};

#[repr(C, align(4096))]
struct Page([u8; 4096]);

/// Makes a zeroed page that is never freed.
#[must_use]
pub fn page() -> &'static SharedPage {
    Box::leak(Box::new(one(1)))
}

/// Makes a zeroed page of this number that is never freed.
#[must_use]
pub fn one(gfn: u64) -> SharedPage {
    let memory = NonNull::from(Box::leak(Box::new(Page([0; 4096]))));
    // SAFETY: leaked, aligned, zeroed, and reached through this value alone; C is given the value's own pointer.
    unsafe { SharedPage::new(memory.cast(), Gfn(gfn)) }
}

/// Makes as many zeroed pages in a row that are never freed.
#[must_use]
pub fn pages(count: usize) -> &'static SharedPages<'static> {
    let memory: &mut [Page] = Vec::leak((0..count).map(|_| Page([0; 4096])).collect());
    let gfns = Vec::leak((1..).take(count).map(Gfn).collect());
    // SAFETY: as above.
    Box::leak(Box::new(unsafe { SharedPages::new(NonNull::from(memory).cast(), gfns) }))
}
