//! The table of ports.

use core::fmt;
use core::sync::atomic::Ordering;

use xen_hypercall::op::sched;
use xen_hypercall::{EpochCell, Errno, Hypercall, IrqGate, NoGate, Port, SharedInfo, SystemTime};

use crate::scan::Scan;
use crate::slot::Kind;
use crate::sync::{AtomicU64, one_change};
use crate::{Fifo, Sleeper, Slot};

/// The event channels of a guest, in either ABI.
///
/// A port without a guard is masked, always. All methods take `&self`; each change is one section of the gate.
pub struct Events<'s, H, G = NoGate> {
    pub(crate) hook: H,
    pub(crate) gate: G,
    pub(crate) epoch: &'s EpochCell,
    pub(crate) info: &'s SharedInfo,
    pub(crate) slots: &'s [Slot],
    /// Of vCPU 0; others have a [`Scanner`](crate::Scanner) each.
    pub(crate) scan: Scan,
    pub(crate) strays: AtomicU64,
    /// Ports that are open and have no slot to say so.
    pub(crate) lost: AtomicU64,
    /// Advances with every change of a slot.
    pub(crate) changes: AtomicU64,
    pub(crate) fifo: Option<Fifo<'s>>,
    pub(crate) sleepers: &'s [Sleeper],
}

impl<'s, H: Hypercall> Events<'s, H> {
    /// Makes a table of the caller's storage, with no port in it.
    ///
    /// `slots` holds one slot for each port number from 0 up; [`MAX_PORTS`](crate::MAX_PORTS) are all that there can be in the
    /// 2-level ABI, [`MAX_FIFO_PORTS`](crate::MAX_FIFO_PORTS) in the other one. [`Events::mask_all`] or [`Events::choose`]
    /// comes next, as soon as `info` is mapped.
    #[must_use]
    pub const fn new(hook: H, epoch: &'s EpochCell, info: &'s SharedInfo, slots: &'s [Slot]) -> Self {
        Self {
            hook,
            gate: NoGate,
            epoch,
            info,
            slots,
            scan: Scan::new(),
            strays: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            fifo: None,
            sleepers: &[],
        }
    }

    /// Puts a gate around every change: needed as soon as an interrupt handler may run in between.
    #[must_use]
    pub fn with_gate<G: IrqGate>(self, gate: G) -> Events<'s, H, G> {
        let Self { hook, epoch, info, slots, scan, strays, lost, changes, fifo, sleepers, .. } = self;
        Events { hook, gate, epoch, info, slots, scan, strays, lost, changes, fifo, sleepers }
    }
}

impl<'s, H: Hypercall, G: IrqGate> Events<'s, H, G> {
    /// Returns the hook, for what asks Xen for the sake of a port.
    pub const fn hook(&self) -> &H {
        &self.hook
    }

    /// Returns the gate, for what must not be interrupted amid a look at a port.
    pub const fn gate(&self) -> &G {
        &self.gate
    }

    /// Returns the page that Xen tells of events by.
    pub const fn info(&self) -> &'s SharedInfo {
        self.info
    }

    /// Sleeps until one of `ports` is pending, masked or not, or until `deadline`.
    ///
    /// It may return early and without an event: look again.
    ///
    /// # Errors
    /// What Xen said; `EINVAL` for more than 128 ports or one that does not exist.
    ///
    /// # Xen
    /// `SCHEDOP_poll`.
    #[doc(alias = "SCHEDOP_poll")]
    pub fn wait(&self, ports: &[Port], deadline: Option<SystemTime>) -> Result<(), Errno> {
        sched::poll(&self.hook, ports, deadline)
    }

    /// Counts the ports that are open by our doing or in our use; those with a guard, mostly.
    #[must_use]
    pub fn open(&self) -> usize {
        self.count(|kind| kind != Kind::Free)
    }

    /// Counts the ports that Xen refused to close when their guard was dropped, or when there was no slot for them.
    #[must_use]
    pub fn leaked(&self) -> usize {
        self.count(|kind| kind == Kind::Leaked)
    }

    fn count(&self, wanted: impl Fn(Kind) -> bool) -> usize {
        let lost = usize::try_from(self.lost.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        self.slots.iter().filter(|slot| wanted(slot.kind())).count().saturating_add(lost)
    }

    /// Counts the events that came on ports without a guard.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.strays.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn slot(&self, port: Port) -> Option<&Slot> {
        self.slots.get(usize::try_from(port.0).ok()?)
    }
}

impl<H, G> Events<'_, H, G> {
    /// Says that a slot has changed, after it has: who looked at it before looks again.
    pub(crate) fn changed(&self) -> u64 {
        self.changes.fetch_add(one_change(), Ordering::SeqCst).wrapping_add(1)
    }
}

impl<H, G> fmt::Debug for Events<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("slots", &self.slots.len()).field("strays", &self.strays).finish_non_exhaustive()
    }
}
