//! How another processor of an HVM or PVH guest starts (`hvm/hvm_vcpu.h`).
#![expect(unsafe_code, reason = "promises the layout of the argument block")]

use static_assertions::const_assert_eq;

use crate::command::{Command, issue_vcpu};
use crate::{Errno, Hypercall, Number, Vcpu};

/// `VCPU_HVM_MODE_64B`.
const MODE_64B: u32 = 1;

/// Registers with which a processor starts in long mode, with flat segments and no descriptor table.
///
/// # Xen
/// `vcpu_hvm_x86_64` of `hvm/hvm_vcpu.h`, Xen 4.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct LongMode {
    /// RAX.
    pub rax: u64,
    /// RCX.
    pub rcx: u64,
    /// RDX.
    pub rdx: u64,
    /// RBX.
    pub rbx: u64,
    /// Stack pointer.
    pub rsp: u64,
    /// RBP.
    pub rbp: u64,
    /// RSI.
    pub rsi: u64,
    /// RDI.
    pub rdi: u64,
    /// First instruction.
    pub rip: u64,
    /// Flags; bit 1 is set always.
    pub rflags: u64,
    /// CR0: paging and protection on, or Xen refuses.
    pub cr0: u64,
    /// CR3: the page map.
    pub cr3: u64,
    /// CR4: PAE on, or Xen refuses.
    pub cr4: u64,
    /// EFER: LME and LMA on, or Xen refuses.
    pub efer: u64,
}

/// The whole context. The union's other member, for 32 bits, is eight bytes longer.
#[repr(C)]
struct Initialise {
    mode: u32,
    pad: u32,
    x86_64: LongMode,
    rest: u64,
}

const_assert_eq!(size_of::<LongMode>(), 112);
const_assert_eq!(size_of::<Initialise>(), 128);

// SAFETY: laid out as `vcpu_hvm_context`; Xen reads the block only.
unsafe impl Command for Initialise {
    const NUMBER: Number = Number::VCPU_OP;
    const CMD: usize = 0;
}

/// Gives a processor its first registers; [`up`](super::up) then lets it run.
///
/// # Safety
/// Code at `start.rip` runs on that processor with these registers; it must be made for that.
///
/// # Errors
/// What Xen said; `EEXIST` for one that was initialised before, `EINVAL` for registers that cannot be, or for a
/// processor from [`LEGACY_VCPUS`](crate::LEGACY_VCPUS) on whose record is not registered.
///
/// # Xen
/// `VCPUOP_initialise` with `VCPU_HVM_MODE_64B`.
#[doc(alias = "VCPUOP_initialise")]
pub unsafe fn initialise<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu, start: LongMode) -> Result<(), Errno> {
    let number = usize::try_from(vcpu.0).map_err(|_| Errno::ENOENT)?;
    let mut block = Initialise { mode: MODE_64B, pad: 0, x86_64: start, rest: 0 };
    Errno::exact(issue_vcpu(hook, number, &mut block))
}
