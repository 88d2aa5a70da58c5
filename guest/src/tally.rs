//! A count of bytes with their checksum.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, Digest};

static SUMS: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Bytes so far: their number and the checksum of the utility `crc32`. Shown as `bytes=N sum=CRC`, the latter in hexadecimal.
#[derive(Clone)]
pub struct Tally {
    bytes: usize,
    digest: Digest<'static, u32>,
}

impl Tally {
    /// Counts nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: 0, digest: SUMS.digest() }
    }

    /// Counts more bytes.
    pub const fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.digest.update(bytes);
    }

    /// Returns how many bytes there were.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the checksum.
    #[must_use]
    pub fn sum(&self) -> u32 {
        self.digest.clone().finalize()
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes={} sum={:08x}", self.bytes, self.sum())
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString as _;

    use super::Tally;

    /// What `crc32` prints of nothing, and of these digits.
    #[test]
    fn sums_as_crc32_does() {
        let mut tally = Tally::new();
        assert_eq!(tally.to_string(), "bytes=0 sum=00000000");
        tally.add(b"12345");
        tally.add(b"6789");
        assert_eq!(tally.to_string(), "bytes=9 sum=cbf43926");
    }
}
