//! Operations of the FIFO ABI: queues that Xen fills, event words that it links.
#![expect(unsafe_code, reason = "promises the layout of argument blocks")]

use static_assertions::const_assert_eq;

use super::{ControlBlock, Priority};
use crate::command::{Command, issue};
use crate::{Errno, Hypercall, Number, Port, SharedPage, Vcpu};

#[repr(C)]
struct InitControl {
    control_gfn: u64,
    offset: u32,
    vcpu: u32,
    link_bits: u8,
    pad: [u8; 7],
}

const_assert_eq!(size_of::<InitControl>(), 24);

// SAFETY: laid out as `evtchn_init_control`, with its padding named; Xen reads and writes the block, and from then on the
// control block, whose words are atomics.
unsafe impl Command for InitControl {
    const NUMBER: Number = Number::EVENT_CHANNEL_OP;
    const CMD: usize = 11;
}

/// Gives Xen the control block of a processor and returns how many bits of an event word name the next one.
///
/// The first one switches the domain to the FIFO ABI, for good; there are no event words yet, so that no event is delivered
/// until [`expand_array`]. Xen keeps the page until the domain ends or [`reset`](super::reset). A processor without a
/// control block loses its events.
///
/// # Errors
/// What Xen said; `ENOSYS` where the ABI is not to be had, `EINVAL` if the processor has a control block already, `ENOENT` for
/// a processor that there is not.
///
/// # Xen
/// `EVTCHNOP_init_control`, Xen 4.4.
#[doc(alias = "EVTCHNOP_init_control")]
pub fn init_control<H: Hypercall + ?Sized>(hook: &H, vcpu: Vcpu, control: ControlBlock<'_>) -> Result<u8, Errno> {
    let (page, offset) = control.location();
    let offset = u32::try_from(offset).map_err(|_| Errno::EINVAL)?;
    let mut block = InitControl { control_gfn: page.gfn().0, offset, vcpu: vcpu.0, link_bits: 0, pad: [0; 7] };
    Errno::exact(issue(hook, &mut block))?;
    Ok(block.link_bits)
}

#[repr(C)]
struct ExpandArray {
    array_gfn: u64,
}

const_assert_eq!(size_of::<ExpandArray>(), 8);

// SAFETY: laid out as `evtchn_expand_array`; Xen reads the block, and from then on uses the page, whose words are atomics.
unsafe impl Command for ExpandArray {
    const NUMBER: Number = Number::EVENT_CHANNEL_OP;
    const CMD: usize = 12;
}

/// Gives Xen one more page of event words, for the next 1024 ports; events that have come for them are raised.
///
/// Xen takes the words as they are, so they are set before: masked, and in no queue. It keeps the page until the domain ends
/// or [`reset`](super::reset).
///
/// # Errors
/// What Xen said; `EOPNOTSUPP` in the 2-level ABI, `ENOSPC` if there is a word for each port already.
///
/// # Xen
/// `EVTCHNOP_expand_array`, Xen 4.4.
#[doc(alias = "EVTCHNOP_expand_array")]
pub fn expand_array<H: Hypercall + ?Sized>(hook: &H, page: &SharedPage) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut ExpandArray { array_gfn: page.gfn().0 }))
}

#[repr(C)]
struct SetPriority {
    port: u32,
    priority: u32,
}

const_assert_eq!(size_of::<SetPriority>(), 8);

// SAFETY: laid out as `evtchn_set_priority`; Xen reads the block only.
unsafe impl Command for SetPriority {
    const NUMBER: Number = Number::EVENT_CHANNEL_OP;
    const CMD: usize = 13;
}

/// Has a port's next events come in another queue; one that has come stays in its own.
///
/// # Errors
/// What Xen said; `ENOSYS` in the 2-level ABI, `EINVAL` for a number out of range.
///
/// # Xen
/// `EVTCHNOP_set_priority`, Xen 4.4.
#[doc(alias = "EVTCHNOP_set_priority")]
pub fn set_priority<H: Hypercall + ?Sized>(hook: &H, port: Port, priority: Priority) -> Result<(), Errno> {
    Errno::exact(issue(hook, &mut SetPriority { port: port.0, priority: priority.number() }))
}
