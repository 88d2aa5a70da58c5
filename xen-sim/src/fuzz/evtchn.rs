//! Event channels of both ABIs: see [`crate::events`].
#![expect(unsafe_code, reason = "pages of hosts that are gone are taken again")]

use super::{Ending, Script};
use crate::events::{Wanted, play};

/// Plays a script with a guest that wants no more than two levels.
///
/// # Panics
/// If a rule is broken.
pub fn evtchn_2l(data: &[u8]) -> Ending {
    run(data, Wanted::TwoLevel)
}

/// Plays a script with a guest that wants FIFO, and has it on most hosts.
///
/// # Panics
/// If a rule is broken.
pub fn evtchn_fifo(data: &[u8]) -> Ending {
    run(data, Wanted::Fifo)
}

fn run(data: &[u8], wanted: Wanted) -> Ending {
    // SAFETY: the host and its guest's pages are made in it and dropped there; an ending is numbers.
    unsafe { xen_mock::recycled(|| play(&mut Script::new(data), wanted)) }
}
