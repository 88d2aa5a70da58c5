//! How a port comes into the table, and how it leaves it.

use core::sync::atomic::Ordering;

use xen_hypercall::op::event_channel::{self, Virq};
use xen_hypercall::{DomId, Errno, Hypercall, IrqGate, Port, Vcpu};

use crate::slot::{BORN, Kind, Life};
use crate::{BindError, BoundPort, Events};

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
    #[doc(alias("EVTCHNOP_alloc_unbound", "xenbus_alloc_evtchn", "bind_evtchn_to_irqhandler", "evtchn_alloc_unbound"))]
    pub fn alloc_unbound(&self, remote: DomId) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by((Kind::Channel, Vcpu(0)), |hook| event_channel::alloc_unbound(hook, remote))
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
    #[doc(alias(
        "EVTCHNOP_bind_interdomain",
        "bind_interdomain_evtchn_to_irqhandler_lateeoi",
        "evtchn_bind_interdomain"
    ))]
    pub fn bind_interdomain(&self, remote: DomId, port: Port) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by((Kind::Channel, Vcpu(0)), |hook| event_channel::bind_interdomain(hook, remote, port))
    }

    /// Makes a port for a virtual interrupt of one processor.
    ///
    /// # Errors
    /// [`BindError`]; `EEXIST` if it is bound: then see [`Events::rebind_virq`].
    ///
    /// # Xen
    /// `EVTCHNOP_bind_virq`.
    #[doc(alias("EVTCHNOP_bind_virq", "bind_virq_to_irqhandler"))]
    pub fn bind_virq(&self, virq: Virq, vcpu: Vcpu) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by((Kind::Local, vcpu), |hook| event_channel::bind_virq(hook, virq, vcpu))
    }

    /// Makes a port by which our processors call `vcpu`.
    ///
    /// # Errors
    /// [`BindError`]; no port is left behind.
    ///
    /// # Xen
    /// `EVTCHNOP_bind_ipi`.
    #[doc(alias("EVTCHNOP_bind_ipi", "bind_ipi_to_irqhandler"))]
    pub fn bind_ipi(&self, vcpu: Vcpu) -> Result<BoundPort<'_, H, G>, BindError> {
        self.open_by((Kind::Local, vcpu), |hook| event_channel::bind_ipi(hook, vcpu))
    }

    /// Takes charge of a port that the toolstack made (of the store, of the console), without a hypercall.
    ///
    /// It is never closed by us: closing or dropping its guard only masks and forgets it.
    ///
    /// # Errors
    /// [`BindError`], save that of Xen.
    #[doc(alias("bind_evtchn_to_irqhandler", "bind_evtchn"))]
    pub fn adopt(&self, port: Port) -> Result<BoundPort<'_, H, G>, BindError> {
        self.gate.run(|| {
            // Xen may tell another processor of it, if it was told to: that outlives a guard.
            let told = self.slot(port).map_or(Vcpu(0), |slot| slot.life().vcpu);
            self.enter(port, (Kind::Adopted, told))
        })
    }

    fn open_by(
        &self,
        owner: (Kind, Vcpu),
        make: impl FnOnce(&H) -> Result<Port, Errno>,
    ) -> Result<BoundPort<'_, H, G>, BindError> {
        self.gate.run(|| {
            let port = make(&self.hook)?;
            let entered = self.enter(port, owner);
            if let Err(BindError::NoSlot(port)) = entered {
                self.mask(port);
                event_channel::close(&self.hook, port).inspect_err(|_| {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                })?;
            }
            entered
        })
    }

    /// Masks the port and gives it a guard; to be called in a section of the gate.
    pub(crate) fn enter(&self, port: Port, (kind, vcpu): (Kind, Vcpu)) -> Result<BoundPort<'_, H, G>, BindError> {
        if port.0 == 0 || usize::try_from(port.0).map_or(true, |number| number >= self.most()) {
            return Err(BindError::NotAPort(port));
        }
        // E15: Xen may have taken fewer pages of event words than it has ports.
        let slot = self.slot(port).filter(|_| self.place(port).is_some()).ok_or(BindError::NoSlot(port))?;
        // What was claimed before is of an earlier life.
        let born = self.changed() & BORN;
        // A port of the toolstack's may be told to another processor than before.
        let queue = if self.is_linked(port) { slot.life().queue } else { vcpu };
        if !slot.claim(Life { kind, vcpu, queue, born }) {
            return Err(BindError::Taken(port));
        }
        self.mask(port);
        self.calm(port);
        self.changed();
        Ok(BoundPort::new(self, port))
    }

    /// Masks a port and closes it, unless it is the toolstack's; to be called in a section of the gate.
    pub(crate) fn leave(&self, port: Port) -> Result<(), Errno> {
        let Some(slot) = self.slot(port) else { return Ok(()) };
        self.mask(port);
        let kind = slot.kind();
        // Before Xen may give the number to another processor, which then finds the slot free. If Xen does not close it,
        // nobody else can have got the number.
        slot.set(Kind::Free);
        self.changed();
        if kind == Kind::Adopted {
            return Ok(());
        }
        // E14: the word of a port that is still in a queue comes out of it without an event.
        event_channel::close(&self.hook, port).inspect_err(|_| {
            slot.set(kind);
            self.changed();
        })
    }

    /// Does as [`Events::leave`], and counts what Xen does not close.
    pub(crate) fn leave_or_leak(&self, port: Port) {
        if let (Err(_), Some(slot)) = (self.leave(port), self.slot(port)) {
            slot.set(Kind::Leaked);
        }
    }
}
