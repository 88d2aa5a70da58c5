//! The guest's pages.
#![expect(unsafe_code, reason = "promises that a page is handed out once")]

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use spin::Once;
use xen_hypercall::{Gfn, PAGE_SIZE, SharedPage};

const PAGES: usize = 512;

#[repr(C, align(4096))]
struct Page(UnsafeCell<[u8; PAGE_SIZE]>);

// SAFETY: the bytes are reached only through what `take` and `take_run` make, once a page.
unsafe impl Sync for Page {}

static POOL: [Page; PAGES] = [const { Page(UnsafeCell::new([0; PAGE_SIZE])) }; PAGES];
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Returns memory for a `T` of whole pages, zeroed; `None` if there is not enough. It does not come back.
pub(super) fn take_run<T>() -> Option<NonNull<T>> {
    const { assert!(size_of::<T>().is_multiple_of(PAGE_SIZE) && align_of::<T>() <= PAGE_SIZE) }
    let pages = size_of::<T>() / PAGE_SIZE;
    let fits = |taken: usize| taken.checked_add(pages).filter(|&end| end <= PAGES);
    let first = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
    // The pages lie side by side.
    NonNull::new((&raw const POOL).cast_mut().cast::<Page>().wrapping_add(first).cast())
}

/// Returns the next page, zeroed; `None` after the last one. Pages do not come back.
pub(super) fn take() -> Option<SharedPage> {
    let next = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < PAGES).then(|| taken + 1));
    let page = POOL.get(next.ok()?)?;
    let ptr = NonNull::new(page.0.get())?.cast();
    let gfn = Gfn((ptr.expose_provenance().get() / PAGE_SIZE) as u64);
    // SAFETY: static, zero since the start, handed out once, and its address is its place in physical memory.
    Some(unsafe { SharedPage::new(ptr, gfn) })
}

/// Pages of which Xen keeps the address: for the records of processors, 64 in each, and their control blocks, 32 in each.
static LASTING: [Once<SharedPage>; 6] = [const { Once::new() }; 6];

/// Does as [`take`], for a page that stays in use to the end; at most six.
pub(super) fn take_lasting() -> Option<&'static SharedPage> {
    let place = LASTING.iter().find(|place| !place.is_completed())?;
    let page = take()?;
    Some(place.call_once(|| page))
}
