//! Argument blocks in the guest's memory.
#![expect(unsafe_code, reason = "a hypercall's arguments are pointers into the guest")]

use xen_hypercall::Word;

use crate::errno::EFAULT;

/// A pointer that the guest handed in.
///
/// # Invariants
/// The caller of the hypercall promised that it is what the ABI asks for, see `Hypercall::call`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Argument(*mut u8);

/// The first page is never mapped.
const LOWEST: usize = 4096;

impl Argument {
    pub(crate) fn new(word: Word) -> Self {
        Self(word.as_ptr())
    }

    /// Returns the block that begins so many bytes further on.
    pub(crate) fn at(self, offset: usize) -> Self {
        // The first page stays forbidden, however far from it an array goes on.
        if self.0.addr() < LOWEST { self } else { Self(self.0.wrapping_add(offset)) }
    }

    /// Reads a block.
    pub(crate) fn read<const N: usize>(self) -> Result<[u8; N], isize> {
        self.read_at(0)
    }

    /// Reads a part of a block or of an array.
    pub(crate) fn read_at<const N: usize>(self, at: usize) -> Result<[u8; N], isize> {
        if self.0.addr() < LOWEST {
            return Err(EFAULT);
        }
        let from = self.0.wrapping_add(at).cast::<[u8; N]>();
        // SAFETY: invariant; the ABI of each operation names that many bytes to be read.
        Ok(unsafe { from.read() })
    }

    /// Writes a part of a block.
    pub(crate) fn write_at(self, at: usize, bytes: &[u8]) -> Result<(), isize> {
        if self.0.addr() < LOWEST {
            return Err(EFAULT);
        }
        let to = self.0.wrapping_add(at);
        // SAFETY: invariant; the ABI of each operation names these bytes as written; `bytes` is ours.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
        Ok(())
    }

    /// Returns the pointer that stands in a block, with its provenance.
    pub(crate) fn pointer_at(self, at: usize) -> Result<Self, isize> {
        if self.0.addr() < LOWEST {
            return Err(EFAULT);
        }
        let from = self.0.wrapping_add(at).cast::<*mut u8>();
        // SAFETY: invariant; the ABI of the operation has a pointer there.
        Ok(Self(unsafe { from.read_unaligned() }))
    }
}

/// Little-endian fields of a block that was read.
pub(crate) trait Fields {
    fn u16(&self, at: usize) -> u16;
    fn u32(&self, at: usize) -> u32;
    fn u64(&self, at: usize) -> u64;
}

impl<const N: usize> Fields for [u8; N] {
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self[at], self[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from(self.u32(at)) | u64::from(self.u32(at + 4)) << 32
    }
}
