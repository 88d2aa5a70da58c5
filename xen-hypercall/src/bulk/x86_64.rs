//! Copies by the processor's instructions.
#![expect(unsafe_code, reason = "instructions that copy")]

use core::arch::asm;
use core::marker::PhantomData;
use core::sync::atomic::AtomicU8;

/// Up to so many bytes that fill blocks of 16 go where the caller is.
const FEW: usize = 64;
/// Bytes of the widest register: a vector, where the compiler may use those.
const WIDE: usize = if cfg!(target_feature = "sse2") { 16 } else { 8 };
/// Bytes of those registers that a long copy goes by.
const WIDEST: usize = if cfg!(target_feature = "sse2") { 64 } else { 8 };

/// Copies shared bytes into private memory.
#[inline]
pub(crate) fn read(from: &[AtomicU8], to: &mut [u8]) {
    if is_few(from.len().min(to.len())) { Copying::read(from, to).wide() } else { read_any(from, to) }
}

/// Copies private bytes into shared memory.
#[inline]
pub(crate) fn write(to: &[AtomicU8], from: &[u8]) {
    if is_few(to.len().min(from.len())) { Copying::write(to, from).wide() } else { write_any(to, from) }
}

#[inline]
const fn is_few(len: usize) -> bool {
    len <= FEW && len.is_multiple_of(16)
}

#[inline(never)]
fn read_any(from: &[AtomicU8], to: &mut [u8]) {
    Copying::read(from, to).all();
}

#[inline(never)]
fn write_any(to: &[AtomicU8], from: &[u8]) {
    Copying::write(to, from).all();
}

/// What is left of a copy.
///
/// # Invariants
/// As long as `'b`, `left` bytes can be read at `from` and written at `to`. They do not overlap, and those that others write
/// meanwhile were atomics.
struct Copying<'b> {
    from: *const u8,
    to: *mut u8,
    left: usize,
    bytes: PhantomData<(&'b [AtomicU8], &'b mut [u8])>,
}

impl<'b> Copying<'b> {
    /// Begins a copy of as many shared bytes as there is room for.
    #[inline]
    fn read(from: &'b [AtomicU8], to: &'b mut [u8]) -> Self {
        let left = from.len().min(to.len());
        Self { from: from.as_ptr().cast(), to: to.as_mut_ptr(), left, bytes: PhantomData }
    }

    /// Begins a copy of as many private bytes as there is room for.
    #[inline]
    fn write(to: &'b [AtomicU8], from: &'b [u8]) -> Self {
        let left = from.len().min(to.len());
        Self { from: from.as_ptr(), to: to.as_ptr().cast_mut().cast(), left, bytes: PhantomData }
    }

    /// Copies by wide registers as long as there are bytes for a whole one.
    #[inline]
    fn wide(&mut self) {
        while self.step::<WIDE>() {}
    }

    /// Copies everything.
    #[inline]
    fn all(mut self) {
        while self.step::<WIDEST>() {}
        self.wide();
        self.step::<8>();
        self.step::<4>();
        while self.step::<1>() {}
    }

    /// Copies the next `BYTES`, loads before stores, and tells whether as many were left.
    #[inline]
    fn step<const BYTES: usize>(&mut self) -> bool {
        const { assert!(matches!(BYTES, 1 | 4 | 8 | 16 | 64), "one of those below") }
        if self.left < BYTES {
            return false;
        }
        // SAFETY: the invariant, and so many bytes are left.
        unsafe {
            asm!(
                ".if {bytes} == 64",
                "movups xmm0, [{from}]",
                "movups xmm1, [{from} + 16]",
                "movups xmm2, [{from} + 32]",
                "movups xmm3, [{from} + 48]",
                "movups [{to}], xmm0",
                "movups [{to} + 16], xmm1",
                "movups [{to} + 32], xmm2",
                "movups [{to} + 48], xmm3",
                ".elseif {bytes} == 16",
                "movups xmm0, [{from}]",
                "movups [{to}], xmm0",
                ".elseif {bytes} == 8",
                "mov {word:r}, [{from}]",
                "mov [{to}], {word:r}",
                ".elseif {bytes} == 4",
                "mov {word:e}, [{from}]",
                "mov [{to}], {word:e}",
                ".else",
                "movzx {word:e}, byte ptr [{from}]",
                "mov [{to}], {word:l}",
                ".endif",
                bytes = const BYTES, from = in(reg) self.from, to = in(reg) self.to, word = out(reg) _,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, options(nostack, preserves_flags),
            );
        }
        self.from = self.from.wrapping_add(BYTES);
        self.to = self.to.wrapping_add(BYTES);
        self.left = self.left.wrapping_sub(BYTES);
        true
    }
}
