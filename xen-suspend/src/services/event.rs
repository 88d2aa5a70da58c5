//! Callback, `shared_info` and event channels across a suspend.

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use xen_evtchn::{BindError, BoundPort, Events};
use xen_hypercall::op::hvm::{self, Param};
use xen_hypercall::op::memory;
use xen_hypercall::{Errno, Hypercall, IrqGate, Port, Vcpu};

use crate::{Class, CoreService, Dark, Fatal, Stage};

/// The number of the canary port, by which a resume tells the old domain from a new one.
#[derive(Debug, Default)]
pub struct Canary(AtomicU32);

impl Canary {
    /// Makes one that is not bound.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Returns the port, once it is bound.
    pub fn port(&self) -> Option<Port> {
        let number = self.0.load(Ordering::Relaxed);
        (number != 0).then_some(Port(number))
    }
}

/// Makes anew what Xen forgets of a domain's events: the callback, the mapping of `shared_info`, all ports.
#[doc(alias = "xen_irq_resume")]
pub struct EventService<'e, H: Hypercall, G: IrqGate> {
    events: &'e Events<'e, H, G>,
    callback: u64,
    canary: &'e Canary,
    guard: Option<BoundPort<'e, H, G>>,
}

impl<'e, H: Hypercall, G: IrqGate> EventService<'e, H, G> {
    /// Sets the callback to `callback`, masks all ports and binds the canary. The events' `shared_info` is mapped already.
    ///
    /// `callback` must not be 0, even in a guest that takes events by other ways or only polls: it is by this parameter
    /// that the toolstack knows a guest that can be told of a cancelled suspend. Make it of
    /// [`callback_vector`](hvm::callback_vector): then Xen interrupts as long as `evtchn_upcall_pending` stands, so that the
    /// handler dispatches, or at least clears it. Where the processors have vectors of their own
    /// ([`VcpuService`](super::VcpuService)), it is [`callback_gsi`](hvm::callback_gsi) of a line that nobody uses, such as 1.
    ///
    /// # Errors
    /// What Xen said; without the canary the resume is classified by the callback alone.
    pub fn start(events: &'e Events<'e, H, G>, callback: u64, canary: &'e Canary) -> Result<Self, Errno> {
        events.mask_all();
        hvm::set_param(events.hook(), Param::CALLBACK_IRQ, callback)?;
        let mut service = Self { events, callback, canary, guard: None };
        service.keep(events.bind_canary());
        Ok(service)
    }

    fn keep(&mut self, bound: Result<BoundPort<'e, H, G>, BindError>) {
        self.guard = bound.ok();
        let number = self.guard.as_ref().map_or(0, |port| port.number().0);
        self.canary.0.store(number, Ordering::Relaxed);
    }
}

impl<H: Hypercall, G: IrqGate> CoreService for EventService<'_, H, G> {
    fn rebuild(&mut self, stage: Stage, class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        let done = match (stage, class) {
            (Stage::Callback, _) => hvm::set_param(self.events.hook(), Param::CALLBACK_IRQ, self.callback),
            (Stage::SharedInfo, Class::New) => memory::map_shared_info(self.events.hook(), self.events.info().page()),
            (Stage::Mask, Class::New) => {
                let chosen = self.events.rebuild().map(drop);
                return chosen.map_err(|error| Fatal { stage, errno: error.errno() });
            }
            (Stage::Mask, _) => {
                self.events.reconcile();
                Ok(())
            }
            (Stage::Timers, Class::New) => {
                self.keep(self.events.bind_canary());
                Ok(())
            }
            (Stage::Timers, _) => {
                self.keep(self.events.rebind_ipi(Vcpu(0)));
                Ok(())
            }
            // The last one: whoever goes on with a port of before has taken it over by now.
            (Stage::Store, class) => {
                if class == Class::InPlace {
                    self.events.close_kept();
                }
                // Who waits for an event waits for a port of before.
                self.events.wake_all();
                Ok(())
            }
            _ => Ok(()),
        };
        done.map_err(|errno| Fatal { stage, errno: Some(errno) })
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for EventService<'_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventService").field("canary", self.canary).finish_non_exhaustive()
    }
}
