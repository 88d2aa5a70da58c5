//! What the coordinator is told of this kernel.

use core::fmt::Write as _;
use core::sync::atomic::{AtomicU32, Ordering};

use xen_evtchn::Abi;
use xen_frontend::console::Console;
use xen_hypercall::Nanos;
use xen_store::PortLink;
use xen_suspend::services::Platform;
use xen_suspend::{Ending, Fatal, Observer, OsQuiesce, Refusal};

use crate::machine::{DebugPort, Direct, Gate, Native};
use crate::ticker::Common;

/// No producers of I/O, but a store whose events shall wake us.
pub struct System {
    pub common: Common,
    pub link: &'static PortLink<'static, &'static Direct, Gate, Native>,
}

impl OsQuiesce for System {
    fn freeze(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn thaw(&mut self) {
        // Stale or refused: then a tick wakes us.
        let _ = self.link.unmask();
    }

    fn wait(&mut self, until: Nanos) {
        let Common { events, clock, .. } = self.common;
        let _ = events.wait(self.link.port().as_slice(), Some(clock.to_system(until)));
    }
}

/// The processor under the hook.
pub struct Processor(pub &'static Direct);

impl Platform for Processor {
    fn moved(&mut self) {
        self.0.choose(&Native);
    }

    fn last_words(&mut self, fatal: Fatal) {
        let _ = writeln!(DebugPort, "toy-kernel: {fatal:?}");
    }
}

/// How often the kernel was resumed.
pub static RESUMES: AtomicU32 = AtomicU32::new(0);

/// Tells on the console of each resume.
pub struct Teller {
    pub console: &'static Console<'static, &'static Direct, Gate>,
    pub common: Common,
}

impl Observer for Teller {
    fn ended(&mut self, _now: Nanos, ending: &Ending, _away: Option<Nanos>) {
        let mut console = self.console;
        let _ = match ending {
            Ending::Resumed(resumed) => {
                let (class, blackout, n) =
                    (resumed.class, resumed.blackout.0, RESUMES.fetch_add(1, Ordering::Relaxed) + 1);
                let evtchn = abi(self.common);
                writeln!(console, "xen-guest: resumed class={class} evtchn={evtchn} n={n} blackout_ns={blackout}")
            }
            Ending::Aborted(abort) => writeln!(console, "xen-guest: aborted {abort:?}"),
        };
    }
}

/// The name of the ABI of event channels in force.
pub fn abi(common: Common) -> &'static str {
    match common.events.abi() {
        Abi::Fifo => "fifo",
        Abi::TwoLevel => "2l",
    }
}
