//! Copies of a few shared bytes: blocks of 16, words of 8 and 4, each byte once, opaque to the compiler, at any alignment.
#![expect(unsafe_code, reason = "touches shared memory, beside `page.rs`")]

/// Copies shared blocks of 16 bytes into private memory, for copies of a few.
///
/// # Safety
/// As many bytes as `to` has are mapped at `from` and do not overlap it.
#[inline]
pub(super) unsafe fn read_blocks(mut from: *const u8, to: &mut [[u8; 16]]) {
    for block in to {
        // SAFETY: the caller's promise; each round copies the next 16 bytes.
        *block = unsafe { load16(from) };
        from = from.wrapping_add(16);
    }
}

/// Copies private blocks of 16 bytes into shared memory, for copies of a few.
///
/// # Safety
/// As many bytes as `from` has are mapped at `to` and do not overlap it.
#[inline]
pub(super) unsafe fn write_blocks(mut to: *mut u8, from: &[[u8; 16]]) {
    for block in from {
        // SAFETY: the caller's promise; each round copies the next 16 bytes.
        unsafe { store16(to, *block) };
        to = to.wrapping_add(16);
    }
}

/// Copies shared bytes into private memory.
///
/// # Safety
/// As many bytes as `to` has are mapped at `from` and do not overlap it.
#[inline]
pub(super) unsafe fn read(mut from: *const u8, to: &mut [u8]) {
    let (blocks, rest) = to.as_chunks_mut();
    let (words, rest) = rest.as_chunks_mut();
    let (halves, bytes) = rest.as_chunks_mut();
    // SAFETY: the caller's promise, for the first bytes.
    unsafe { read_blocks(from, blocks) };
    from = from.wrapping_add(blocks.as_flattened().len());
    for word in words {
        // SAFETY: the caller's promise; each round copies the next 8 bytes.
        *word = unsafe { word::load8(from) };
        from = from.wrapping_add(8);
    }
    for half in halves {
        // SAFETY: the caller's promise; each round copies the next 4 bytes.
        *half = unsafe { word::load4(from) };
        from = from.wrapping_add(4);
    }
    for byte in bytes {
        // SAFETY: the caller's promise; each round copies the next byte.
        *byte = unsafe { from.read_volatile() };
        from = from.wrapping_add(1);
    }
}

/// Copies private bytes into shared memory.
///
/// # Safety
/// As many bytes as `from` has are mapped at `to` and do not overlap it.
#[inline]
pub(super) unsafe fn write(mut to: *mut u8, from: &[u8]) {
    let (blocks, rest) = from.as_chunks();
    let (words, rest) = rest.as_chunks();
    let (halves, bytes) = rest.as_chunks();
    // SAFETY: the caller's promise, for the first bytes.
    unsafe { write_blocks(to, blocks) };
    to = to.wrapping_add(blocks.as_flattened().len());
    for word in words {
        // SAFETY: the caller's promise; each round copies the next 8 bytes.
        unsafe { word::store8(to, *word) };
        to = to.wrapping_add(8);
    }
    for half in halves {
        // SAFETY: the caller's promise; each round copies the next 4 bytes.
        unsafe { word::store4(to, *half) };
        to = to.wrapping_add(4);
    }
    for byte in bytes {
        // SAFETY: the caller's promise; each round copies the next byte.
        unsafe { to.write_volatile(*byte) };
        to = to.wrapping_add(1);
    }
}

/// One instruction a word; x86 does not need alignment.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod word {
    use core::arch::asm;

    macro_rules! words {
        ($load:ident, $store:ident, $bytes:literal, $raw:ty, $register:literal) => {
            /// # Safety
            /// The bytes at `from` are mapped.
            #[inline]
            pub(super) unsafe fn $load(from: *const u8) -> [u8; $bytes] {
                let value: $raw;
                // SAFETY: the caller's promise; one load.
                unsafe {
                    asm!(concat!("mov ", $register, ", [{from}]"), value = out(reg) value, from = in(reg) from,
                        options(nostack, preserves_flags, readonly));
                }
                value.to_ne_bytes()
            }

            /// # Safety
            /// The bytes at `to` are mapped.
            #[inline]
            pub(super) unsafe fn $store(to: *mut u8, value: [u8; $bytes]) {
                let value = <$raw>::from_ne_bytes(value);
                // SAFETY: the caller's promise; one store.
                unsafe {
                    asm!(concat!("mov [{to}], ", $register), value = in(reg) value, to = in(reg) to,
                        options(nostack, preserves_flags));
                }
            }
        };
    }

    words!(load4, store4, 4, u32, "{value:e}");
    words!(load8, store8, 8, u64, "{value:r}");
}

/// Vector registers, where the compiler may use them.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod vector {
    use core::arch::asm;
    use core::arch::x86_64::__m128i as Vector;
    use core::mem::transmute;

    /// # Safety
    /// The bytes at `from` are mapped.
    #[inline]
    pub(super) unsafe fn load16(from: *const u8) -> [u8; 16] {
        let value: Vector;
        // SAFETY: the caller's promise; one load.
        unsafe {
            asm!("movups {value}, [{from}]", value = out(xmm_reg) value, from = in(reg) from,
                options(nostack, preserves_flags, readonly));
        }
        // SAFETY: both are 16 bytes of which each value is valid.
        unsafe { transmute(value) }
    }

    /// # Safety
    /// The bytes at `to` are mapped.
    #[inline]
    pub(super) unsafe fn store16(to: *mut u8, value: [u8; 16]) {
        // SAFETY: both are 16 bytes of which each value is valid.
        let value: Vector = unsafe { transmute(value) };
        // SAFETY: the caller's promise; one store.
        unsafe {
            asm!("movups [{to}], {value}", value = in(xmm_reg) value, to = in(reg) to,
                options(nostack, preserves_flags));
        }
    }
}

/// Volatile words where they are aligned, else bytes.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod word {
    macro_rules! words {
        ($load:ident, $store:ident, $bytes:literal, $raw:ty) => {
            /// # Safety
            /// The bytes at `from` are mapped.
            pub(super) unsafe fn $load(from: *const u8) -> [u8; $bytes] {
                if from.cast::<$raw>().is_aligned() {
                    // SAFETY: the caller's promise, and aligned.
                    return unsafe { from.cast::<$raw>().read_volatile() }.to_ne_bytes();
                }
                // SAFETY: the caller's promise; each byte is one of those.
                core::array::from_fn(|at| unsafe { from.wrapping_add(at).read_volatile() })
            }

            /// # Safety
            /// The bytes at `to` are mapped.
            pub(super) unsafe fn $store(to: *mut u8, value: [u8; $bytes]) {
                if to.cast::<$raw>().is_aligned() {
                    // SAFETY: the caller's promise, and aligned.
                    return unsafe { to.cast::<$raw>().write_volatile(<$raw>::from_ne_bytes(value)) };
                }
                for (at, byte) in value.into_iter().enumerate() {
                    // SAFETY: the caller's promise; each byte is one of those.
                    unsafe { to.wrapping_add(at).write_volatile(byte) }
                }
            }
        };
    }

    words!(load4, store4, 4, u32);
    words!(load8, store8, 8, u64);
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
use vector::{load16, store16};
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
use words::{load16, store16};

/// A block as words, for kernels that leave the vector registers alone and other processors.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
mod words {
    use super::word::{load8, store8};

    /// # Safety
    /// The bytes at `from` are mapped.
    #[inline]
    pub(super) unsafe fn load16(from: *const u8) -> [u8; 16] {
        // SAFETY: the caller's promise; the first word.
        let low = unsafe { load8(from) };
        // SAFETY: the caller's promise; the second word.
        let high = unsafe { load8(from.wrapping_add(8)) };
        let mut value = [0; 16];
        value.iter_mut().zip(low.into_iter().chain(high)).for_each(|(to, byte)| *to = byte);
        value
    }

    /// # Safety
    /// The bytes at `to` are mapped.
    #[inline]
    pub(super) unsafe fn store16(to: *mut u8, value: [u8; 16]) {
        for (word, at) in value.as_chunks().0.iter().zip([0, 8]) {
            // SAFETY: the caller's promise; a word each.
            unsafe { store8(to.wrapping_add(at), *word) };
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{read, write};

    /// Every length goes there and back whole, wherever it lies, and nothing beside it is touched.
    #[test]
    fn few_bytes_of_every_length_go_there_and_back() {
        let longest = if cfg!(miri) { 34 } else { 130 };
        for (len, shift) in (0..=longest).flat_map(|len| [0, 1, 4, 8].map(|shift| (len, shift))) {
            let record: Vec<u8> = (1..=len).collect();
            let mut memory = [0xee_u8; 160];
            let at = memory.as_mut_ptr().wrapping_add(8 + shift);
            // SAFETY: within the array, and apart from the record.
            unsafe { write(at, &record) };
            let mut back = record.clone();
            back.fill(0);
            // SAFETY: as above.
            unsafe { read(at, &mut back) };
            assert_eq!(back, record, "{len} {shift}");
            let touched = memory.iter().filter(|byte| **byte != 0xee).count();
            assert_eq!(touched, record.len(), "{len} {shift}");
        }
    }
}
