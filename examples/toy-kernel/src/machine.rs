//! The processor: where it begins, its interrupts, its local APIC, and how it ends.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::fmt::Write as _;

use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::op::vcpu::LongMode;
pub use xen_hypercall::x86_64::{DebugPort, Direct, Native};
use xen_hypercall::{Cpu as _, IrqGate, pvh_note};

global_asm!(include_str!("boot.s"), options(att_syntax));
pvh_note!("pvh_start");

/// The vector by which Xen tells of events, and that by which one processor calls another.
pub const EVENT: u8 = 0xF3;
pub const CALL: u8 = 0xF2;
const SPURIOUS: u8 = 0xFF;

// Registers of the local APIC.
const APIC_BASE: u32 = 0x1B;
const X2APIC: u64 = 3 << 10;
const APIC_ID: u32 = 0x802;
const SPURIOUS_VECTOR: u32 = 0x80F;
const APIC_ON: u64 = 1 << 8;
const COMMAND: u32 = 0x830;

const EFER: u32 = 0xC000_0080;

unsafe extern "C" {
    fn wake();
    fn spurious();
    fn trap();
    fn second_start();
}

/// The interrupt table, of both processors.
#[repr(C, align(16))]
struct Table(UnsafeCell<[u128; 256]>);

// SAFETY: written by the first processor before there is a second.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([0; 256]));

/// A gate of the table: present, interrupts off, code segment 8.
fn gate_to(handler: unsafe extern "C" fn()) -> u128 {
    let at = handler as usize as u128;
    (at >> 16) << 48 | 0x8E00 << 32 | 8 << 16 | at & 0xFFFF
}

/// Fills the interrupt table; once.
pub fn set_handlers() {
    let mut gates = [gate_to(trap); 256];
    [EVENT, CALL].iter().for_each(|&vector| gates[usize::from(vector)] = gate_to(wake));
    gates[usize::from(SPURIOUS)] = gate_to(spurious);
    // SAFETY: nobody uses it yet.
    unsafe { TABLE.0.get().write(gates) };
}

/// Has this processor take interrupts by the table, and turns its local APIC on; returns its number there.
pub fn start_interrupts() -> u64 {
    let mut pointer = [0_u16; 5];
    let at = TABLE.0.get() as usize;
    pointer[0] = 4095;
    (0..4).for_each(|word| pointer[1 + word] = (at >> (16 * word)) as u16);
    // SAFETY: the table is whole, and stays.
    unsafe { asm!("lidt [{}]", in(reg) &pointer, options(nostack, preserves_flags)) };
    let base = read(APIC_BASE) | X2APIC;
    write(APIC_BASE, base);
    write(SPURIOUS_VECTOR, APIC_ON | u64::from(SPURIOUS));
    read(APIC_ID)
}

/// Interrupts the processor of this number.
pub fn call(apic: u64) {
    write(COMMAND, apic << 32 | u64::from(CALL));
}

/// How a processor begins that is as this one is now: at `second_start`, with a stack and an argument.
pub fn like_this(rsp: u64, rdi: u64) -> LongMode {
    let (cr0, cr3, cr4): (u64, u64, u64);
    // SAFETY: only reads.
    unsafe { asm!("mov {}, cr0", "mov {}, cr3", "mov {}, cr4", out(reg) cr0, out(reg) cr3, out(reg) cr4) };
    let rip = second_start as *const () as u64;
    LongMode { rip, rsp, rdi, rflags: 2, cr0, cr3, cr4, efer: read(EFER), ..LongMode::default() }
}

fn read(register: u32) -> u64 {
    // SAFETY: every processor of a PVH guest has these, and reading them has no effect.
    unsafe { Native.read_msr(register) }
}

fn write(register: u32, value: u64) {
    // SAFETY: registers of the local APIC, whose interrupts are all handled.
    unsafe { Native.write_msr(register, value) }
}

/// Interrupts off and on.
#[derive(Clone, Copy)]
pub struct Gate;

impl IrqGate for Gate {
    type Saved = bool;

    fn off(&self) -> bool {
        let flags: u64;
        // SAFETY: ring 0.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
        flags & 1 << 9 != 0
    }

    fn restore(&self, were_on: bool) {
        if were_on {
            // SAFETY: they were on before.
            unsafe { asm!("sti", options(nostack)) }
        }
    }
}

/// Sleeps until an interrupt; interrupts are off before and after.
pub fn sleep() {
    // SAFETY: `sti` lets none in before `hlt`.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) }
}

/// Ends the domain, for a reason that the toolstack is told.
pub fn end(reason: Reason) -> ! {
    loop {
        sched::shutdown(&Direct::new(&Native), reason);
    }
}

#[unsafe(no_mangle)]
extern "C" fn trapped(stack: *const [u64; 3]) -> ! {
    // SAFETY: what the processor pushed.
    let words = unsafe { *stack };
    panic!("a trap at {words:x?}")
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(DebugPort, "{}: {info}", env!("CARGO_PKG_NAME"));
    end(Reason::CRASH)
}
