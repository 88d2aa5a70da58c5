//! The guest's side: what the code under test is given.
#![expect(unsafe_code, reason = "implements the seams, whose instructions are promises")]

use xen_hypercall::{Cpu, Cpuid, DomId, Gfn, Hypercall, Nanos, Number, SharedPage, SystemTime, Vcpu, Word};

use crate::config::Leaves;
use crate::host::Host;
use crate::hypervisor::Args;
use crate::platform::PlatformDevice;

/// The machine under the guest. It stays the same across suspends, restores and reboots.
#[derive(Debug, Clone)]
pub struct Guest {
    host: Host,
}

impl Guest {
    pub(crate) const fn new(host: Host) -> Self {
        Self { host }
    }

    /// Returns the hook to Xen.
    #[must_use]
    pub fn hook(&self) -> Hook {
        Hook { host: self.host.clone() }
    }

    /// Returns the processor.
    #[must_use]
    pub fn cpu(&self) -> MockCpu {
        MockCpu { host: self.host.clone() }
    }

    /// Returns the ports of the platform device.
    #[must_use]
    pub fn ports(&self) -> PlatformDevice {
        PlatformDevice::new(self.host.clone())
    }

    /// Takes a page of the guest's RAM, zeroed, that nobody else uses. Its memory is never given back.
    #[must_use]
    pub fn page(&self) -> SharedPage {
        self.host.world().memory.page()
    }

    /// Takes a place in guest-physical memory where there is none, for a page of another domain. It reads as all ones
    /// while nothing is mapped there.
    #[must_use]
    pub fn hole(&self) -> SharedPage {
        self.host.world().memory.hole()
    }

    /// Maps a frame by number, as a guest whose memory is mapped one to one does. To be asked once for each frame.
    ///
    /// # Panics
    /// If the domain has no such frame.
    #[must_use]
    pub fn map(&self, gfn: Gfn) -> SharedPage {
        self.host.world().memory.map(gfn)
    }

    /// Returns the number of the domain that the guest is in now.
    #[must_use]
    pub fn domid(&self) -> DomId {
        self.host.world().domain.id
    }

    /// Returns Xen's system time, in which hypercalls take deadlines.
    #[must_use]
    pub fn system_time(&self) -> SystemTime {
        SystemTime(self.host.world().clock.system())
    }

    /// Tells whether Xen would interrupt a processor now, if interrupts were on there: it is up, an event is pending, and
    /// the callback or an upcall vector of its own is set.
    #[must_use]
    pub fn upcall_pending(&self, vcpu: Vcpu) -> bool {
        self.host.world().domain.interrupts(vcpu.0)
    }

    /// Lets virtual time pass in which the guest does nothing but wait in a loop of its own.
    pub fn spin(&self, time: Nanos) {
        self.host.world().clock.advance(time);
    }

    /// Tells whether a processor is up.
    #[must_use]
    pub fn is_up(&self, vcpu: Vcpu) -> bool {
        self.host.world().domain.vcpus.get(vcpu.0 as usize).is_some_and(|state| state.up)
    }

    /// Runs `work` as that which the guest does on another processor. All processors share the one thread: others run when
    /// the code under test lets them, and none can sleep in a hypercall but vCPU 0.
    pub fn on_vcpu<R>(&self, vcpu: Vcpu, work: impl FnOnce() -> R) -> R {
        let before = std::mem::replace(&mut self.host.world().current, vcpu.0);
        let result = work();
        self.host.world().current = before;
        result
    }
}

/// The hook to the mock Xen.
#[derive(Debug, Clone)]
pub struct Hook {
    host: Host,
}

// SAFETY: the words are decoded as they are, memory is read and written before the call returns, and the result is what
// the mock hypervisor returned.
unsafe impl Hypercall for Hook {
    unsafe fn call(&self, number: Number, args: [Word; 5]) -> isize {
        let [cmd, second, third, ..] = args;
        let args = Args { number, cmd: cmd.addr(), second, third };
        self.host.stand_still();
        let (early, index) = {
            let mut world = self.host.world();
            (world.enter(number, args.cmd), world.records.calls.len() - 1)
        };
        let result = match early {
            Some(result) => result,
            None if number == Number::SCHED_OP => self.host.sched_op(args),
            None => self.host.world().dispatch(args),
        };
        self.host.world().leave(index, result);
        result
    }
}

/// The processor of the mock host.
#[derive(Debug, Clone)]
pub struct MockCpu {
    host: Host,
}

const TSC_TIME: Nanos = Nanos(20);
const FIRST_LEAF: u32 = 0x4000_0000;
const TSC_KHZ: u32 = 2_000_000;

fn named(eax: u32, name: [u8; 12]) -> Cpuid {
    let word = |at: usize| u32::from_le_bytes([name[at], name[at + 1], name[at + 2], name[at + 3]]);
    Cpuid { eax, ebx: word(0), ecx: word(4), edx: word(8) }
}

impl Cpu for MockCpu {
    fn cpuid(&self, leaf: u32, subleaf: u32) -> Cpuid {
        let world = self.host.world();
        if leaf == 0 {
            let Cpuid { eax, ebx, ecx, edx } = named(0xd, world.vendor);
            // Leaf 0 has the name in the order EBX, EDX, ECX.
            return Cpuid { eax, ebx, ecx: edx, edx: ecx };
        }
        let base = match world.config.leaves {
            Leaves::First => FIRST_LEAF,
            Leaves::Behind(steps) => FIRST_LEAF + u32::from(steps) * 0x100,
            Leaves::Absent => return Cpuid::default(),
        };
        if base != FIRST_LEAF && leaf == FIRST_LEAF {
            return named(FIRST_LEAF + 6, *b"Microsoft Hv");
        }
        let (major, minor) = world.version;
        match leaf.checked_sub(base) {
            Some(0) => named(base + 5, *b"XenVMMXenVMM"),
            Some(1) => Cpuid { eax: u32::from(major) << 16 | u32::from(minor), ..Cpuid::default() },
            Some(2) => Cpuid { eax: 1, ebx: FIRST_LEAF, ..Cpuid::default() },
            Some(3) if subleaf == 0 => Cpuid { eax: 0, ebx: 0, ecx: TSC_KHZ, edx: world.incarnation },
            Some(4) if subleaf == 0 => {
                Cpuid { eax: 1 << 3 | 1 << 4, ebx: 0, ecx: u32::from(world.domain.id.0), edx: 0 }
            }
            _ => Cpuid::default(),
        }
    }

    fn tsc(&self) -> u64 {
        let mut world = self.host.world();
        world.clock.advance(TSC_TIME);
        world.storm_on();
        world.clock.tsc()
    }

    unsafe fn read_msr(&self, _register: u32) -> u64 {
        0
    }

    unsafe fn write_msr(&self, _register: u32, _value: u64) {}
}
