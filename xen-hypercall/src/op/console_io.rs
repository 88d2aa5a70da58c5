//! `console_io`: the hypervisor's own console (`xen.h`). Open to dom0, and to all guests of a debug Xen.

use crate::command::issue_text;
use crate::{Errno, Hypercall};

const WRITE: usize = 0;

/// Writes text on Xen's console.
///
/// # Errors
/// What Xen said; `EPERM` for a guest of a release Xen.
///
/// # Xen
/// `CONSOLEIO_write`. Text for emergencies goes to [`DebugPort`](crate::x86_64::DebugPort), which is open to all.
#[doc(alias = "CONSOLEIO_write")]
pub fn write<H: Hypercall + ?Sized>(hook: &H, text: &[u8]) -> Result<(), Errno> {
    Errno::value(issue_text(hook, WRITE, text)).map(drop)
}
