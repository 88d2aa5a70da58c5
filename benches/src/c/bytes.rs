//! A flex ring by the macros.
#![expect(unsafe_code, reason = "calls C")]

use core::fmt;

use xen_hypercall::{SharedPage, SharedPages};

use super::{ByteOps, Compiled, byte_ops};

/// One direction of `DEFINE_XEN_FLEX_RING`, both its ends.
pub struct CBytes {
    ops: &'static ByteOps,
    at: *mut u32,
    ring: *mut u8,
    size: u32,
}

impl CBytes {
    /// Bytes of the page before the ring: the consumer's index and the producer's, and nothing.
    pub const DATA: usize = 1024;

    /// Takes a ring of `size` bytes at [`CBytes::DATA`], whose indices are the first two words of the page.
    ///
    /// # Panics
    /// If the ring does not fit the page, or its size is no power of two.
    #[must_use]
    pub fn attach(compiled: Compiled, page: &'static SharedPage, size: u32) -> Self {
        assert!(size.is_power_of_two() && size as usize <= 4096 - Self::DATA, "within the page");
        let start = page.as_ptr().as_ptr();
        Self { ops: byte_ops(compiled), at: start.cast(), ring: start.wrapping_add(Self::DATA), size }
    }

    /// Takes the frontend's `out`: the second half of the data, whose indices are at byte 64 of their page.
    ///
    /// # Panics
    /// If there is a number of pages that is no power of two.
    #[must_use]
    pub fn flex(compiled: Compiled, indices: &'static SharedPage, data: &'static SharedPages<'static>) -> Self {
        assert!(data.size().is_power_of_two(), "as many pages as an order says");
        let size = data.size() / 2;
        let ring = data.as_ptr().as_ptr().wrapping_add(size);
        Self { ops: byte_ops(compiled), at: indices.as_ptr().as_ptr().wrapping_add(64).cast(), ring, size: size as u32 }
    }

    /// Writes all of the bytes or none, and returns how many.
    pub fn write(&mut self, from: &[u8]) -> usize {
        let (at, ring) = (self.at, self.ring);
        // SAFETY: ring and indices are within their pages, which are never freed.
        unsafe { (self.ops.write)(at, ring, self.size, from.as_ptr().cast(), from.len()) }
    }

    /// Reads as many bytes as there is room for in `to`, or none, and returns how many.
    pub fn read(&mut self, to: &mut [u8]) -> usize {
        let (at, ring) = (self.at, self.ring);
        // SAFETY: ring and indices are within their pages, which are never freed.
        unsafe { (self.ops.read)(at, ring, self.size, to.as_mut_ptr().cast(), to.len()) }
    }

    /// Writes a message and reads it again, as many times; returns the sum of their first bytes.
    pub fn rounds(&mut self, rounds: u32, len: u32) -> u64 {
        let (at, ring) = (self.at, self.ring);
        // SAFETY: ring and indices are within their pages, which are never freed.
        unsafe { (self.ops.rounds)(at, ring, self.size, rounds, len) }
    }
}

impl fmt::Debug for CBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CBytes")
    }
}
