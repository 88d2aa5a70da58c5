//! Faults on demand (`fault=KIND` on the command line), to see that none is silent.
#![expect(unsafe_code, reason = "does what must not be done")]

use core::arch::asm;
use core::hint::black_box;
use core::ptr::with_exposed_provenance_mut;

#[expect(clippy::panic, reason = "asked for")]
/// Commits the fault that the command line asks for, if it does.
pub(super) fn asked(options: &str) {
    let kind = options.split_ascii_whitespace().find_map(|option| option.strip_prefix("fault="));
    match kind {
        // SAFETY: the exception is what is wanted, and it does not return.
        Some("undefined") => unsafe { asm!("ud2") },
        Some("null") => write(0x10),
        Some("text") => write(0x20_0000),
        Some("execute") => execute(),
        Some("stack") => _ = descend(0),
        Some("panic") => panic!("asked for"),
        _ => {}
    }
}

fn write(address: usize) {
    // SAFETY: the page is absent or cannot be written, so that nothing changes.
    unsafe { with_exposed_provenance_mut::<u8>(address).write_volatile(0) }
}

fn execute() {
    let code: u8 = 0xC3;
    // SAFETY: a stack cannot be executed; if it could, this byte only returns.
    unsafe { asm!("call {}", in(reg) &raw const code, clobber_abi("C")) }
}

#[expect(unconditional_recursion, reason = "to run out of stack")]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    descend(depth + 1) + black_box(frame)[0]
}
