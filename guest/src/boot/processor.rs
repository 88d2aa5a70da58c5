//! The other processors: their stacks and tables, how they start, and how they stop.
#![expect(unsafe_code, reason = "descriptor tables, and a processor that starts with them")]

use core::arch::{asm, global_asm};
use core::hint::spin_loop;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use guest::{MOST_VCPUS, StartFailed, Turn, UPCALL_VECTOR};
use xen_hypercall::op::sched;
use xen_hypercall::op::vcpu::{self, LongMode};
use xen_hypercall::{Hypercall, Vcpu};

use super::upcall::{self, LENT};
use super::{apic, end, fault, gate, paging, pool};

const STACK: usize = 12288;
const FAULT_STACK: usize = 3072;

/// What one processor needs for itself: four pages.
#[repr(C, align(4096))]
struct Block {
    /// Found by GS.
    number: u32,
    limit: [u16; 2],
    /// Behind the limit above: what LGDT reads.
    base: u64,
    descriptors: [u64; 5],
    task_state: [u32; 26],
    fault_stack: [u8; FAULT_STACK],
    rest: [u8; 4096 - 160 - FAULT_STACK],
    stack: [u8; STACK],
}

const _: () = assert!(size_of::<Block>() == 4 * 4096 && offset_of!(Block, stack) == 4096);

// The descriptors are those of entry.rs, with a task state of its own: for the stack of faults.
global_asm!(
    r#"
    .section .text.processor, "ax"
    .globl processor_entry
processor_entry:                    // RDI: the block; RSP: the top of its stack
    lgdt [rdi + {pointer}]
    push 8
    lea rax, [rip + 2f]
    push rax
    retfq
2:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, 0x18
    ltr ax
    cld
    xor ebp, ebp
    call {live}
    ud2
"#,
    pointer = const offset_of!(Block, limit) + 2,
    live = sym live,
);

// Defined by the assembly above, used as an address only.
unsafe extern "C" {
    safe static processor_entry: u8;
}

static FIRST: u32 = 0;
/// By which number each is reached; 0, which is vCPU 0's own, for one that did not come up.
static APIC_IDS: [AtomicU32; MOST_VCPUS] = [const { AtomicU32::new(0) }; MOST_VCPUS];
/// The others are to stop.
static STOP: AtomicBool = AtomicBool::new(false);
/// How many run.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// Prepares vCPU 0 for interrupts.
pub(super) fn first() {
    upcall::name(&FIRST);
}

/// Starts a processor.
///
/// # Errors
/// [`StartFailed`].
pub(super) fn start<H: Hypercall>(hook: &H, vcpu: Vcpu) -> Result<(), StartFailed> {
    if apic::enable().is_err() {
        return Err(StartFailed::NoApic);
    }
    let block = pool::take_run::<Block>().filter(|_| (vcpu.0 as usize) < MOST_VCPUS).ok_or(StartFailed::NoMemory)?;
    let at = block.as_ptr().expose_provenance() as u64;
    let block = block.as_ptr();
    let task_state = at + offset_of!(Block, task_state) as u64;
    let mut words = [0; 26];
    let fault_stack = at + (offset_of!(Block, fault_stack) + FAULT_STACK) as u64;
    // The first stack of the interrupt stack table, and no map of ports.
    (words[9], words[10], words[25]) = (fault_stack as u32, (fault_stack >> 32) as u32, 104 << 16);
    let descriptors = [
        0,
        0x00af_9b00_0000_ffff,
        0x00cf_9300_0000_ffff,
        103 | (task_state & 0xFF_FFFF) << 16 | 0x89 << 40 | (task_state >> 24 & 0xFF) << 56,
        task_state >> 32,
    ];
    // SAFETY: four fresh pages, which nobody else reaches before the processor starts.
    let block = unsafe { &mut *block };
    block.number = vcpu.0;
    block.limit = [0, 39];
    block.base = at + offset_of!(Block, descriptors) as u64;
    block.descriptors = descriptors;
    block.task_state = words;
    let context = LongMode {
        rsp: at + size_of::<Block>() as u64,
        rdi: at,
        rip: (&raw const processor_entry).addr() as u64,
        rflags: 2,
        cr0: 0x8001_0031,
        cr3: paging::map(),
        cr4: 1 << 5,
        efer: 1 << 8 | 1 << 10 | 1 << 11,
        ..LongMode::default()
    };
    // SAFETY: the entry is made for these registers, and what it reaches is mapped by the page map that it gets.
    unsafe { vcpu::initialise(hook, vcpu, context) }.map_err(StartFailed::Xen)?;
    RUNNING.fetch_add(1, Ordering::Relaxed);
    vcpu::up(hook, vcpu).map_err(|errno| {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        StartFailed::Xen(errno)
    })
}

/// Interrupts a processor that has come up.
pub(super) fn interrupt(vcpu: Vcpu) {
    let id = APIC_IDS.get(vcpu.0 as usize).map_or(0, |id| id.load(Ordering::Acquire));
    if id != 0 {
        apic::send(id, UPCALL_VECTOR);
    }
}

/// A processor's life.
extern "C" fn live(block: *const Block) -> ! {
    // SAFETY: the block is this processor's for good, and the number in it does not change any more; no reference is made to
    // the stacks beside it.
    let number: &'static u32 = unsafe { &(*block).number };
    fault::load();
    upcall::name(number);
    if apic::enable().is_err() {
        end::complain("processor", &"it has no x2APIC");
        end::crash();
    }
    APIC_IDS[*number as usize].store(apic::id(), Ordering::Release);
    gate::on();
    while let Some(others) = LENT.get().filter(|_| !STOP.load(Ordering::Acquire)) {
        match others.turn(Vcpu(*number)) {
            Turn::Idle => upcall::idle(),
            Turn::Busy => {}
            Turn::Parked => spin_loop(),
        }
    }
    // SAFETY: interrupts may be off at any time.
    unsafe { asm!("cli") }
    RUNNING.fetch_sub(1, Ordering::Release);
    end::halt()
}

/// Has all others stop, each when it wakes the next time, and waits for it.
pub(super) fn stop<H: Hypercall>(hook: &H) {
    STOP.store(true, Ordering::Release);
    (1..).zip(APIC_IDS.iter().skip(1)).for_each(|(vcpu, _)| interrupt(Vcpu(vcpu)));
    // One that does not stop is in what vCPU 0 lent, and it cannot be taken back.
    for _ in 0..1_000_000 {
        if RUNNING.load(Ordering::Acquire) == 0 {
            return;
        }
        let _ = sched::yield_now(hook);
    }
    end::complain("processor", &"it does not stop");
    end::crash();
}
