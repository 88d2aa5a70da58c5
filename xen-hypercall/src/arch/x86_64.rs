//! x86_64: how a hypercall is made, and the processor itself.
#![expect(unsafe_code, reason = "instructions")]

mod page;
mod platform;

use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, _rdtsc};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::{Cpu, Cpuid, Hypercall, Number, Word};

pub use page::{HypercallPage, NoHypercallPage};

/// The processor that this code runs on. For ring 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

impl Cpu for Native {
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Cpuid {
        let found = __cpuid_count(leaf, subleaf);
        Cpuid { eax: found.eax, ebx: found.ebx, ecx: found.ecx, edx: found.edx }
    }

    fn tsc(&self) -> u64 {
        // SAFETY: every x86_64 has the instruction, and ring 0 may use it.
        unsafe { _rdtsc() }
    }

    unsafe fn read_msr(&self, register: u32) -> u64 {
        let (low, high): (u32, u32);
        // SAFETY: the caller's promise.
        unsafe {
            asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high, options(nostack, preserves_flags));
        }
        u64::from(high) << 32 | u64::from(low)
    }

    unsafe fn write_msr(&self, register: u32, value: u64) {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = value.to_le_bytes();
        let (low, high) = (u32::from_le_bytes([b0, b1, b2, b3]), u32::from_le_bytes([b4, b5, b6, b7]));
        // SAFETY: the caller's promise.
        unsafe {
            asm!("wrmsr", in("ecx") register, in("eax") low, in("edx") high, options(nostack, preserves_flags));
        }
    }
}

/// The hook that makes hypercalls by the processor's own instruction, `vmcall` or `vmmcall`.
///
/// Needs no hypercall page. The instruction depends on the vendor of the processor, and so may change when the guest
/// moves: [`Direct::choose`] is to be called again after a resume in a new domain.
///
/// # Xen
/// Number in RAX, arguments in RDI, RSI, RDX, R10, R8, result in RAX.
#[derive(Debug)]
pub struct Direct {
    vmmcall: AtomicBool,
}

impl Direct {
    /// Chooses the instruction by the processor's vendor.
    #[must_use]
    pub fn new<C: Cpu + ?Sized>(cpu: &C) -> Self {
        Self { vmmcall: AtomicBool::new(wants_vmmcall(cpu)) }
    }

    /// Chooses anew: for a guest that may have moved to another processor.
    pub fn choose<C: Cpu + ?Sized>(&self, cpu: &C) {
        self.vmmcall.store(wants_vmmcall(cpu), Ordering::Relaxed);
    }
}

/// Tells whether the processor's vendor has `vmmcall` (AMD, Hygon) and not `vmcall` (Intel, Zhaoxin, Centaur).
pub fn wants_vmmcall<C: Cpu + ?Sized>(cpu: &C) -> bool {
    // Leaf 0 gives the name in the order EBX, EDX, ECX.
    let Cpuid { ebx, ecx, edx, .. } = cpu.cpuid(0, 0);
    let name = Cpuid { eax: 0, ebx, ecx: edx, edx: ecx }.signature();
    matches!(&name, b"AuthenticAMD" | b"HygonGenuine")
}

// SAFETY: the words go into the registers that the ABI names, and RAX comes back; Xen reads memory as it stands, and the
// `asm!` blocks count as touching all memory.
unsafe impl Hypercall for Direct {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        let [a0, a1, a2, a3, a4] = args.map(Word::as_ptr::<()>);
        let result: isize;
        if self.vmmcall.load(Ordering::Relaxed) {
            // SAFETY: the caller's promise, and the vendor has the instruction.
            unsafe {
                asm!("vmmcall", inlateout("rax") number.0 => result, inlateout("rdi") a0 => _, inlateout("rsi") a1 => _,
                    inlateout("rdx") a2 => _, inlateout("r10") a3 => _, inlateout("r8") a4 => _, options(nostack));
            }
        } else {
            // SAFETY: the caller's promise, and the vendor has the instruction.
            unsafe {
                asm!("vmcall", inlateout("rax") number.0 => result, inlateout("rdi") a0 => _, inlateout("rsi") a1 => _,
                    inlateout("rdx") a2 => _, inlateout("r10") a3 => _, inlateout("r8") a4 => _, options(nostack));
            }
        }
        result
    }
}

/// Text for emergencies: Xen prints each whole line written to I/O port 0xe9 on its own console.
///
/// Works before anything is set up and after everything is lost, in HVM and PVH guests.
#[doc(alias = "xen_raw_console_write")]
#[derive(Debug, Clone, Copy, Default)]
pub struct DebugPort;

impl fmt::Write for DebugPort {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the port only takes text; on a machine without it the write has no effect.
            unsafe { asm!("out 0xe9, al", in("al") byte, options(nomem, nostack, preserves_flags)) }
        }
        Ok(())
    }
}
