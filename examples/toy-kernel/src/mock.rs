//! The machine of the mock host, in place of `machine.rs` and `pages.rs`.
#![expect(unsafe_code, reason = "passes on what the mock host's machine promises")]

use core::cell::{Cell, OnceCell};
use core::panic::AssertUnwindSafe;
use std::panic::{catch_unwind, resume_unwind};

use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::op::vcpu::LongMode;
use xen_hypercall::{Cpu, Cpuid, Hypercall, IrqGate, Number, Vcpu, Word};
use xen_mock::{Hook, Host};

/// The vector by which Xen tells of events.
pub const EVENT: u8 = 0xF3;

thread_local! {
    static HOST: OnceCell<Host> = const { OnceCell::new() };
    static INTERRUPTS: Cell<bool> = const { Cell::new(false) };
    static SECOND: Cell<bool> = const { Cell::new(false) };
}

/// The host of this thread: the one that was set, or a plain one.
pub fn host() -> Host {
    HOST.with(|host| host.get_or_init(|| Host::builder().build()).clone())
}

/// Boots on this host; once a thread.
pub fn boot_on(host: Host) {
    HOST.with(|place| assert!(place.set(host).is_ok(), "a thread has one host"));
}

/// The processor.
#[derive(Debug, Clone, Copy)]
pub struct Native;

impl Cpu for Native {
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Cpuid {
        host().guest().cpu().cpuid(leaf, subleaf)
    }

    fn tsc(&self) -> u64 {
        host().guest().cpu().tsc()
    }

    unsafe fn read_msr(&self, register: u32) -> u64 {
        // SAFETY: the caller's promise is handed on.
        unsafe { host().guest().cpu().read_msr(register) }
    }

    unsafe fn write_msr(&self, register: u32, value: u64) {
        // SAFETY: the caller's promise is handed on.
        unsafe { host().guest().cpu().write_msr(register, value) }
    }
}

/// The hook.
#[derive(Debug)]
pub struct Direct(Hook);

impl Direct {
    pub fn new(_: &Native) -> Self {
        Self(host().guest().hook())
    }

    pub fn choose(&self, _: &Native) {}
}

// SAFETY: as the mock host's own.
unsafe impl Hypercall for Direct {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        // SAFETY: the caller's promise is handed on.
        unsafe { self.0.call(number, args) }
    }
}

/// Where last words go.
#[derive(Debug)]
pub struct DebugPort;

impl core::fmt::Write for DebugPort {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        eprint!("{text}");
        Ok(())
    }
}

/// Interrupts off and on.
#[derive(Debug, Clone, Copy)]
pub struct Gate;

impl IrqGate for Gate {
    type Saved = bool;

    fn off(&self) -> bool {
        INTERRUPTS.replace(false)
    }

    fn restore(&self, were_on: bool) {
        INTERRUPTS.set(were_on);
    }
}

pub fn set_handlers() {}

pub fn start_interrupts() -> u64 {
    0
}

pub fn call(_apic: u64) {}

pub fn like_this(_stack: u64, _argument: u64) -> LongMode {
    LongMode::default()
}

/// Says that the second processor sleeps, which on the mock host is its end.
struct Asleep;

/// Sleeps until an interrupt; interrupts are off before and after.
pub fn sleep() {
    assert!(!INTERRUPTS.get(), "what comes between the look and the sleep would be missed");
    if SECOND.get() {
        resume_unwind(Box::new(Asleep));
    }
    sched::block(&host().guest().hook()).expect("a sleep");
}

/// Runs what the second processor does until it sleeps.
pub fn on_second(work: impl FnOnce()) {
    SECOND.set(true);
    let ended = host().guest().on_vcpu(Vcpu(1), || catch_unwind(AssertUnwindSafe(work)));
    SECOND.set(false);
    match ended {
        Err(end) if end.is::<Asleep>() => {}
        Err(panic) => resume_unwind(panic),
        Ok(()) => panic!("it came to an end"),
    }
}

/// Says that the domain has ended.
struct Ended;

/// Ends the domain, for a reason that the toolstack is told.
pub fn end(reason: Reason) -> ! {
    sched::shutdown(&host().guest().hook(), reason);
    resume_unwind(Box::new(Ended));
}

/// Runs a kernel until its domain ends.
pub fn until_it_ends(kernel: impl FnOnce()) {
    match catch_unwind(AssertUnwindSafe(kernel)) {
        Err(end) if end.is::<Ended>() => {}
        Err(panic) => resume_unwind(panic),
        Ok(()) => panic!("it came to an end, and its domain did not"),
    }
}

/// Memory: pages of the mock host's, never given back.
pub mod pages {
    use super::host;
    use core::ptr::NonNull;
    use xen_hypercall::{Gfn, PAGE_SIZE, SharedPage};

    #[repr(C, align(4096))]
    #[derive(Clone)]
    struct Page([u8; PAGE_SIZE]);

    /// Takes so many pages in a row, which are zero, and which Xen does not know.
    pub fn take(pages: usize) -> NonNull<u8> {
        NonNull::from(vec![Page([0; PAGE_SIZE]); pages].leak()).cast()
    }

    /// A fresh page that may be given to Xen.
    pub fn page() -> SharedPage {
        host().guest().page()
    }

    /// A frame that the toolstack names, each asked for once.
    pub fn map(gfn: Gfn) -> SharedPage {
        host().guest().map(gfn)
    }

    /// Keeps a value for ever.
    pub fn keep<T>(value: T) -> &'static mut T {
        Box::leak(Box::new(value))
    }
}
