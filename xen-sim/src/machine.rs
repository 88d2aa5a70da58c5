//! The mock host's machine, as the guest wants one.
#![expect(unsafe_code, reason = "gives a processor its first registers, as a real machine does")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use guest::{Emulated, Machine, Others, StartFailed, Turn, Upcall};
use xen_hypercall::op::vcpu::{self, LongMode};
use xen_hypercall::{Gfn, Hole, Hypercall, Nanos, NoGate, SharedPage, Vcpu};
use xen_mock::{Guest, Hook, MockCpu, PlatformDevice};

/// A guest's machine on the mock host, with a hook of the mock's or around it. Its other processors take their turns when vCPU 0 lets a moment pass.
#[derive(Debug)]
pub struct MockMachine<H = Hook> {
    guest: Guest,
    hook: H,
    cpu: MockCpu,
    ports: PlatformDevice,
    emergencies: Rc<RefCell<String>>,
    /// Processors that were started.
    started: RefCell<BTreeMap<u32, Sleep>>,
    /// How vCPU 0 is told of events.
    upcall: Cell<Upcall>,
    interrupts: RefCell<BTreeMap<u32, u64>>,
}

/// What a processor does between its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// Nothing, until it is interrupted.
    Asleep,
    /// Something: it goes on in the next moment.
    Awake,
    /// It was interrupted by another.
    Called,
}

/// How long a moment of vCPU 0's is.
const MOMENT: Nanos = Nanos(100_000);

/// Registers with which a real machine would start a processor: paging and protection, PAE, long mode.
const REGISTERS: LongMode = LongMode {
    rax: 0,
    rcx: 0,
    rdx: 0,
    rbx: 0,
    rsp: 0x8000,
    rbp: 0,
    rsi: 0,
    rdi: 0,
    rip: 0x20_0000,
    rflags: 2,
    cr0: 0x8001_0031,
    cr3: 0x1000,
    cr4: 1 << 5,
    efer: 1 << 8 | 1 << 10,
};

impl MockMachine {
    /// Makes the machine of a mock guest; what the guest says in an emergency goes into `emergencies`.
    #[must_use]
    pub fn new(guest: Guest, emergencies: Rc<RefCell<String>>) -> Self {
        let hook = guest.hook();
        Self::with_hook(guest, hook, emergencies)
    }
}

impl<H> MockMachine<H> {
    /// Makes the machine as [`MockMachine::new`] does, with a hook that wraps the mock's.
    #[must_use]
    pub fn with_hook(guest: Guest, hook: H, emergencies: Rc<RefCell<String>>) -> Self {
        let (cpu, ports) = (guest.cpu(), guest.ports());
        let (started, upcall, interrupts) = (RefCell::default(), Cell::default(), RefCell::default());
        Self { guest, hook, cpu, ports, emergencies, started, upcall, interrupts }
    }

    /// Interrupts a processor if Xen would; tells whether it did.
    fn take_upcall(&self, vcpu: Vcpu, others: &dyn Others) -> bool {
        let pending = self.guest.upcall_pending(vcpu);
        if pending {
            *self.interrupts.borrow_mut().entry(vcpu.0).or_default() += 1;
            others.heard(vcpu);
        }
        pending
    }

    /// Lets a processor do one piece of work, unless it sleeps.
    fn run(&self, vcpu: Vcpu, (others, sleep): (&dyn Others, Sleep)) -> Sleep {
        self.guest.on_vcpu(vcpu, || {
            let interrupted = self.take_upcall(vcpu, others) || sleep == Sleep::Called;
            // In the interrupt it waits if all are called together, and does nothing else.
            let parked = interrupted && others.attend(vcpu) == Turn::Parked;
            let works = interrupted || sleep == Sleep::Awake;
            if parked || (works && others.turn(vcpu) != Turn::Idle) { Sleep::Awake } else { Sleep::Asleep }
        })
    }
}

impl<H: Hypercall> Machine for MockMachine<H> {
    type Hook = H;
    type Cpu = MockCpu;
    type Gate = NoGate;
    type Ports = PlatformDevice;

    fn hook(&self) -> &H {
        &self.hook
    }

    fn calls_by(&self) -> &'static str {
        "mock"
    }

    fn cpu(&self) -> &MockCpu {
        &self.cpu
    }

    fn gate(&self) -> NoGate {
        NoGate
    }

    fn ports(&self) -> &PlatformDevice {
        &self.ports
    }

    fn emulated(&self) -> Emulated {
        let (disks, nics) = self.ports.emulated();
        Emulated { disks, nics }
    }

    fn intx(&self, _vector: u8) -> Option<u64> {
        // The mock's interrupts need no controller.
        None
    }

    fn page(&self) -> Option<SharedPage> {
        Some(self.guest.page())
    }

    fn lasting_page(&self) -> Option<&'static SharedPage> {
        Some(Box::leak(Box::new(self.guest.page())))
    }

    fn hole(&self) -> Option<Hole> {
        let place = self.guest.hole();
        // SAFETY: the mock host keeps the place free of memory, reads as ones, and gave it to nobody else.
        Some(unsafe { Hole::new(place.as_ptr(), place.gfn()) })
    }

    fn map(&self, gfn: Gfn) -> SharedPage {
        self.guest.map(gfn)
    }

    fn moved(&self) {
        // The mock takes hypercalls without an instruction, on any processor.
    }

    fn emergency(&self, text: &str) {
        self.emergencies.borrow_mut().push_str(text);
    }

    fn with_others<R>(&self, _others: &dyn Others, upcall: Upcall, rest: impl FnOnce() -> R) -> R {
        self.upcall.set(upcall);
        let result = rest();
        self.started.borrow_mut().clear();
        result
    }

    fn start(&self, vcpu: Vcpu) -> Result<(), StartFailed> {
        // SAFETY: the mock host starts nothing at these addresses.
        unsafe { vcpu::initialise(&self.hook, vcpu, REGISTERS) }.map_err(StartFailed::Xen)?;
        vcpu::up(&self.hook, vcpu).map_err(StartFailed::Xen)?;
        self.started.borrow_mut().insert(vcpu.0, Sleep::Awake);
        Ok(())
    }

    fn interrupt(&self, vcpu: Vcpu) {
        if let Some(sleep) = self.started.borrow_mut().get_mut(&vcpu.0) {
            *sleep = Sleep::Called;
        }
    }

    fn pause(&self, others: &dyn Others) {
        if self.upcall.get() != Upcall::Poll {
            self.take_upcall(Vcpu(0), others);
        }
        self.guest.spin(MOMENT);
        let started: Vec<(u32, Sleep)> = self.started.borrow().iter().map(|(vcpu, sleep)| (*vcpu, *sleep)).collect();
        for (vcpu, sleep) in started {
            let sleep = self.run(Vcpu(vcpu), (others, sleep));
            self.started.borrow_mut().insert(vcpu, sleep);
        }
    }

    fn interrupts(&self, vcpu: Vcpu) -> u64 {
        self.interrupts.borrow().get(&vcpu.0).copied().unwrap_or(0)
    }
}
