//! Xen's clock across a suspend.

use xen_hypercall::{Clock as XenClock, Cpu, Nanos};

use crate::{Class, Clock, CoreService, Dark, Fatal, Stage};

impl<C: Cpu> Clock for XenClock<'_, C> {
    fn now(&self) -> Nanos {
        XenClock::now(self)
    }

    fn wall(&self) -> Option<Nanos> {
        self.wall_clock()
    }

    fn hold(&self) {
        Self::hold(self);
    }

    fn release(&self) {
        Self::release(self);
    }
}

/// Moves the clock in a new domain so that it goes on from where it was.
#[doc(alias = "xen_timer_resume")]
#[derive(Debug)]
pub struct ClockService<'a, 'i, C>(pub &'a XenClock<'i, C>);

impl<C: Cpu> CoreService for ClockService<'_, '_, C> {
    fn rebuild(&mut self, stage: Stage, _class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage == Stage::Clock {
            self.0.rebuild();
        }
        Ok(())
    }
}
