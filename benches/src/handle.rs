//! What stands for a handler: the compiler knows nothing of what it does with a value.
#![expect(unsafe_code, reason = "an empty instruction")]

use core::arch::asm;

/// Returns a port's number, out of a register of which the compiler knows no more; the twin of `HANDLE` in `c/usual.c`.
#[inline(always)]
#[must_use]
pub fn handle(port: u32) -> u64 {
    let mut value = u64::from(port);
    // SAFETY: no instruction.
    unsafe { asm!("/* {0} */", inout(reg) value) }
    value
}
