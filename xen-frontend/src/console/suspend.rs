//! The console across a suspend.

use core::fmt;
use core::task::Poll;

use xen_hypercall::{Hypercall, IrqGate};
use xen_suspend::{Class, CoreService, Dark, DeviceSuspend, Fatal, Refusal, Stage};

use super::{Console, Inner, Wire};

/// How often a freeze asks again before it leaves the rest to the backlog.
const PATIENCE: u8 = 4;

/// The console as a device: flushes a little before the suspend, then keeps its output until the guest is back.
///
/// Input in the ring is taken out then and kept, for the toolstack clears the page in a new domain. What comes between
/// the freeze and the suspend is there again only if the suspend is cancelled.
///
/// One that does not come back counts as degraded; [`Console::connect`] may be tried at any later time.
pub struct ConsoleDevice<'a, 'c, H: Hypercall, G: IrqGate> {
    console: &'a Console<'c, H, G>,
    tries: u8,
}

impl<'a, 'c, H: Hypercall, G: IrqGate> ConsoleDevice<'a, 'c, H, G> {
    /// Makes the device of a console.
    #[must_use]
    pub const fn new(console: &'a Console<'c, H, G>) -> Self {
        Self { console, tries: 0 }
    }
}

impl<H: Hypercall, G: IrqGate> DeviceSuspend for ConsoleDevice<'_, '_, H, G> {
    fn prepare(&mut self) -> Poll<Result<(), Refusal>> {
        self.tries = 0;
        Poll::Ready(Ok(()))
    }

    fn unprepare(&mut self) {}

    fn freeze(&mut self) -> Poll<Result<(), Refusal>> {
        let drained = self.console.locked(|inner| {
            inner.flush();
            inner.is_drained()
        });
        self.tries = self.tries.saturating_add(1);
        if !drained && self.tries <= PATIENCE {
            return Poll::Pending;
        }
        self.console.locked(Inner::hold);
        Poll::Ready(Ok(()))
    }

    fn thaw(&mut self, _class: Class) {
        self.console.locked(|inner| {
            inner.held = false;
            inner.kick();
        });
    }

    fn resume(&mut self, _class: Class) -> Poll<Result<(), Refusal>> {
        // The core service, if there is one, connected it already: output from the rebuild on shows why a resume fails.
        let connected = self.console.locked(|inner| inner.wire.as_ref().is_some_and(Wire::is_fresh));
        if connected || self.console.page.is_none() || self.console.reconnect().is_ok() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(Refusal::Device))
    }

    fn degrade(&mut self) {}
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for ConsoleDevice<'_, '_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleDevice").field("tries", &self.tries).finish_non_exhaustive()
    }
}

/// The console in the rebuild: connected before anything that may fail later, and never a reason to crash.
#[doc(alias = "xen_console_resume")]
pub struct ConsoleService<'a, 'c, H: Hypercall, G: IrqGate>(pub &'a Console<'c, H, G>);

impl<H: Hypercall, G: IrqGate> CoreService for ConsoleService<'_, '_, H, G> {
    fn rebuild(&mut self, stage: Stage, _class: Class, _dark: &Dark<'_>) -> Result<(), Fatal> {
        if stage == Stage::Console {
            // Without a console the guest goes on, and its output is kept as far as there is room.
            let _ = self.0.reconnect();
        }
        Ok(())
    }
}

impl<H: Hypercall, G: IrqGate> fmt::Debug for ConsoleService<'_, '_, H, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConsoleService").finish()
    }
}
