//! The words of a xenstore page behind its rings.
#![expect(unsafe_code, reason = "a test gives its own page")]
#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

mod memory;

use std::sync::atomic::Ordering::{Acquire, Release};

use memory::page;
use xen_ring::{StoreConnection, StoreFeatures, StoreWords};

#[test]
fn words_lie_behind_the_indices() {
    let page = page();
    let words = StoreWords::find(page).unwrap();
    assert_eq!((words.features(), words.error()), (StoreFeatures::empty(), 0));
    assert_eq!(words.connection(), StoreConnection::Connected);
    page.u32_at::<2064>().store(3, Release);
    page.u32_at::<2072>().store(2, Release);
    assert_eq!(words.features(), StoreFeatures::RECONNECTION | StoreFeatures::ERROR);
    assert_eq!(words.error(), 2);
    words.reconnect();
    assert_eq!(page.u32_at::<2068>().load(Acquire), 1);
    assert_eq!(words.connection(), StoreConnection::Reconnecting);
}

#[test]
fn s38_s39_any_value_is_kept_as_it_is() {
    let page = page();
    let words = StoreWords::find(page).unwrap();
    for any in [0xffff_fff0, u32::MAX, 0x8000_0000] {
        page.u32_at::<2064>().store(any, Release);
        page.u32_at::<2068>().store(any, Release);
        page.u32_at::<2072>().store(any, Release);
        assert_eq!(words.features().bits(), any);
        assert_eq!(words.features().contains(StoreFeatures::WATCH_DEPTH), any & 4 != 0);
        assert_eq!(words.connection(), StoreConnection::Other(any));
        assert_eq!(words.error(), any);
    }
}
