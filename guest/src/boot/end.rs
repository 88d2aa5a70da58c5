//! How the guest ends, well or badly, and what it says of it.
#![expect(unsafe_code, reason = "stops the processor")]

use core::arch::asm;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use xen_hypercall::Hypercall;
use xen_hypercall::op::sched::{self, Reason};
use xen_hypercall::x86_64::{DebugPort, Direct, Native};

/// One line on the debug port: ends of line within the text become spaces.
struct Line;

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut pieces = text.split('\n');
        DebugPort.write_str(pieces.next().unwrap_or_default())?;
        pieces.try_for_each(|piece| write!(DebugPort, " {piece}"))
    }
}

/// Prints the line `xen-guest: FAIL what=… why`.
pub(super) fn complain(what: &str, why: &dyn fmt::Display) {
    // Starts a line, should another one be unfinished. The port takes everything.
    let _ = DebugPort.write_str("\n");
    let _ = write!(Line, "xen-guest: FAIL what={what} {why}");
    let _ = DebugPort.write_str("\n");
}

/// Shuts the domain down; asks again should Xen refuse.
pub(super) fn shut_down<H: Hypercall>(hook: &H, reason: Reason) -> ! {
    loop {
        sched::shutdown(hook, reason);
    }
}

/// Ends the domain as broken, relying on nothing that was set up before.
pub(super) fn crash() -> ! {
    shut_down(&Direct::new(&Native), Reason::CRASH)
}

/// Stops the processor for good; Xen takes it for one that went down, and when it is the last for a power-off.
pub(super) fn halt() -> ! {
    loop {
        // SAFETY: nothing waits for this processor.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    complain("panic", info);
    crash()
}
