//! The second processor: how it is started, what it does, and how it waits while the first one suspends the guest.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use xen_evtchn::Scanner;
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::vcpu::{self, LongMode};
use xen_hypercall::x86_64::Native;
use xen_hypercall::{Cpu as _, PAGE_SIZE, Vcpu, VcpuInfo};
use xen_suspend::services::{Reach, Registration};
use xen_suspend::{Class, Fatal, Order, Rendezvous, Stage};

use crate::machine::{self, EVENT};
use crate::pages;
use crate::ticker::{Common, Ticker};

const SECOND: Vcpu = Vcpu(1);
const EFER: u32 = 0xC000_0080;
const STACK: usize = 4;

/// What the second processor is given.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) common: Common,
    pub(crate) rendezvous: &'static Rendezvous<'static>,
    pub(crate) record: VcpuInfo<'static>,
    pub(crate) control: ControlBlock<'static>,
    /// Its number to the local APIC, and 1 more, once it is up.
    pub(crate) apic: AtomicU64,
}

impl Reach for &Crew {
    fn interrupt(&self, _vcpu: Vcpu) {
        machine::call(self.apic.load(Ordering::Relaxed) - 1);
    }
}

unsafe extern "C" {
    fn second_start();
}

/// Starts it, and waits until it is up.
pub(crate) fn start(crew: &'static Crew) {
    let (cr0, cr3, cr4): (u64, u64, u64);
    // SAFETY: only reads.
    unsafe { asm!("mov {}, cr0", "mov {}, cr3", "mov {}, cr4", out(reg) cr0, out(reg) cr3, out(reg) cr4) };
    // SAFETY: it exists, and reading it has no effect.
    let efer = unsafe { Native.read_msr(EFER) };
    let start = LongMode {
        rip: second_start as *const () as u64,
        rsp: pages::take(STACK).addr().get() as u64 + (STACK * PAGE_SIZE) as u64,
        rdi: core::ptr::from_ref(crew).expose_provenance() as u64,
        rflags: 2,
        cr0,
        cr3,
        cr4,
        efer,
        ..LongMode::default()
    };
    // SAFETY: code of ours, a stack that nobody else has, and our own page map.
    unsafe { vcpu::initialise(crew.common.hook, SECOND, start) }.expect("a second processor");
    vcpu::up(crew.common.hook, SECOND).expect("a second processor that runs");
    while crew.apic.load(Ordering::Acquire) == 0 {
        core::hint::spin_loop();
    }
}

/// Where it begins, with interrupts off, as they stay but for its sleep.
#[unsafe(no_mangle)]
extern "C" fn second_main(crew: &'static Crew) -> ! {
    let apic = machine::start_interrupts();
    let Crew { common, rendezvous, .. } = *crew;
    rendezvous.join(SECOND).expect("a seat");
    // Nothing is registered yet that would have to be again.
    rendezvous.attend(SECOND, |_| Ok(()));
    let registration = Registration { record: Some(crew.record), upcall: Some(EVENT) };
    let scanner = Scanner::new(SECOND, crew.record).with_control(crew.control);
    let ticker = Ticker::new(common, SECOND, crew.record);
    let make = |Order { stage, class }| {
        let fatal = |errno| Fatal { stage, errno };
        if stage == Stage::Timers {
            return ticker.start().map_err(|_| fatal(None));
        }
        registration.make(common.hook, SECOND, class).map_err(|errno| fatal(Some(errno)))?;
        if class == Class::New { common.events.join(&scanner).map_err(|error| fatal(error.errno())) } else { Ok(()) }
    };
    for stage in [Stage::PerVcpu, Stage::Timers] {
        make(Order { stage, class: Class::New }).expect("Xen takes what the second processor has");
    }
    crew.apic.store(apic + 1, Ordering::Release);
    loop {
        rendezvous.attend(SECOND, make);
        let served = common.events.dispatch_on(&scanner, 64, |port| {
            ticker.take(port);
        });
        if served == 0 {
            machine::sleep();
        }
    }
}
