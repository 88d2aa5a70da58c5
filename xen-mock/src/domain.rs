//! What the hypervisor holds for one domain. A restore makes all of it anew.

use xen_hypercall::{DomId, Nanos, Port};

use crate::config::{Config, Kind};
use crate::events::{Delivery, Fifo, Ports};
use crate::grants::{GrantTable, Limits};
use crate::memory::Frame;

/// Number of HVM parameters.
const PARAMS: usize = 39;
/// Size of `vcpu_info`.
const VCPU_INFO: usize = 64;

pub(crate) const CALLBACK_IRQ: usize = 0;
pub(crate) const STORE_PFN: usize = 1;
pub(crate) const STORE_EVTCHN: usize = 2;
pub(crate) const CONSOLE_PFN: usize = 17;
pub(crate) const CONSOLE_EVTCHN: usize = 18;

/// Why a domain stopped.
///
/// # Xen
/// `SHUTDOWN_*` of `sched.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Clean and for good.
    Poweroff,
    /// Clean, to start anew.
    Reboot,
    /// To be saved and resumed.
    Suspend,
    /// The guest is broken.
    Crash,
    /// The guest did not poke its watchdog.
    Watchdog,
    /// To start anew in place.
    SoftReset,
}

impl Reason {
    pub(crate) const fn from_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::Poweroff,
            1 => Self::Reboot,
            2 => Self::Suspend,
            3 => Self::Crash,
            4 => Self::Watchdog,
            5 => Self::SoftReset,
            _ => return None,
        })
    }
}

/// What a domain is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It has shut down, for this reason.
    Shutdown(Reason),
    /// It is no more: destroyed.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) id: DomId,
    pub(crate) state: State,
    /// Set by `SCHEDOP_shutdown_code`: wins over the reason of the shutdown itself.
    pub(crate) latched: Option<Reason>,
    pub(crate) ports: Ports,
    /// What the FIFO ABI of event channels has, once the guest uses it.
    pub(crate) fifo: Option<Fifo>,
    /// Whether there are interrupt lines: those of emulated devices.
    pub(crate) has_lines: bool,
    pub(crate) params: [u64; PARAMS],
    pub(crate) shared_info: Frame,
    pub(crate) grants: GrantTable,
    /// Where the guest moved the `vcpu_info` of each processor to.
    pub(crate) registered: Vec<Option<(Frame, usize)>>,
    /// What else there is of each processor.
    pub(crate) vcpus: Vec<VcpuState>,
    /// When the single-shot timer of each processor goes off.
    pub(crate) timers: Vec<Option<Nanos>>,
    /// When each watchdog bites; an armed one that has fired stays in use.
    pub(crate) watchdogs: [Option<Nanos>; 2],
    /// Whether the guest has mapped `shared_info`.
    pub(crate) shared_info_mapped: bool,
}

/// One processor.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct VcpuState {
    /// It was given its first registers.
    pub(crate) initialised: bool,
    pub(crate) up: bool,
    /// The upcall vector of its own.
    pub(crate) vector: Option<u8>,
    /// vCPU 0 came out of its sleep for this one's interrupt already.
    pub(crate) told: bool,
    /// How often Xen has interrupted it for an event.
    pub(crate) upcalls: u64,
}

impl VcpuState {
    /// All processors of a domain at its start: the first is up.
    fn all(count: usize) -> Vec<Self> {
        let mut all = vec![Self::default(); count];
        (all[0].initialised, all[0].up) = (true, true);
        all
    }

    /// What a saved image has of it.
    pub(crate) fn saved(self) -> Self {
        Self { vector: None, told: false, upcalls: 0, ..self }
    }
}

/// What the configuration says of each domain of this name.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) vcpus: u32,
    pub(crate) max_ports: usize,
    pub(crate) grants: Limits,
}

impl Domain {
    pub(crate) fn new(id: DomId, config: &Config) -> Self {
        let shape = &config.shape;
        let vcpus = shape.vcpus as usize;
        Self {
            id,
            state: State::Running,
            latched: None,
            ports: Ports::new(shape.max_ports),
            fifo: None,
            has_lines: config.kind == Kind::Hvm,
            params: [0; PARAMS],
            shared_info: Frame::new(),
            grants: GrantTable::new(shape.grants),
            registered: vec![None; vcpus],
            vcpus: VcpuState::all(vcpus),
            timers: vec![None; vcpus],
            watchdogs: [None; 2],
            shared_info_mapped: false,
        }
    }

    /// A watchdog bites. While the domain is shut down already, nothing comes of it.
    pub(crate) fn bite(&mut self) {
        if self.state == State::Running {
            self.state = State::Shutdown(Reason::Watchdog);
        }
    }

    pub(crate) fn has_vcpu(&self, vcpu: u32) -> bool {
        (vcpu as usize) < self.registered.len()
    }

    /// Tells whether Xen would interrupt a processor now, if interrupts were on there.
    pub(crate) fn interrupts(&self, vcpu: u32) -> bool {
        let Some(state) = self.vcpus.get(vcpu as usize) else { return false };
        state.up && self.delivery(vcpu) != Delivery::Nothing && self.upcall_pending(vcpu)
    }

    /// Tells whether another processor than the first has something to do since the last time that this was asked.
    pub(crate) fn others_wake(&mut self) -> bool {
        let mut any = false;
        for vcpu in 1..self.vcpus.len() {
            let now = self.interrupts(vcpu as u32);
            let before = std::mem::replace(&mut self.vcpus[vcpu].told, now);
            any |= now && !before;
        }
        any
    }

    /// Returns where the `vcpu_info` of a processor is.
    pub(crate) fn vcpu_info(&self, vcpu: u32) -> (Frame, usize) {
        let vcpu = vcpu as usize;
        self.registered[vcpu].unwrap_or((self.shared_info, vcpu.min(31) * VCPU_INFO))
    }

    pub(crate) fn store_port(&self) -> Port {
        Port(self.params[STORE_EVTCHN] as u32)
    }

    pub(crate) fn console_port(&self) -> Port {
        Port(self.params[CONSOLE_EVTCHN] as u32)
    }

    /// Tells whether the port is one that the toolstack made, and the guest must keep.
    pub(crate) fn is_toolstacks(&self, port: Port) -> bool {
        port.0 != 0 && (port == self.store_port() || port == self.console_port())
    }
}
