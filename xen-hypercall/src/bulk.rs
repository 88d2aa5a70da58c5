//! Copies of any length between private memory and memory that a peer may change meanwhile, opaque to the compiler.
//!
//! What is short goes as a record, word by word; what is longer by vector registers, and what is long by the processor's
//! string copy, which takes its time to begin. Each shared byte is touched once.
#![expect(unsafe_code, reason = "touches shared memory, beside `page.rs`")]

mod few;

/// Up to so many blocks of 16 bytes go one by one, and where the caller is.
const FEW: usize = 4;

/// Up to so many bytes, words win over what takes time to begin.
const SHORT: usize = 64;

/// Copies shared bytes into private memory.
///
/// # Safety
/// As many bytes as `to` has are mapped at `from` and do not overlap it.
#[inline]
pub(crate) unsafe fn read(from: *const u8, to: &mut [u8]) {
    match to.as_chunks_mut() {
        // SAFETY: the caller's promise.
        (blocks, []) if blocks.len() <= FEW => unsafe { few::read_blocks(from, blocks) },
        // SAFETY: the caller's promise.
        _ => unsafe { read_any(from, to) },
    }
}

/// Copies private bytes into shared memory.
///
/// # Safety
/// As many bytes as `from` has are mapped at `to` and do not overlap it.
#[inline]
pub(crate) unsafe fn write(to: *mut u8, from: &[u8]) {
    match from.as_chunks() {
        // SAFETY: the caller's promise.
        (blocks, []) if blocks.len() <= FEW => unsafe { few::write_blocks(to, blocks) },
        // SAFETY: the caller's promise.
        _ => unsafe { write_any(to, from) },
    }
}

/// # Safety
/// As [`read`].
#[inline(never)]
unsafe fn read_any(from: *const u8, to: &mut [u8]) {
    if to.len() <= SHORT {
        // SAFETY: the caller's promise.
        unsafe { few::read(from, to) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { copy(from, to.as_mut_ptr(), to.len()) }
    }
}

/// # Safety
/// As [`write`].
#[inline(never)]
unsafe fn write_any(to: *mut u8, from: &[u8]) {
    if from.len() <= SHORT {
        // SAFETY: the caller's promise.
        unsafe { few::write(to, from) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { copy(from.as_ptr(), to, from.len()) }
    }
}

/// Copies bytes of which one side may change meanwhile.
///
/// # Safety
/// Both spans of `len` bytes are mapped and do not overlap.
#[cfg(all(target_arch = "x86_64", not(miri)))]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    let copied = unsafe { vector::head(from, to, len) };
    let (from, to, left) = (from.wrapping_add(copied), to.wrapping_add(copied), len.wrapping_sub(copied));
    if left > 0 {
        // SAFETY: the caller's promise, for the rest; the direction flag is clear by the ABI.
        unsafe {
            core::arch::asm!("rep movsb", inout("rsi") from => _, inout("rdi") to => _, inout("rcx") left => _,
                options(nostack, preserves_flags));
        }
    }
}

/// Vector registers, where the compiler may use them.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod vector {
    /// Bytes that go at once.
    const BLOCK: usize = 64;
    /// Beyond so many bytes, the string copy is faster.
    const LONG: usize = 1024;

    /// Copies as many whole blocks as there are, or nothing of what is long, and returns how many bytes.
    ///
    /// # Safety
    /// Both spans of `len` bytes are mapped and do not overlap.
    pub(super) unsafe fn head(from: *const u8, to: *mut u8, len: usize) -> usize {
        let blocks = len / BLOCK;
        if blocks == 0 || len > LONG {
            return 0;
        }
        // SAFETY: the caller's promise; each round copies the next block.
        unsafe {
            core::arch::asm!(
                "2:",
                "movups {a}, [{from}]",
                "movups {b}, [{from} + 16]",
                "movups {c}, [{from} + 32]",
                "movups {d}, [{from} + 48]",
                "movups [{to}], {a}",
                "movups [{to} + 16], {b}",
                "movups [{to} + 32], {c}",
                "movups [{to} + 48], {d}",
                "add {from}, 64",
                "add {to}, 64",
                "dec {blocks}",
                "jnz 2b",
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                from = inout(reg) from => _, to = inout(reg) to => _, blocks = inout(reg) blocks => _,
                options(nostack),
            );
        }
        len.wrapping_sub(len % BLOCK)
    }
}

/// Kernels that leave the vector registers alone have the string copy for everything.
#[cfg(all(target_arch = "x86_64", not(target_feature = "sse2"), not(miri)))]
mod vector {
    /// # Safety
    /// None is needed: nothing is copied.
    pub(super) const unsafe fn head(_: *const u8, _: *mut u8, _: usize) -> usize {
        0
    }
}

/// Copies bytes of which one side may change meanwhile, one volatile byte at a time.
///
/// # Safety
/// Both spans of `len` bytes are mapped and do not overlap.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's promise.
        let byte = unsafe { from.add(at).read_volatile() };
        // SAFETY: the caller's promise.
        unsafe { to.add(at).write_volatile(byte) }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{read, write};

    /// Lengths on both sides of each way of copying go there and back whole, and nothing beside them is touched.
    #[test]
    fn every_way_of_copying_is_exact() {
        let lens = [0, 1, 7, 8, 15, 16, 17, 32, 48, 63, 64, 65, 80, 127, 128, 129, 1000, 1023, 1024, 1025, 1100];
        for (len, shift) in lens.into_iter().flat_map(|len| [0, 1, 8].map(|shift| (len, shift))) {
            let bytes: Vec<u8> = (0..len).map(|at| u8::try_from(at % 199).unwrap()).collect();
            let mut memory = [0xee_u8; 1200];
            let at = memory.as_mut_ptr().wrapping_add(16 + shift);
            // SAFETY: within the array, and apart from the bytes.
            unsafe { write(at, &bytes) };
            let mut back = std::vec![0xdd; len];
            // SAFETY: as above.
            unsafe { read(at, &mut back) };
            assert_eq!(back, bytes, "{len} {shift}");
            assert_eq!(memory.iter().filter(|byte| **byte != 0xee).count(), len, "{len} {shift}");
        }
    }
}
