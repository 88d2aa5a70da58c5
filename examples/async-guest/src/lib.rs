//! A guest whose tasks share xenstore and event channels by the `future` facades, under embassy's executor.
//!
//! A hundred tasks wait: half of them each for a node of xenstore, half each for a port. One task pokes them all again and
//! again and counts who heard of it; one drives the xenstore client; one suspends the guest when the toolstack asks.
//! No task is woken for nothing, and none misses anything, whatever happens to the guest: [`Tally`] counts.
//!
//! The same tasks run on the mock host (`tests/mock.rs`) and on a real Xen, where boot code, pages and interrupts are those
//! of `examples/toy-kernel`. [`platform`] is what differs.
#![cfg_attr(target_os = "none", no_std)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a guest of tests, which crashes with a message where it cannot go on"
)]

mod alarm;
mod executor;
pub mod guest;
pub mod platform;
mod suspend;
mod tally;
mod tasks;

pub use tally::Tally;
