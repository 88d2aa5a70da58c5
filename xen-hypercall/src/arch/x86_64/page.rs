//! Hypercalls by the page that Xen fills.
#![expect(unsafe_code, reason = "instructions")]

use core::arch::asm;
use core::fmt;
use core::ptr::NonNull;

use crate::{Cpu, Gfn, Hypercall, Number, PAGE_SIZE, Presence, Word};

/// Bytes of each stub.
const STUB: usize = 32;

/// There is no register by which Xen fills a hypercall page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoHypercallPage;

impl fmt::Display for NoHypercallPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CPUID names no register for a hypercall page")
    }
}

impl core::error::Error for NoHypercallPage {}

/// The hook that makes hypercalls through a page of stubs, which Xen writes for the processor at hand.
///
/// The stubs are another Xen's after a resume in a new domain: [`HypercallPage::fill`] is to be called again, before any
/// hypercall there, and while no other processor makes one, since Xen fills the page with traps first.
///
/// # Invariants
/// 1. `stubs` is a page of executable memory that stays mapped as long as the value lives, and holds Xen's stubs.
///
/// # Xen
/// `arch-x86/cpuid.h`, leaf base + 2: EBX is the register to which the frame is written. Stub `n` is at byte `32 n`.
#[doc(alias = "hypercall_page")]
#[derive(Debug)]
pub struct HypercallPage {
    stubs: NonNull<u8>,
    gfn: Gfn,
}

// SAFETY: the page is only executed, and filled while no other processor is in it.
unsafe impl Send for HypercallPage {}
// SAFETY: as above.
unsafe impl Sync for HypercallPage {}

impl HypercallPage {
    /// Takes charge of the page at `stubs`, which is guest frame `gfn`, and has Xen fill it.
    ///
    /// # Errors
    /// [`NoHypercallPage`] if Xen has none.
    ///
    /// # Safety
    /// The caller guarantees that the page is aligned, mapped executable as long as the value lives, and nobody else's.
    pub unsafe fn new<C: Cpu + ?Sized>(
        stubs: NonNull<u8>,
        gfn: Gfn,
        (cpu, presence): (&C, Presence),
    ) -> Result<Self, NoHypercallPage> {
        let page = Self { stubs, gfn };
        page.fill(cpu, presence)?;
        Ok(page)
    }

    /// Has the running Xen write its stubs.
    ///
    /// # Errors
    /// [`NoHypercallPage`] if Xen has none; the page is as it was.
    pub fn fill<C: Cpu + ?Sized>(&self, cpu: &C, presence: Presence) -> Result<(), NoHypercallPage> {
        let leaf = presence.base.checked_add(2).ok_or(NoHypercallPage)?;
        let found = cpu.cpuid(leaf, 0);
        if found.eax == 0 {
            return Err(NoHypercallPage);
        }
        let size = u64::try_from(PAGE_SIZE).map_err(|_| NoHypercallPage)?;
        let address = self.gfn.0.checked_mul(size).ok_or(NoHypercallPage)?;
        // SAFETY: CPUID names the register; Xen writes the page alone, which is ours by invariant 1.
        unsafe { cpu.write_msr(found.ebx, address) };
        Ok(())
    }
}

// SAFETY: Xen's stubs put the number into RAX and trap; the words are in the registers that the ABI names, and the `asm!`
// block counts as touching all memory.
unsafe impl Hypercall for HypercallPage {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        let [a0, a1, a2, a3, a4] = args.map(Word::as_ptr::<()>);
        let stub = self.stubs.as_ptr().wrapping_add(number.0.wrapping_mul(STUB) % PAGE_SIZE);
        let result: isize;
        // SAFETY: invariant 1; the caller's promise. A stub changes no register but RAX and the arguments'; RCX and R11
        // count as changed as by any call, and R9.
        unsafe {
            asm!("call {stub}", stub = in(reg) stub, lateout("rax") result, inlateout("rdi") a0 => _,
                inlateout("rsi") a1 => _, inlateout("rdx") a2 => _, inlateout("r10") a3 => _, inlateout("r8") a4 => _,
                lateout("rcx") _, lateout("r9") _, lateout("r11") _);
        }
        result
    }
}
