//! The second processor: how it is started, what it does, and how it waits while the first one suspends the guest.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use xen_evtchn::Scanner;
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::vcpu::{self, LongMode};
use xen_hypercall::x86_64::Native;
use xen_hypercall::{Cpu as _, PAGE_SIZE, SharedPage, Vcpu, VcpuInfo};
use xen_suspend::services::{Reach, Registration};
use xen_suspend::{Class, Fatal, Order, Rendezvous, Stage};

use crate::machine::{self, EVENT};
use crate::pages;
use crate::ticker::{Common, Ticker};

const SECOND: Vcpu = Vcpu(1);
const EFER: u32 = 0xC000_0080;
const STACK: usize = 4;

/// What the second processor is given.
pub(crate) struct Crew {
    common: Common,
    pub(crate) rendezvous: &'static Rendezvous<'static>,
    record: VcpuInfo<'static>,
    control: ControlBlock<'static>,
    /// Its number to the local APIC, and 1 more, once it is up.
    apic: AtomicU64,
}

impl Reach for &Crew {
    fn interrupt(&self, _vcpu: Vcpu) {
        machine::call(self.apic.load(Ordering::Relaxed) - 1);
    }
}

unsafe extern "C" {
    fn second_start();
}

impl Crew {
    pub(crate) fn new(
        common: Common,
        rendezvous: &'static Rendezvous<'static>,
        controls: &'static SharedPage,
    ) -> &'static Self {
        let record = VcpuInfo::new(pages::keep(pages::page()), 0).expect("a place in the page");
        let control = ControlBlock::new(controls, 1).expect("a place in the page");
        pages::keep(Self { common, rendezvous, record, control, apic: AtomicU64::new(0) })
    }

    /// Starts it, if there is one, and waits until it is up; returns how many processors there are.
    pub(crate) fn start(&'static self) -> u32 {
        let hook = self.common.hook;
        let vcpus = vcpu::count(hook, 2);
        if vcpus > 1 {
            // SAFETY: code of ours, a stack that nobody else has, and our own page map.
            unsafe { vcpu::initialise(hook, SECOND, self.registers()) }.expect("a second processor");
            vcpu::up(hook, SECOND).expect("a second processor that runs");
            while self.apic.load(Ordering::Acquire) == 0 {
                core::hint::spin_loop();
            }
        }
        vcpus
    }

    /// It begins as this one is now.
    fn registers(&'static self) -> LongMode {
        let (cr0, cr3, cr4): (u64, u64, u64);
        // SAFETY: only reads.
        unsafe { asm!("mov {}, cr0", "mov {}, cr3", "mov {}, cr4", out(reg) cr0, out(reg) cr3, out(reg) cr4) };
        // SAFETY: it exists, and reading it has no effect.
        let efer = unsafe { Native.read_msr(EFER) };
        let rsp = pages::take(STACK).addr().get() as u64 + (STACK * PAGE_SIZE) as u64;
        let (rip, rdi) = (second_start as *const () as u64, core::ptr::from_ref(self).expose_provenance() as u64);
        LongMode { rip, rsp, rdi, rflags: 2, cr0, cr3, cr4, efer, ..LongMode::default() }
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
            return ticker.start().map_err(|error| fatal(error.errno()));
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
