//! Places where pages of other domains can be mapped.
#![expect(unsafe_code, reason = "promises that there is no memory")]

use core::ptr::{NonNull, with_exposed_provenance_mut};
use core::sync::atomic::{AtomicU64, Ordering};

use xen_hypercall::{Gfn, Hole, PAGE_SIZE};

/// From 1 GiB on: above all memory of a domain of this guest, which has 8 MiB, and below devices and Xen's own pages.
const FIRST: u64 = 1 << 18;
const COUNT: u64 = 64;

static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Returns the next place; `None` after the last one. Places do not come back.
pub(super) fn take() -> Option<Hole> {
    let next = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < COUNT).then(|| taken + 1));
    let gfn = Gfn(FIRST + next.ok()?);
    let place = NonNull::new(with_exposed_provenance_mut((gfn.0 * PAGE_SIZE as u64) as usize))?;
    // SAFETY: no memory is there, and each address below 4 GiB is mapped to itself; handed out once.
    Some(unsafe { Hole::new(place, gfn) })
}
