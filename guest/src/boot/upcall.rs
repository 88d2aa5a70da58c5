//! The interrupt by which Xen tells a processor of events.
#![expect(unsafe_code, reason = "the processor calls in here, and others run what vCPU 0 lent")]

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use guest::{MOST_VCPUS, Others, Turn};
use xen_hypercall::x86_64::Native;
use xen_hypercall::{Cpu as _, IrqGate as _, Vcpu};

use super::apic;
use super::gate::{self, InterruptFlag};

// Saves what the handler may change; the stack is aligned for it, whatever it was.
global_asm!(
    r#"
    .section .text.upcall, "ax"
    .balign 16
    .globl upcall_entry, spurious_entry
upcall_entry:
    push rbp
    mov rbp, rsp
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    cld
    and rsp, -16
    call {upcall}
    lea rsp, [rbp - 72]
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
    pop rbp
    iretq
spurious_entry:
    iretq
"#,
    upcall = sym upcall,
);

// Defined by the assembly above, used as addresses only.
unsafe extern "C" {
    pub(super) safe static upcall_entry: u8;
    pub(super) safe static spurious_entry: u8;
}

static UPCALLS: [AtomicU64; MOST_VCPUS] = [const { AtomicU64::new(0) }; MOST_VCPUS];
static WOKEN: [AtomicBool; MOST_VCPUS] = [const { AtomicBool::new(false) }; MOST_VCPUS];

/// GS base: where a processor's number stands.
const GS_BASE: u32 = 0xC000_0101;

/// Has [`this`] tell the number that stands at `number`.
pub(super) fn name(number: &'static u32) {
    // SAFETY: the register exists; nothing else uses it, and the number stays where it is.
    unsafe { Native.write_msr(GS_BASE, (&raw const *number).addr() as u64) }
}

/// Returns the number of the calling processor.
pub(super) fn this() -> Vcpu {
    let number: u32;
    // SAFETY: `name` was called on this processor before its first interrupt.
    unsafe { asm!("mov {:e}, gs:[0]", out(reg) number, options(nostack, preserves_flags, readonly, pure)) }
    Vcpu(number)
}

/// Counts the interrupts of a processor so far.
pub(super) fn count(vcpu: Vcpu) -> u64 {
    UPCALLS.get(vcpu.0 as usize).map_or(0, |count| count.load(Ordering::Relaxed))
}

extern "C" fn upcall() {
    let vcpu = this();
    if let (Some(count), Some(woken)) = (UPCALLS.get(vcpu.0 as usize), WOKEN.get(vcpu.0 as usize)) {
        count.fetch_add(1, Ordering::Relaxed);
        woken.store(true, Ordering::Relaxed);
    }
    let Some(others) = LENT.get() else { return apic::acknowledge() };
    others.heard(vcpu);
    apic::acknowledge();
    while vcpu.0 != 0 && others.attend(vcpu) == Turn::Parked {
        spin_loop();
    }
}

/// Sleeps until there is an interrupt, unless there was one since this was called last.
pub(super) fn idle() {
    let saved = InterruptFlag.off();
    let woken = WOKEN.get(this().0 as usize).is_some_and(|woken| woken.swap(false, Ordering::Relaxed));
    if !woken {
        gate::sleep();
    }
    InterruptFlag.restore(saved);
}

/// What the processors run, lent by vCPU 0.
pub(super) struct Lent {
    others: UnsafeCell<Option<*const dyn Others>>,
    is: AtomicBool,
}

// SAFETY: the pointer is written while no other processor runs and interrupts are off, and read otherwise.
unsafe impl Sync for Lent {}

/// The one.
pub(super) static LENT: Lent = Lent { others: UnsafeCell::new(None), is: AtomicBool::new(false) };

impl Lent {
    /// Lends.
    ///
    /// # Safety
    /// What is lent can be used from every processor at once, and stays until [`Lent::back`]; interrupts are off, and no
    /// other processor runs.
    pub(super) unsafe fn lend(&self, others: &dyn Others) {
        // SAFETY: the caller's promise; the lifetime is that of the loan.
        let others = unsafe { core::mem::transmute::<*const dyn Others, *const (dyn Others + 'static)>(others) };
        // SAFETY: nobody reads, by the caller's promise.
        unsafe { *self.others.get() = Some(others) }
        self.is.store(true, Ordering::Release);
    }

    /// Takes back what was lent; interrupts are off, and no other processor runs any more.
    pub(super) fn back(&self) {
        self.is.store(false, Ordering::Release);
    }

    /// Returns what is lent.
    pub(super) fn get(&self) -> Option<&dyn Others> {
        if !self.is.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: it was written before the flag, and is not written while there is a reader.
        let others = unsafe { *self.others.get() }?;
        // SAFETY: alive and usable from here, as `lend` was promised.
        Some(unsafe { &*others })
    }
}
