//! The table of gates. Exceptions are reported on the hypervisor's console, and are the end of the domain.
#![expect(unsafe_code, reason = "the processor calls in here")]

use core::arch::{asm, global_asm};
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use guest::UPCALL_VECTOR;

use super::apic::SPURIOUS_VECTOR;
use super::end;
use super::upcall::{spurious_entry, upcall_entry};

const EXCEPTIONS: usize = 32;
const VECTORS: usize = 256;

/// Bytes from the entry of one exception to that of the next.
const ENTRY_SIZE: u64 = 16;

/// An interrupt gate of ring 0, into the code segment 0x08.
const GATE: u64 = 0x8E << 40 | 0x08 << 16;
/// It has the first stack of the interrupt stack table.
const OWN_STACK: u64 = 1 << 32;

/// Two words each: the gates of exceptions and interrupts.
static GATES: [[AtomicU64; 2]; VECTORS] = [const { [const { AtomicU64::new(0) }; 2] }; VECTORS];

// The processor pushes a code for some exceptions; the entry does it for the others, then pushes the vector.
global_asm!(
    r#"
    .section .text.fault, "ax"
    .balign 16
    .globl fault_entries
fault_entries:
    .irp vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    .balign 16
    .if ((0x60227d00 >> \vector) & 1) == 0
    push 0
    .endif
    push \vector
    jmp fault_common
    .endr
fault_common:
    mov rdi, rsp
    mov rsi, cr2
    and rsp, -16
    cld
    call {report}
    ud2
"#,
    report = sym report,
);

// The assembly above defines the name, which is used as an address only.
unsafe extern "C" {
    safe static fault_entries: u8;
}

/// What lies on the fault stack: two words of ours, a code, and what every exception pushes.
#[repr(C)]
struct Frame {
    vector: u64,
    code: u64,
    rip: u64,
    cs: u64,
    rflags: u64,
    rsp: u64,
    ss: u64,
}

struct Fault<'a> {
    frame: &'a Frame,
    address: u64,
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frame: Frame { vector, code, rip, rsp, .. }, address } = self;
        write!(f, "vector={vector} code={code:#x} rip={rip:#x} cr2={address:#x} rsp={rsp:#x}")
    }
}

/// Ends the domain with a report; without one if that faults too; by stopping if even the hypercall does.
extern "C" fn report(frame: &Frame, address: u64) -> ! {
    static EARLIER: AtomicU64 = AtomicU64::new(0);
    let earlier = EARLIER.fetch_add(1, Ordering::Relaxed);
    if earlier == 0 {
        end::complain("fault", &Fault { frame, address });
    }
    if earlier <= 1 {
        end::crash();
    }
    end::halt()
}

/// Has the processor report exceptions from now on.
pub(super) fn watch() {
    let mut entry = (&raw const fault_entries).addr() as u64;
    for at in 0..EXCEPTIONS {
        set(at, entry, GATE | OWN_STACK);
        entry += ENTRY_SIZE;
    }
    set(usize::from(UPCALL_VECTOR), (&raw const upcall_entry).addr() as u64, GATE);
    set(usize::from(SPURIOUS_VECTOR), (&raw const spurious_entry).addr() as u64, GATE);
    load();
}

fn set(at: usize, entry: u64, kind: u64) {
    let [low, high] = &GATES[at];
    low.store(entry & 0xFFFF | kind | (entry & 0xFFFF_0000) << 32, Ordering::Relaxed);
    high.store(entry >> 32, Ordering::Relaxed);
}

/// Has the calling processor use the table.
pub(super) fn load() {
    #[repr(C, packed)]
    struct Pointer {
        limit: u16,
        base: *const [[AtomicU64; 2]; VECTORS],
    }
    const LIMIT: u16 = 16 * 256 - 1;
    let pointer = Pointer { limit: LIMIT, base: &raw const GATES };
    // SAFETY: the gates are static and filled; their entries never return, or leave everything as they found it.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(readonly, nostack, preserves_flags)) }
}
