//! All ports of the domain closed at once.
#![expect(unsafe_code, reason = "promises the layout of an argument block")]

use static_assertions::const_assert_eq;

use crate::command::{Command, issue};
use crate::{DomId, Errno, Hypercall, Number};

#[repr(C)]
struct Reset {
    dom: u16,
}

const_assert_eq!(size_of::<Reset>(), 2);

// SAFETY: laid out as `evtchn_reset`; Xen reads the block only.
unsafe impl Command for Reset {
    const NUMBER: Number = Number::EVENT_CHANNEL_OP;
    const CMD: usize = 10;
}

/// Closes every port of this domain, those that the toolstack made included, and goes back to the 2-level ABI.
///
/// Store and console are dumb from then on, until the domain is made anew: this is for a program that hands the domain to
/// another one, and no way to resume. Whoever has a table of ports calls that one's `reset`, which asks for it alone.
///
/// # Errors
/// What Xen said; `EBUSY` while another processor does the same, `EAGAIN` if ports are left and the ABI stays as it is.
///
/// # Xen
/// `EVTCHNOP_reset`.
#[doc(alias = "EVTCHNOP_reset")]
pub fn reset<H: Hypercall + ?Sized>(hook: &H) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut Reset { dom: DomId::SELF.0 }))
}
