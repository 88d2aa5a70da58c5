//! The guest's pages.
#![expect(unsafe_code, reason = "promises that a page is handed out once")]

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use xen_hypercall::{Gfn, PAGE_SIZE, SharedPage};

const PAGES: usize = 512;

#[repr(C, align(4096))]
struct Page(UnsafeCell<[u8; PAGE_SIZE]>);

// SAFETY: the bytes are reached only through the `SharedPage` that `take` makes, once a page.
unsafe impl Sync for Page {}

static POOL: [Page; PAGES] = [const { Page(UnsafeCell::new([0; PAGE_SIZE])) }; PAGES];
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Returns the next page, zeroed; `None` after the last one. Pages do not come back.
pub(super) fn take() -> Option<SharedPage> {
    let next = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < PAGES).then(|| taken + 1));
    let page = POOL.get(next.ok()?)?;
    let ptr = NonNull::new(page.0.get())?.cast();
    let gfn = Gfn((ptr.expose_provenance().get() / PAGE_SIZE) as u64);
    // SAFETY: static, zero since the start, handed out once, and its address is its place in physical memory.
    Some(unsafe { SharedPage::new(ptr, gfn) })
}
