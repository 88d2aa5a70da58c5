//! Pages of a test that is over are those of the next one.
#![allow(unsafe_code, reason = "nothing outlives the tests within")]
#![allow(clippy::std_instead_of_core, reason = "hosted")]

use std::panic::catch_unwind;
use std::ptr::NonNull;

use xen_mock::{Host, recycled};

/// Takes pages, writes to them, and returns where they were.
fn pages(count: usize) -> Vec<NonNull<u8>> {
    let host = Host::builder().build();
    let pages: Vec<_> = (0..count).map(|_| host.guest().page()).collect();
    for page in &pages {
        let mut bytes = [1; 4096];
        page.copy_in(0, &mut bytes);
        assert_eq!(bytes, [0; 4096], "a page is zeroed at its birth");
        page.copy_out(0, &[7; 4096]);
    }
    pages.iter().map(|page| page.as_ptr()).collect()
}

#[test]
fn pages_come_back_zeroed_and_only_in_such_tests() {
    // SAFETY: the places are compared, and never used.
    let [first, _, third] = core::array::from_fn(|_| unsafe { recycled(|| pages(3)) });
    assert_eq!(first, third, "the last one taken is the first one of the next test");
    let outside = pages(3);
    assert!(outside.iter().all(|page| !first.contains(page)), "{first:?} {outside:?}");
}

#[test]
fn a_test_that_panics_keeps_its_pages() {
    let mut kept = Vec::new();
    let broken = catch_unwind(core::panic::AssertUnwindSafe(|| {
        // SAFETY: the places are compared, and never used.
        unsafe {
            recycled(|| {
                kept = pages(3);
                assert!(kept.is_empty(), "on purpose");
            });
        }
    }));
    assert!(broken.is_err());
    // SAFETY: as above.
    let next = unsafe { recycled(|| pages(3)) };
    assert!(next.iter().all(|page| !kept.contains(page)), "{kept:?} {next:?}");
}
