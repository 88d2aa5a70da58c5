//! The second processor: how it is started, what it does, and how it waits while the first one suspends the guest.

use core::sync::atomic::{AtomicU64, Ordering};

use xen_evtchn::Scanner;
use xen_hypercall::op::event_channel::ControlBlock;
use xen_hypercall::op::vcpu;
use xen_hypercall::{PAGE_SIZE, SharedPage, Vcpu, VcpuInfo};
use xen_suspend::services::{Reach, Registration};
use xen_suspend::{Class, Fatal, Order, Rendezvous, Stage};

use crate::machine::{self, EVENT};
use crate::pages;
use crate::ticker::{Common, Ticker};

pub const SECOND: Vcpu = Vcpu(1);
const STACK: usize = 4;

/// What the second processor is given.
pub struct Crew {
    common: Common,
    pub rendezvous: &'static Rendezvous<'static>,
    pub record: VcpuInfo<'static>,
    pub control: ControlBlock<'static>,
    /// Its number to the local APIC, and 1 more, once it is up.
    apic: AtomicU64,
}

impl Reach for &Crew {
    fn interrupt(&self, _vcpu: Vcpu) {
        machine::call(self.apic.load(Ordering::Relaxed) - 1);
    }
}

impl Crew {
    pub fn new(
        common: Common,
        rendezvous: &'static Rendezvous<'static>,
        controls: &'static SharedPage,
    ) -> &'static Self {
        let record = VcpuInfo::new(pages::keep(pages::page()), 0).expect("a place in the page");
        let control = ControlBlock::new(controls, 1).expect("a place in the page");
        pages::keep(Self { common, rendezvous, record, control, apic: AtomicU64::new(0) })
    }

    /// Starts it, if there is one, and waits until it is up; returns how many processors there are.
    pub fn start(&'static self) -> u32 {
        let hook = self.common.hook;
        let vcpus = vcpu::count(hook, 2);
        if vcpus > 1 {
            let stack = pages::take(STACK).addr().get() + STACK * PAGE_SIZE;
            let start = machine::like_this(stack as u64, core::ptr::from_ref(self).expose_provenance() as u64);
            // SAFETY: code of ours, a stack that nobody else has, and our own page map.
            unsafe { vcpu::initialise(hook, SECOND, start) }.expect("a second processor");
            vcpu::up(hook, SECOND).expect("a second processor that runs");
            while self.apic.load(Ordering::Acquire) == 0 {
                core::hint::spin_loop();
            }
        }
        vcpus
    }
}

/// Where it begins, with interrupts off, as they stay but for its sleep.
#[unsafe(no_mangle)]
extern "C" fn second_main(crew: &'static Crew) -> ! {
    work(crew)
}

fn work(crew: &'static Crew) -> ! {
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
