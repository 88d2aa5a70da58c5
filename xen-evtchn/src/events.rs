//! The table of ports and how a port comes into it.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use xen_hypercall::op::event_channel::{self, Virq};
use xen_hypercall::op::sched;
use xen_hypercall::{DomId, EpochCell, Errno, Hypercall, IrqGate, Nanos, NoGate, Port, SharedInfo, Vcpu};

use crate::bits::{self, MAX_PORTS};
use crate::scan::Scan;
use crate::slot::Kind;
use crate::{BindError, BoundPort, Slot};

/// The event channels of a guest, in the 2-level ABI.
///
/// A port without a guard is masked, always. All methods take `&self`; each change is one section of the gate.
pub struct Events<'s, H, G = NoGate> {
    pub(crate) hook: H,
    pub(crate) gate: G,
    pub(crate) epoch: &'s EpochCell,
    pub(crate) info: &'s SharedInfo,
    pub(crate) slots: &'s [Slot],
    /// Of vCPU 0. More processors: one each, with the port's processor in its slot.
    pub(crate) scan: Scan,
    pub(crate) strays: AtomicU64,
}

impl<'s, H: Hypercall> Events<'s, H> {
    /// Makes a table of the caller's storage, with no port in it.
    ///
    /// `slots` holds one slot for each port number from 0 up; [`MAX_PORTS`] are all that there can be.
    /// [`Events::mask_all`] comes next, as soon as `info` is mapped.
    #[must_use]
    pub const fn new(hook: H, epoch: &'s EpochCell, info: &'s SharedInfo, slots: &'s [Slot]) -> Self {
        Self { hook, gate: NoGate, epoch, info, slots, scan: Scan::new(), strays: AtomicU64::new(0) }
    }

    /// Puts a gate around every change: needed as soon as an interrupt handler may run in between.
    #[must_use]
    pub fn with_gate<G: IrqGate>(self, gate: G) -> Events<'s, H, G> {
        let Self { hook, epoch, info, slots, scan, strays, .. } = self;
        Events { hook, gate, epoch, info, slots, scan, strays }
    }
}

impl<H: Hypercall, G: IrqGate> Events<'_, H, G> {
    /// Makes a port that `remote` may bind to.
    ///
    /// It comes masked, as all new ports do.
    ///
    /// # Errors
    /// [`BindError`]; no port is left behind.
    ///
    /// # Xen
    /// `EVTCHNOP_alloc_unbound`.
    pub fn alloc_unbound(&self, remote: DomId) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by(Kind::Channel, |hook| event_channel::alloc_unbound(hook, remote))
    }

    /// Makes a port bound to the port `port` that `remote` offers us.
    ///
    /// It comes masked and pending: an event may have been lost before.
    ///
    /// # Errors
    /// [`BindError`]; no port is left behind.
    ///
    /// # Xen
    /// `EVTCHNOP_bind_interdomain`.
    pub fn bind_interdomain(&self, remote: DomId, port: Port) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by(Kind::Channel, |hook| event_channel::bind_interdomain(hook, remote, port))
    }

    /// Makes a port for a virtual interrupt of one processor.
    ///
    /// # Errors
    /// [`BindError`]; `EEXIST` if it is bound: then see [`Events::rebind_virq`].
    ///
    /// # Xen
    /// `EVTCHNOP_bind_virq`.
    pub fn bind_virq(&self, virq: Virq, vcpu: Vcpu) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by(Kind::Local, |hook| event_channel::bind_virq(hook, virq, vcpu))
    }

    /// Makes a port by which our processors call `vcpu`.
    ///
    /// # Errors
    /// [`BindError`]; no port is left behind.
    ///
    /// # Xen
    /// `EVTCHNOP_bind_ipi`.
    pub fn bind_ipi(&self, vcpu: Vcpu) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by(Kind::Local, |hook| event_channel::bind_ipi(hook, vcpu))
    }

    /// Takes charge of a port that the toolstack made (of the store, of the console), without a hypercall.
    ///
    /// It is never closed by us: closing or dropping its guard only masks and forgets it.
    ///
    /// # Errors
    /// [`BindError`], save that of Xen.
    pub fn adopt(&self, port: Port) -> Result<BoundPort<'_, H, G>, BindError> {
        self.gate.run(|| self.enter(port, Kind::Adopted))
    }

    /// Sleeps until one of `ports` is pending, masked or not, or until `deadline` in Xen's system time.
    ///
    /// It may return early and without an event: look again.
    ///
    /// # Errors
    /// What Xen said; `EINVAL` for more than 128 ports or one that does not exist.
    ///
    /// # Xen
    /// `SCHEDOP_poll`.
    pub fn wait(&self, ports: &[Port], deadline: Option<Nanos>) -> Result<(), Errno> {
        sched::poll(&self.hook, ports, deadline)
    }

    /// Masks every port that the ABI has.
    pub fn mask_all(&self) {
        bits::mask_all(self.info);
    }

    /// Counts the ports that are open by our doing or in our use; those with a guard, mostly.
    #[must_use]
    pub fn open(&self) -> usize {
        self.slots.iter().filter(|slot| slot.kind() != Kind::Free).count()
    }

    /// Counts the ports that Xen refused to close when their guard was dropped.
    #[must_use]
    pub fn leaked(&self) -> usize {
        self.slots.iter().filter(|slot| slot.kind() == Kind::Leaked).count()
    }

    /// Counts the events that came on ports without a guard.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }

    pub(crate) fn slot(&self, port: Port) -> Option<&Slot> {
        self.slots.get(usize::try_from(port.0).ok()?)
    }

    fn open_by(
        &self,
        kind: Kind,
        make: impl FnOnce(&H) -> Result<Port, Errno>,
    ) -> Result<BoundPort<'_, H, G>, BindError> {
        self.gate.run(|| {
            let port = make(&self.hook)?;
            let entered = self.enter(port, kind);
            if let Err(BindError::NoSlot(port)) = entered {
                bits::mask(self.info, port);
                event_channel::close(&self.hook, port)?;
            }
            entered
        })
    }

    /// Masks the port and gives it a guard; to be called in a section of the gate.
    pub(crate) fn enter(&self, port: Port, kind: Kind) -> Result<BoundPort<'_, H, G>, BindError> {
        if port.0 == 0 || usize::try_from(port.0).map_or(true, |number| number >= MAX_PORTS) {
            return Err(BindError::NotAPort(port));
        }
        let slot = self.slot(port).ok_or(BindError::NoSlot(port))?;
        if !slot.claim(kind) {
            return Err(BindError::Taken(port));
        }
        bits::mask(self.info, port);
        Ok(BoundPort::new(self, port))
    }
}

impl<H, G> fmt::Debug for Events<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("slots", &self.slots.len()).field("strays", &self.strays).finish_non_exhaustive()
    }
}
