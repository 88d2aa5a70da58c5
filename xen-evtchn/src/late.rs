//! Ports that are acknowledged late: masked while their events are served, and longer if there was nothing to serve.

use core::fmt;

use xen_hypercall::{Hypercall, IrqGate, Nanos, NoGate, Stale};

use crate::{BoundPort, PortError};

/// How much a ring has taken from the other end in its life, modulo 2^32: its own index, never the peer's.
///
/// It is by this that an event had a cause: whether the handler took what came, or somebody who polled before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken(pub u32);

/// How long a port stays masked whose events have no cause.
///
/// The first is free, since an event may come late. From the second on in a row it is `unit`, and twice as long each time, but
/// never longer than `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long after the second event without cause.
    pub unit: Nanos,
    /// How long at most.
    pub most: Nanos,
}

impl Default for Patience {
    /// From 4 milliseconds to a second.
    fn default() -> Self {
        Self { unit: Nanos::from_millis(4), most: Nanos::from_secs(1) }
    }
}

impl Patience {
    /// Returns how long the port is masked after so many events without a cause.
    #[must_use]
    pub fn penalty(self, in_vain: u32) -> Nanos {
        let Some(doublings) = in_vain.checked_sub(2) else { return Nanos::ZERO };
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        Nanos(self.unit.0.saturating_mul(factor).min(self.most.0))
    }
}

/// A port whose events are served with the port masked, so that no storm takes the processor.
///
/// ```
/// # use xen_evtchn::{Events, Patience, Slot, Taken};
/// # use xen_hypercall::{EpochCell, Nanos, SharedInfo, Vcpu, op::memory};
/// # let host = xen_mock::Host::builder().build();
/// # let (xen, page) = (host.guest().hook(), host.guest().page());
/// # let (epoch, info) = (EpochCell::new(), SharedInfo::new(page));
/// # memory::map_shared_info(&xen, info.page())?;
/// # let slots = [const { Slot::new() }; 32];
/// # let events = Events::new(&xen, &epoch, &info, &slots);
/// # events.mask_all();
/// # let (now, mut taken) = (Nanos::ZERO, Taken(0));
/// let mut port = events.bind_ipi(Vcpu(0))?.late(Patience::default());
/// let late = port.attend()?; // masked from here on
/// taken.0 += 1; // the ring is drained, and tells how far it has come
/// assert_eq!(late.end(taken, now)?, None); // unmasked
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct LatePort<'e, H: Hypercall, G: IrqGate = NoGate> {
    port: BoundPort<'e, H, G>,
    patience: Patience,
    taken: Taken,
    in_vain: u32,
    due: Option<Nanos>,
}

impl<'e, H: Hypercall, G: IrqGate> BoundPort<'e, H, G> {
    /// Makes a port that is acknowledged late; it is masked, or not, as it was.
    #[doc(alias = "bind_evtchn_to_irqhandler_lateeoi")]
    #[must_use]
    pub fn late(self, patience: Patience) -> LatePort<'e, H, G> {
        LatePort { port: self, patience, taken: Taken(0), in_vain: 0, due: None }
    }
}

impl<'e, H: Hypercall, G: IrqGate> LatePort<'e, H, G> {
    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> &BoundPort<'e, H, G> {
        &self.port
    }

    /// Gives the port back, as it is.
    #[must_use]
    pub fn into_port(self) -> BoundPort<'e, H, G> {
        self.port
    }

    /// Masks the port and forgets its event, to serve what it stands for.
    ///
    /// What is told after this is found by [`Late::end`], so that nothing is lost if the ring is drained in between.
    ///
    /// # Errors
    /// [`Stale`] if the port is of an earlier epoch.
    pub fn attend(&mut self) -> Result<Late<'_, 'e, H, G>, Stale> {
        self.port.mask_and_take()?;
        self.due = None;
        Ok(Late { late: self, ended: false })
    }

    /// Says until when the port is masked, for its events had no cause.
    #[must_use]
    pub const fn due(&self) -> Option<Nanos> {
        self.due
    }

    /// Counts the events without a cause, since the last that had one.
    #[must_use]
    pub const fn in_vain(&self) -> u32 {
        self.in_vain
    }

    /// Unmasks the port if its time has come, and tells whether it did; an event that has come meanwhile is delivered.
    ///
    /// # Errors
    /// [`PortError`]; the port stays masked, and due.
    ///
    /// # Xen
    /// `EVTCHNOP_unmask`, if an event is pending.
    pub fn poll_due(&mut self, now: Nanos) -> Result<bool, PortError> {
        if self.due.is_none_or(|due| now < due) {
            return Ok(false);
        }
        self.port.unmask()?;
        self.due = None;
        Ok(true)
    }

    fn judge(&mut self, taken: Taken) -> Nanos {
        self.in_vain = if taken == self.taken { self.in_vain.saturating_add(1) } else { 0 };
        self.taken = taken;
        self.patience.penalty(self.in_vain)
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for LatePort<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LatePort");
        shown.field("port", &self.port).field("in_vain", &self.in_vain).field("due", &self.due).finish_non_exhaustive()
    }
}

/// An event that is being served, its port masked; dropped, it unmasks the port and judges nobody.
///
/// Does not compile: nobody unmasks the port behind its back.
/// ```compile_fail,E0502
/// # use xen_evtchn::{LatePort, Taken};
/// # use xen_hypercall::Nanos;
/// # fn wrong(mut late: LatePort<'_, xen_mock::Hook>, taken: Taken, now: Nanos) {
/// let served = late.attend().unwrap();
/// late.port().unmask();
/// served.end(taken, now);
/// # }
/// ```
#[must_use = "the port is masked while this lives"]
pub struct Late<'l, 'e, H: Hypercall, G: IrqGate> {
    late: &'l mut LatePort<'e, H, G>,
    ended: bool,
}

impl<H: Hypercall, G: IrqGate> Late<'_, '_, H, G> {
    /// Unmasks the port, or leaves it masked until the time that is returned, if the ring has not come further since this was
    /// called last.
    ///
    /// [`LatePort::poll_due`] is then to be called at that time.
    ///
    /// # Errors
    /// [`PortError`]; the port stays masked. One of an earlier epoch is left alone.
    ///
    /// # Xen
    /// `EVTCHNOP_unmask`, if an event is pending.
    #[doc(alias("xen_irq_lateeoi", "XEN_EOI_FLAG_SPURIOUS"))]
    pub fn end(mut self, taken: Taken, now: Nanos) -> Result<Option<Nanos>, PortError> {
        self.ended = true;
        let penalty = self.late.judge(taken);
        if penalty == Nanos::ZERO {
            return self.late.port.unmask().map(|()| None);
        }
        self.late.due = Some(now.after(penalty));
        Ok(self.late.due)
    }
}

impl<H: Hypercall, G: IrqGate> Drop for Late<'_, '_, H, G> {
    fn drop(&mut self) {
        if !self.ended {
            // Stale: it is gone. Refused: it is as deaf as `end` would have left it.
            let _ = self.late.port.unmask();
        }
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for Late<'_, '_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Late").field(&self.late).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Nanos, Patience};

    #[test]
    fn patience_doubles_up_to_a_limit() {
        let patience = Patience { unit: Nanos(4), most: Nanos(100) };
        let penalties = [0, 1, 2, 3, 4, 6, 7, 64, 65, 66, u32::MAX].map(|in_vain| patience.penalty(in_vain).0);
        assert_eq!(penalties, [0, 0, 4, 8, 16, 64, 100, 100, 100, 100, 100]);
        assert_eq!(Patience { unit: Nanos::ZERO, ..patience }.penalty(9), Nanos::ZERO, "no penalty at all");
    }
}
