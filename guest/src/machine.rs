//! What the guest asks of the machine it runs on.

use core::fmt;

use xen_hypercall::{Cpu, Errno, Gfn, Hole, Hypercall, IrqGate, PlatformPorts, SharedPage, Vcpu};

use crate::options::Upcall;

/// Processors for which this guest has room; the crates know no such limit.
pub const MOST_VCPUS: usize = 128;

/// The interrupt vector by which Xen tells a processor of events, and processors call each other.
pub const UPCALL_VECTOR: u8 = 0xF3;

/// The machine under the guest: the PVH binary has the real one, the tests that of the mock host.
pub trait Machine {
    /// The hook to Xen.
    type Hook: Hypercall;
    /// The processor.
    type Cpu: Cpu;
    /// Interrupts off and back, on the calling processor.
    type Gate: IrqGate + Copy;
    /// The ports of Xen's platform device.
    type Ports: PlatformPorts;

    /// Returns the hook to Xen.
    fn hook(&self) -> &Self::Hook;

    /// Tells by what this machine makes its hypercalls.
    fn calls_by(&self) -> &'static str;

    /// Returns the processor.
    fn cpu(&self) -> &Self::Cpu;

    /// Returns the gate.
    fn gate(&self) -> Self::Gate;

    /// Returns the ports of the platform device.
    fn ports(&self) -> &Self::Ports;

    /// Counts the emulated devices that the guest could use in place of Xen's.
    fn emulated(&self) -> Emulated;

    /// Routes the interrupt of the platform device to a vector of vCPU 0, and returns the callback parameter for it; `None`
    /// where there is none.
    fn intx(&self, vector: u8) -> Option<u64>;

    /// Takes a fresh page, zeroed, that nobody else uses; `None` when there is no more memory.
    fn page(&self) -> Option<SharedPage>;

    /// Does as [`Machine::page`], for a page that Xen writes as long as the domain lives.
    fn lasting_page(&self) -> Option<&'static SharedPage>;

    /// Takes a place with no memory behind it, where a page of another domain can be mapped; `None` if there is none left.
    fn hole(&self) -> Option<Hole>;

    /// Maps a frame that Xen or the toolstack names, such as the ring of xenstore. Asked once for each frame.
    fn map(&self, gfn: Gfn) -> SharedPage;

    /// Adapts to the processor found after a resume in a new domain, before the first hypercall there but the suspend's
    /// own.
    fn moved(&self);

    /// Prints on the hypervisor's console, whatever state the guest is in.
    fn emergency(&self, text: &str);

    /// Runs `rest` on vCPU 0, and what `others` says on every other processor that is started meanwhile. While `rest`
    /// runs, vCPU 0 is interrupted as `upcall` has it. All others have stopped when this returns.
    fn with_others<R>(&self, others: &dyn Others, upcall: Upcall, rest: impl FnOnce() -> R) -> R;

    /// Starts a processor, within [`Machine::with_others`].
    ///
    /// # Errors
    /// [`StartFailed`]; the guest does without it.
    fn start(&self, vcpu: Vcpu) -> Result<(), StartFailed>;

    /// Interrupts a processor by hardware: reaches it in a new domain too, where none of its ports exists.
    fn interrupt(&self, vcpu: Vcpu);

    /// Lets a moment pass on vCPU 0, in which the other processors may run.
    fn pause(&self, others: &dyn Others);

    /// Counts the interrupts by which Xen told a processor of events.
    fn interrupts(&self, vcpu: Vcpu) -> u64;
}

/// Why a processor does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFailed {
    /// There is no memory for its stack.
    NoMemory,
    /// There is no x2APIC by which it can be reached.
    NoApic,
    /// Xen said no.
    Xen(Errno),
}

/// What the processors other than vCPU 0 do, and what any does when it is interrupted.
pub trait Others {
    /// Does a piece of work on a processor; the first is to bring itself up.
    fn turn(&self, vcpu: Vcpu) -> Turn;

    /// Takes note, in the interrupt by which Xen tells a processor of events; before the interrupt is acknowledged.
    fn heard(&self, vcpu: Vcpu);

    /// Waits in that interrupt, if all are called together: asked again, with interrupts off, while it says
    /// [`Turn::Parked`].
    fn attend(&self, vcpu: Vcpu) -> Turn;
}

/// What a processor is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Sleep until it is interrupted, unless it was since the turn began.
    Idle,
    /// Ask again: there was more to do than a turn has time for.
    Busy,
    /// Make no hypercall, and ask again.
    Parked,
}

/// Numbers of emulated devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Emulated {
    /// Disks.
    pub disks: u32,
    /// Network cards.
    pub nics: u32,
}

impl fmt::Display for Emulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { disks, nics } = self;
        write!(f, "disks={disks} nics={nics}")
    }
}
