//! What a resume does to the table.

use core::num::TryFromIntError;
use core::sync::atomic::Ordering;

use xen_hypercall::op::event_channel::{self, Binding, Status, Virq};
use xen_hypercall::{Errno, Hypercall, IrqGate, Port, Vcpu};

use crate::slot::Kind;
use crate::{Abi, AbiError, BindError, BoundPort, Events, Slot};

impl<H: Hypercall, G: IrqGate> Events<'_, H, G> {
    /// Forgets every port, masks all, and chooses the ABI anew: for a new domain, after `shared_info` is mapped. Every other
    /// processor has its scanner [join](Events::join).
    ///
    /// Closes nothing: the numbers may be those of the new store and console ports. Pending bits stay as they are; they are
    /// of the new domain, and an event too many does no harm. Every word is looked at by the next poll, whether Xen names it
    /// or not.
    ///
    /// # Errors
    /// [`AbiError`], see [`Events::choose`]: Xen has switched to the FIFO ABI, which is of no use.
    ///
    /// # Xen
    /// In the 2-level ABI no hypercall, else those of [`Events::choose`]: one, and one a page of event words.
    #[doc(alias = "xen_irq_resume")]
    pub fn rebuild(&self) -> Result<Abi, AbiError> {
        self.gate.run(|| {
            self.forget();
            self.negotiate()
        })
    }

    pub(crate) fn forget(&self) {
        self.scan.reset();
        self.slots.iter().for_each(Slot::reset);
        self.lost.store(0, Ordering::Relaxed);
        self.changed();
    }

    /// Goes on in the same domain, after the epoch has advanced: all guards are stale, but what they guarded exists.
    ///
    /// Ports to other domains are closed; adopted ones forgotten; those of virtual interrupts and processors are kept for
    /// [`Events::rebind_virq`] and [`Events::rebind_ipi`]. All are masked.
    pub fn reconcile(&self) {
        self.gate.run(|| {
            self.mask_all();
            for (port, slot) in self.numbered() {
                match slot.kind() {
                    Kind::Free | Kind::Kept => {}
                    Kind::Local => slot.set(Kind::Kept),
                    Kind::Adopted => slot.set(Kind::Free),
                    Kind::Channel | Kind::Leaked => self.leave_or_leak(port),
                }
            }
            self.changed();
        });
    }

    /// Closes the ports that [`Events::reconcile`] kept and that nobody bound again.
    pub fn close_kept(&self) {
        self.gate.run(|| self.kept().for_each(|port| self.leave_or_leak(port)));
    }

    /// Binds a virtual interrupt, or takes over the port that it is bound to already.
    ///
    /// # Errors
    /// [`BindError`]; `EEXIST` if its port has a guard, or is beyond the table.
    ///
    /// # Xen
    /// `EVTCHNOP_bind_virq`; on `EEXIST`, `EVTCHNOP_status` of each port without a guard, at most twice.
    #[doc(alias = "EVTCHNOP_bind_virq")]
    pub fn rebind_virq(&self, virq: Virq, vcpu: Vcpu) -> Result<BoundPort<'_, H, G>, BindError> {
        let bound = self.bind_virq(virq, vcpu);
        if bound.as_ref().err() != Some(&BindError::Xen(Errno::EEXIST)) {
            return bound;
        }
        // Of a virtual interrupt that the domain has once, any processor may have been told.
        let ours =
            |status: Status| status.binding == Binding::Virq(virq) && (status.vcpu == vcpu || !virq.is_per_vcpu());
        let ownerless = || self.numbered().filter(|(_, slot)| !slot.kind().is_live()).map(|(port, _)| port);
        // Twice: there is such a port, so a state that Xen did not tell may have been its.
        self.take_over(ownerless(), ours).or_else(|| self.take_over(ownerless(), ours)).unwrap_or(bound)
    }

    /// Takes over a port that [`Events::reconcile`] kept and by which `vcpu` is called, or else binds one.
    ///
    /// # Errors
    /// [`BindError`]; no port is left behind.
    ///
    /// # Xen
    /// `EVTCHNOP_status`, `EVTCHNOP_bind_ipi`.
    #[doc(alias = "EVTCHNOP_bind_ipi")]
    pub fn rebind_ipi(&self, vcpu: Vcpu) -> Result<BoundPort<'_, H, G>, BindError> {
        let ours = |status| status == Status { binding: Binding::Ipi, vcpu };
        self.take_over(self.kept(), ours).unwrap_or_else(|| self.bind_ipi(vcpu))
    }

    /// Binds the port by whose existence [`Events::still_ipi`] tells the old domain from a new one.
    ///
    /// # Errors
    /// [`BindError`]; no port is left behind.
    ///
    /// # Xen
    /// `EVTCHNOP_bind_ipi` on vCPU 0; no toolstack makes such a port.
    pub fn bind_canary(&self) -> Result<BoundPort<'_, H, G>, BindError> {
        self.bind_ipi(CANARY_VCPU)
    }

    /// Tells whether `port` calls vCPU 0: of the canary's number, after a suspend, it means the same domain as before.
    ///
    /// # Errors
    /// What Xen said, unless it was that there is no such port.
    ///
    /// # Xen
    /// `EVTCHNOP_status`.
    pub fn still_ipi(&self, port: Port) -> Result<bool, Errno> {
        match event_channel::status(&self.hook, port) {
            Ok(status) => Ok(status == Status { binding: Binding::Ipi, vcpu: CANARY_VCPU }),
            Err(Errno::EINVAL | Errno::ENOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    fn take_over(
        &self,
        mut candidates: impl Iterator<Item = Port>,
        is_wanted: impl Fn(Status) -> bool,
    ) -> Option<Result<BoundPort<'_, H, G>, BindError>> {
        self.gate.run(|| {
            let (port, status) = candidates.find_map(|port| {
                let status = event_channel::status(&self.hook, port).ok().filter(|&status| is_wanted(status))?;
                Some((port, status))
            })?;
            Some(self.enter(port, (Kind::Local, status.vcpu)))
        })
    }

    fn kept(&self) -> impl Iterator<Item = Port> {
        self.numbered().filter(|(_, slot)| slot.kind() == Kind::Kept).map(|(port, _)| port)
    }

    /// Names every slot that can be a port's.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (Port, &Slot)> {
        let number = |(at, slot)| Ok::<_, TryFromIntError>((Port(u32::try_from(at)?), slot));
        self.slots.iter().enumerate().skip(1).map_while(move |slot| number(slot).ok())
    }
}

const CANARY_VCPU: Vcpu = Vcpu(0);
