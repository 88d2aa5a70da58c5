//! I/O ports.
#![expect(unsafe_code, reason = "instructions")]

use core::arch::asm;

/// Reads one byte.
pub(super) fn read8(port: u16) -> u8 {
    let byte: u8;
    // SAFETY: in this guest ports reach emulated devices alone, none of which does anything to memory by it.
    unsafe { asm!("in al, dx", in("dx") port, out("al") byte, options(nomem, nostack, preserves_flags)) }
    byte
}

/// Reads four bytes.
pub(super) fn read32(port: u16) -> u32 {
    let word: u32;
    // SAFETY: as for `read8`.
    unsafe { asm!("in eax, dx", in("dx") port, out("eax") word, options(nomem, nostack, preserves_flags)) }
    word
}

/// Fills `bytes` from one port, with one instruction: each exit to the device model is slow.
pub(super) fn read_all(port: u16, bytes: &mut [u8]) {
    // SAFETY: as for `read8`, and writes the slice alone; the direction flag is clear in compiled code.
    unsafe {
        asm!("rep insb", in("dx") port, inout("rcx") bytes.len() => _, inout("rdi") bytes.as_mut_ptr() => _,
            options(nostack, preserves_flags));
    }
}

/// Writes one byte.
pub(super) fn write8(port: u16, byte: u8) {
    // SAFETY: the callers select what a device shows; none is told to write to memory.
    unsafe { asm!("out dx, al", in("dx") port, in("al") byte, options(nomem, nostack, preserves_flags)) }
}

/// Writes two bytes.
pub(super) fn write16(port: u16, word: u16) {
    // SAFETY: as for `write8`.
    unsafe { asm!("out dx, ax", in("dx") port, in("ax") word, options(nomem, nostack, preserves_flags)) }
}

/// Writes four bytes.
pub(super) fn write32(port: u16, word: u32) {
    // SAFETY: as for `write8`.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") word, options(nomem, nostack, preserves_flags)) }
}
