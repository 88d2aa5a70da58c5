//! Copies of short records of shared memory: blocks of 48 bytes, words of 8 and 4, each byte once, opaque to the compiler.
//!
//! A record of 16 bytes is two words and no vector: its fields are then in plain registers at once.
#![expect(unsafe_code, reason = "touches shared memory, beside `page.rs`")]

/// Copies a shared record into private memory.
///
/// # Safety
/// As many bytes as `to` has are mapped at `from` and do not overlap it.
#[inline]
pub(crate) unsafe fn read(mut from: *const u8, to: &mut [u8]) {
    let (blocks, rest) = to.as_chunks_mut();
    let (words, rest) = rest.as_chunks_mut();
    let (halves, bytes) = rest.as_chunks_mut();
    for block in blocks {
        // SAFETY: the caller's promise; each round copies the next 48 bytes.
        *block = unsafe { load48(from) };
        from = from.wrapping_add(48);
    }
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

/// Copies a private record into shared memory.
///
/// # Safety
/// As many bytes as `from` has are mapped at `to` and do not overlap it.
#[inline]
pub(crate) unsafe fn write(mut to: *mut u8, from: &[u8]) {
    let (blocks, rest) = from.as_chunks();
    let (words, rest) = rest.as_chunks();
    let (halves, bytes) = rest.as_chunks();
    for block in blocks {
        // SAFETY: the caller's promise; each round copies the next 48 bytes.
        unsafe { store48(to, *block) };
        to = to.wrapping_add(48);
    }
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
    pub(super) unsafe fn load48(from: *const u8) -> [u8; 48] {
        let (a, b, c): (Vector, Vector, Vector);
        // SAFETY: the caller's promise; three loads.
        unsafe {
            asm!("movups {a}, [{from}]", "movups {b}, [{from} + 16]", "movups {c}, [{from} + 32]",
                a = out(xmm_reg) a, b = out(xmm_reg) b, c = out(xmm_reg) c, from = in(reg) from,
                options(nostack, preserves_flags, readonly));
        }
        // SAFETY: both are 48 bytes of which each value is valid.
        unsafe { transmute([a, b, c]) }
    }

    /// # Safety
    /// The bytes at `to` are mapped.
    #[inline]
    pub(super) unsafe fn store48(to: *mut u8, value: [u8; 48]) {
        // SAFETY: both are 48 bytes of which each value is valid.
        let [a, b, c]: [Vector; 3] = unsafe { transmute(value) };
        // SAFETY: the caller's promise; three stores.
        unsafe {
            asm!("movups [{to}], {a}", "movups [{to} + 16], {b}", "movups [{to} + 32], {c}",
                a = in(xmm_reg) a, b = in(xmm_reg) b, c = in(xmm_reg) c, to = in(reg) to,
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
use vector::{load48, store48};
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
use words::{load48, store48};

/// A block as words, for kernels that leave the vector registers alone and other processors.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
mod words {
    use super::word::{load8, store8};

    const AT: [usize; 6] = [0, 8, 16, 24, 32, 40];

    /// # Safety
    /// The bytes at `from` are mapped.
    #[inline]
    pub(super) unsafe fn load48(from: *const u8) -> [u8; 48] {
        let mut value = [0; 48];
        for (word, at) in value.as_chunks_mut().0.iter_mut().zip(AT) {
            // SAFETY: the caller's promise; a word each.
            *word = unsafe { load8(from.wrapping_add(at)) };
        }
        value
    }

    /// # Safety
    /// The bytes at `to` are mapped.
    #[inline]
    pub(super) unsafe fn store48(to: *mut u8, value: [u8; 48]) {
        for (word, at) in value.as_chunks().0.iter().zip(AT) {
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
    fn records_of_every_length_go_there_and_back() {
        for (len, shift) in (0..=130).flat_map(|len| [0, 1, 4, 8].map(|shift| (len, shift))) {
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
