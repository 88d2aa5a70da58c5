//! What the system offers, in the words of the coordinator.

use core::cell::Cell;

use xen_hypercall::Nanos;
use xen_suspend::{
    Ack, ArchOps, Class, Control, ControlWord, CoreService, Dark, Fatal, OsQuiesce, Policy, Refusal, Stage, VcpuPark,
    Witness, Witnesses,
};

use crate::bus::Bus;
use crate::os::Os;

/// The node by which the toolstack asks.
pub const SHUTDOWN: &str = "control/shutdown";

/// A suspend is welcome unless the system stops.
pub(crate) struct ByStop<'a>(pub(crate) &'a Cell<bool>);

impl Policy for ByStop<'_> {
    fn admit(&mut self) -> Result<(), Refusal> {
        if self.0.get() { Err(Refusal::Busy) } else { Ok(()) }
    }

    fn release(&mut self) {}
}

/// The system's producers of I/O may go on: the disk holds back what they bring.
pub(crate) struct Producers;

impl OsQuiesce for Producers {
    fn freeze(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn thaw(&mut self) {}

    /// Never called: the work item goes by [`Runner::step`](xen_suspend::Runner::step).
    fn wait(&mut self, _: Nanos) {}
}

/// The system's call has captured the others, or it has not.
pub(crate) struct Captured<'a>(pub(crate) &'a Cell<bool>);

impl VcpuPark for Captured<'_> {
    fn park(&mut self, _: Nanos) -> bool {
        self.0.get()
    }

    fn release(&mut self) {}
}

/// The call, by the bus driver; and what of its objects is left tells which domain this is.
pub(crate) struct Arch<'a> {
    pub(crate) bus: &'a Bus,
    pub(crate) os: &'a Os,
}

impl ArchOps for Arch<'_> {
    fn pre(&mut self, _: &Dark<'_>) {}

    fn call(&mut self, _: &Dark<'_>) -> isize {
        assert!(self.os.holds_others(), "other processors run");
        self.bus.suspend()
    }

    fn probe(&mut self, _: &Dark<'_>) -> Witnesses {
        let canary = if self.bus.port_exists() { Witness::Same } else { Witness::New };
        Witnesses { canary, callback: Witness::Silent }
    }

    fn post(&mut self, _: Class, _: &Dark<'_>) {}

    fn crash(&mut self, fatal: Fatal) {
        self.os.print(format!("stop: {fatal}"));
    }
}

/// What the bus driver has of Xen: gone with the domain.
pub(crate) struct BusService<'a>(pub(crate) &'a Bus);

impl CoreService for BusService<'_> {
    fn rebuild(&mut self, stage: Stage, class: Class, _: &Dark<'_>) -> Result<(), Fatal> {
        if stage == Stage::Grants && class == Class::New {
            self.0.forget();
        }
        Ok(())
    }
}

/// The node of the requests, by the system's own client of xenstore.
pub(crate) struct Node<'a>(pub(crate) &'a Bus);

impl Node<'_> {
    fn word(&self) -> ControlWord {
        self.0.read(SHUTDOWN).map_or(ControlWord::Idle, |word| ControlWord::parse(word.as_bytes()))
    }
}

impl Control for Node<'_> {
    fn read(&mut self) -> Option<ControlWord> {
        Some(self.word())
    }

    fn changed(&mut self) -> Option<ControlWord> {
        self.0.watch_fired().then(|| self.word())
    }

    /// The double has one client: nothing comes between.
    fn acknowledge(&mut self, word: ControlWord) -> Ack {
        if self.word() != word {
            return Ack::Changed(self.word());
        }
        self.0.write(SHUTDOWN, "");
        Ack::Committed
    }

    fn fence(&mut self, _: Nanos) -> bool {
        self.0.hold_store();
        true
    }

    fn unfence(&mut self) {
        self.0.open_store();
    }

    fn store_up(&mut self, _: Class, _: Nanos) -> bool {
        self.0.open_store();
        true
    }

    fn publish(&mut self, _: Class) {
        self.0.write("control/feature-suspend", "1");
    }
}
