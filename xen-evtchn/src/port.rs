//! The guard of an open port.

use core::fmt;
use core::mem::ManuallyDrop;

use xen_hypercall::op::event_channel::{self, Binding, Priority};
use xen_hypercall::{Epoch, Errno, Hypercall, IrqGate, NoGate, Port, Stale, Vcpu};

use crate::{CloseError, Events, PortError};

/// An open port; closed when it is dropped, but never in a later epoch than its own.
///
/// After a resume in a new domain the number may be a stranger's. So every operation looks at the epoch first, and a stale
/// guard does nothing and says so.
///
/// Does not compile: it is closed once, by its guard and by no number.
/// ```compile_fail,E0382
/// # use xen_evtchn::BoundPort;
/// # fn wrong(port: BoundPort<'_, xen_mock::Hook>) {
/// port.close();
/// port.notify();
/// # }
/// ```
pub struct BoundPort<'e, H: Hypercall, G: IrqGate = NoGate> {
    events: &'e Events<'e, H, G>,
    port: Port,
    epoch: Epoch,
}

impl<'e, H: Hypercall, G: IrqGate> BoundPort<'e, H, G> {
    pub(crate) fn new(events: &'e Events<'e, H, G>, port: Port) -> Self {
        Self { events, port, epoch: events.epoch.now() }
    }

    pub(crate) const fn events(&self) -> &'e Events<'e, H, G> {
        self.events
    }

    /// Masks the port and forgets its event.
    pub(crate) fn mask_and_take(&self) -> Result<(), Stale> {
        self.fresh(|| {
            self.events.mask(self.port);
            self.events.take_pending(self.port);
        })
    }

    /// Returns the port's number, to publish it or to compare it with one that came.
    #[must_use]
    pub const fn number(&self) -> Port {
        self.port
    }

    /// Returns the epoch in which the port was bound.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Tells the other end.
    ///
    /// # Errors
    /// [`PortError`]. An event to nobody is no error to Xen: see [`BoundPort::binding`].
    ///
    /// # Xen
    /// `EVTCHNOP_send`.
    #[doc(alias("EVTCHNOP_send", "notify_remote_via_evtchn", "notify_remote_via_irq"))]
    pub fn notify(&self) -> Result<(), PortError> {
        self.fresh(|| event_channel::send(&self.events.hook, self.port).map_err(PortError::from))?
    }

    /// Asks what the port is bound to; after the other end has closed, it is [`Binding::Unbound`] again.
    ///
    /// # Errors
    /// [`PortError`].
    ///
    /// # Xen
    /// `EVTCHNOP_status`.
    #[doc(alias = "EVTCHNOP_status")]
    pub fn binding(&self) -> Result<Binding, PortError> {
        let status = self.fresh(|| event_channel::status(&self.events.hook, self.port))?;
        Ok(status?.binding)
    }

    /// Keeps the port from disturbing; events stay pending.
    ///
    /// # Errors
    /// [`Stale`] if the guard is of an earlier epoch.
    #[doc(alias = "mask_evtchn")]
    pub fn mask(&self) -> Result<(), Stale> {
        self.fresh(|| self.events.mask(self.port))
    }

    /// Lets the port disturb again; an event that has come meanwhile is delivered.
    ///
    /// No event is lost if the order is: take the pending bit, drain the ring, unmask.
    ///
    /// # Errors
    /// [`PortError`]; the port stays masked.
    ///
    /// # Xen
    /// `EVTCHNOP_unmask`, if an event is pending.
    #[doc(alias("EVTCHNOP_unmask", "unmask_evtchn"))]
    pub fn unmask(&self) -> Result<(), PortError> {
        self.fresh(|| self.events.unmask(self.port).map_err(PortError::from))?
    }

    /// Has another processor told of this port's events from now on; not for ports that are one processor's own.
    ///
    /// An event that comes meanwhile is not lost: it is raised again on the new processor. In the FIFO ABI that is done by the
    /// old one, which has it in its queue, as soon as it has got so far.
    ///
    /// # Errors
    /// [`PortError`]. If Xen refuses the processor, nothing has changed; if it does not deliver an event that had come, the new
    /// processor is told from now on, and the port is masked, its event still there.
    ///
    /// # Xen
    /// `EVTCHNOP_bind_vcpu`; `EVTCHNOP_unmask`, if an event is pending in the 2-level ABI.
    #[doc(alias("EVTCHNOP_bind_vcpu", "xen_rebind_evtchn_to_cpu"))]
    pub fn tell(&self, vcpu: Vcpu) -> Result<(), PortError> {
        self.fresh(|| {
            let Some(slot) = self.events.slot(self.port) else { return Ok(()) };
            event_channel::bind_vcpu(&self.events.hook, self.port, vcpu)?;
            slot.tell(vcpu);
            self.events.changed();
            // Else the old one has it, says so when it takes it out, and raises it again.
            if !self.events.is_linked(self.port) {
                slot.settle();
            }
            // Whichever of the two was told before this, and found that the port is not its own.
            if self.events.is_masked(self.port) { Ok(()) } else { Ok(self.events.unmask(self.port)?) }
        })?
    }

    /// Has the port's next events come before or after those of others; in the 2-level ABI all are alike.
    ///
    /// # Errors
    /// [`PortError`]; `ENOSYS` in the 2-level ABI.
    ///
    /// # Xen
    /// `EVTCHNOP_set_priority`, Xen 4.4.
    #[doc(alias("EVTCHNOP_set_priority", "xen_set_irq_priority"))]
    pub fn set_priority(&self, priority: Priority) -> Result<(), PortError> {
        self.fresh(|| event_channel::set_priority(&self.events.hook, self.port, priority).map_err(PortError::from))?
    }

    /// Tells whether an event has come.
    ///
    /// # Errors
    /// [`Stale`] if the guard is of an earlier epoch.
    #[doc(alias("test_evtchn", "xen_test_irq_pending"))]
    pub fn is_pending(&self) -> Result<bool, Stale> {
        self.fresh(|| self.events.is_pending(self.port))
    }

    /// Tells whether an event has come, and forgets it.
    ///
    /// # Errors
    /// [`Stale`] if the guard is of an earlier epoch.
    #[doc(alias("clear_evtchn", "xen_clear_irq_pending"))]
    pub fn take_pending(&self) -> Result<bool, Stale> {
        self.fresh(|| self.events.take_pending(self.port))
    }

    /// Closes the port; a port of an earlier epoch is gone already, an adopted one is only forgotten.
    ///
    /// # Errors
    /// [`CloseError`] with the guard, if Xen said no.
    ///
    /// # Xen
    /// `EVTCHNOP_close`.
    #[doc(alias("EVTCHNOP_close", "unbind_from_irqhandler", "xenbus_free_evtchn", "unbind_evtchn"))]
    pub fn close(self) -> Result<(), CloseError<'e, H, G>> {
        // The guard's own attempt is this one: it shall not try again.
        let port = ManuallyDrop::new(self);
        match port.release() {
            Ok(()) => Ok(()),
            Err(errno) => Err(CloseError { port: ManuallyDrop::into_inner(port), errno }),
        }
    }

    /// Runs `section` behind the gate, so that no suspend comes between the look at the epoch and the deed.
    pub(crate) fn fresh<R>(&self, section: impl FnOnce() -> R) -> Result<R, Stale> {
        self.events.gate.run(|| {
            self.events.epoch.check(self.epoch)?;
            Ok(section())
        })
    }

    fn release(&self) -> Result<(), Errno> {
        let released = self.fresh(|| self.events.leave(self.port));
        // Stale: gone with its domain, or closed by `Events::reconcile`.
        released.unwrap_or(Ok(()))
    }
}

impl<H: Hypercall, G: IrqGate> Drop for BoundPort<'_, H, G> {
    fn drop(&mut self) {
        // Stale: the port is gone already, and its slot may be another's.
        self.fresh(|| self.events.leave_or_leak(self.port)).unwrap_or(());
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for BoundPort<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundPort").field("port", &self.port).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
