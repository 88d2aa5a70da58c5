//! Memory: pages that are never given back, one after the other.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use xen_hypercall::{Gfn, PAGE_SIZE, SharedPage};

const PAGES: usize = 256;

#[repr(C, align(4096))]
struct Pool(UnsafeCell<[[u8; PAGE_SIZE]; PAGES]>);

// SAFETY: each page is handed out once.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([[0; PAGE_SIZE]; PAGES]));
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Takes so many pages in a row, which are zero.
pub fn take(pages: usize) -> NonNull<u8> {
    let first = TAKEN.fetch_add(pages, Ordering::Relaxed);
    assert!(first + pages <= PAGES, "out of memory");
    let start = NonNull::from(&POOL).cast::<u8>();
    // SAFETY: within the pool.
    unsafe { start.byte_add(first * PAGE_SIZE) }
}

/// A fresh page that may be given to Xen.
pub fn page() -> SharedPage {
    let at = take(1);
    // SAFETY: a page of ours that nobody else has; memory is where it is in the guest's own space.
    unsafe { SharedPage::new(at, Gfn((at.addr().get() / PAGE_SIZE) as u64)) }
}

/// A frame that the toolstack names, each asked for once.
pub fn map(gfn: Gfn) -> SharedPage {
    let at = gfn.0 as usize * PAGE_SIZE;
    let at = NonNull::new(core::ptr::with_exposed_provenance_mut(at)).expect("frame 0 is nobody's ring");
    // SAFETY: the first 4 GiB are mapped, and nobody else asks for it.
    unsafe { SharedPage::new(at, gfn) }
}

/// Keeps a value for ever.
pub fn keep<T>(value: T) -> &'static mut T {
    let at = take(size_of::<T>().div_ceil(PAGE_SIZE).max(1)).cast::<T>();
    // SAFETY: as many bytes, aligned to a page, and nobody else's.
    unsafe { at.write(value) };
    // SAFETY: as above, and just written.
    unsafe { &mut *at.as_ptr() }
}
