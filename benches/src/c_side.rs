//! The macros of the public headers, compiled by `build.rs`.
#![expect(unsafe_code, reason = "calls C")]

use core::ffi::c_void;
use core::fmt;

use crate::{BATCH, Page};

unsafe extern "C" {
    safe fn c_pair_size() -> usize;
    fn c_init(pair: *mut c_void, page: *mut c_void);
    fn c_round(pair: *mut c_void, batch: u32) -> u64;
}

/// Front and back of one page, by the macros.
pub struct Pair {
    pair: Box<[u64]>,
    _page: Box<Page>,
}

impl Pair {
    /// Sets up both ends.
    #[must_use]
    pub fn connected() -> Self {
        let mut page = Box::new(Page([0; 4096]));
        let mut pair = vec![0; c_pair_size().div_ceil(8)].into_boxed_slice();
        // SAFETY: `pair` has the size that C asks for, `page` is a page, and both live as long as the value.
        unsafe { c_init(pair.as_mut_ptr().cast(), page.0.as_mut_ptr().cast()) }
        Self { pair, _page: page }
    }

    /// Sends a batch there and back and returns the sum of the tokens.
    pub fn round(&mut self) -> u64 {
        // SAFETY: set up in `connected`, and borrowed by this call alone.
        unsafe { c_round(self.pair.as_mut_ptr().cast(), BATCH) }
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair")
    }
}
