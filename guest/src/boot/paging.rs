//! Which memory may be read, written, executed: every address is itself, up to 4 GiB.
#![expect(unsafe_code, reason = "registers and addresses that the linker knows")]

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

const PAGE: u64 = 1 << 12;
const LARGE_PAGE: u64 = 1 << 21;
const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;

/// End of the memory whose pages are protected one by one; above are large pages of data.
const FINE_END: u64 = 2 * LARGE_PAGE;

/// End of the addresses that are mapped.
pub(super) const END: u64 = 1 << 32;

/// Entries of page tables, which the processor reads and marks.
#[repr(C, align(4096))]
pub(super) struct Table<const N: usize>([AtomicU64; N]);

/// Four page directories: large pages up to [`END`]. Code can run in the first [`FINE_END`] bytes.
pub(super) static DIRECTORIES: Table<2048> = Table(large_pages());

static FINE: Table<1024> = Table([const { AtomicU64::new(0) }; 1024]);

const fn large_pages() -> [AtomicU64; 2048] {
    let mut entries = [const { AtomicU64::new(0) }; 2048];
    let mut left: &mut [AtomicU64] = &mut entries;
    let mut at = 0;
    while let [first, rest @ ..] = left {
        let execute = if at < FINE_END { 0 } else { NO_EXECUTE };
        *first = AtomicU64::new(at | PRESENT | WRITABLE | LARGE | execute);
        at += LARGE_PAGE;
        left = rest;
    }
    entries
}

// Names that guest.ld and entry.rs define, used as addresses only.
unsafe extern "C" {
    safe static image_start: u8;
    safe static image_end: u8;
    safe static text_end: u8;
    safe static rodata_end: u8;
    safe static stack_guard: u8;
    safe static fault_stack_guard: u8;
}

fn address<T>(of: *const T) -> u64 {
    of.addr() as u64
}

/// Tells whether the page at `at` is part of the guest's own image.
pub(super) fn is_image(at: u64) -> bool {
    (address(&raw const image_start)..address(&raw const image_end)).contains(&at)
}

/// Returns the address of the page map, for another processor.
pub(super) fn map() -> u64 {
    let map: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr3", out(reg) map, options(nomem, nostack, preserves_flags)) }
    map
}

/// Protects the image: code cannot be written, data not executed; there is no page at 0 nor below a stack.
pub(super) fn protect() {
    let mut at = 0;
    for entry in &FINE.0 {
        entry.store(fine(at), Ordering::Relaxed);
        at += PAGE;
    }
    let mut table = address(&raw const FINE);
    for entry in DIRECTORIES.0.iter().take(2) {
        entry.store(table | PRESENT | WRITABLE, Ordering::Relaxed);
        table += PAGE;
    }
    // SAFETY: the tables still map every byte in use where it was; writing CR3 makes the processor read them anew.
    unsafe { asm!("mov {old}, cr3", "mov cr3, {old}", old = out(reg) _, options(nostack, preserves_flags)) }
}

/// The entry of the page at `at`.
fn fine(at: u64) -> u64 {
    let guards = [0, address(&raw const stack_guard), address(&raw const fault_stack_guard)];
    let (text, code_end) = (address(&raw const image_start), address(&raw const text_end));
    if guards.contains(&at) {
        0
    } else if (text..code_end).contains(&at) {
        at | PRESENT
    } else if (code_end..address(&raw const rodata_end)).contains(&at) {
        at | PRESENT | NO_EXECUTE
    } else {
        at | PRESENT | WRITABLE | NO_EXECUTE
    }
}
