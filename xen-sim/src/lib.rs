//! Runs the whole guest on the mock host: the lifecycles that it goes through on a real Xen too, and the troubles that
//! only a mock host can make on demand. Beside that, the rings in the hands of a peer that lies: [`adversary`] and
//! [`rings`], one that clings to the pages that it was offered: [`grants`]; the bodies of [`fuzz`] targets; and what every
//! server of xenstore must do for its clients: [`store_suite`].
//!
//! # Example
//! ```
//! let lifecycle = &guest::lifecycle::ALL[0];
//! let report = xen_sim::play(lifecycle, xen_sim::Arrangement::default()).unwrap();
//! assert!(report.lines.iter().any(|line| line.text.starts_with("xen-guest: resumed class=cancel")));
//! ```
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "a test tool: a panic is a failed test"
)]

pub mod adversary;
mod arrangement;
mod events;
pub mod faults;
mod frontends;
pub mod fuzz;
pub mod grants;
mod heard;
mod hoard;
mod machine;
mod peer;
mod play;
mod player;
pub mod rings;
pub mod store_suite;
mod troubles;

pub use arrangement::Arrangement;
pub use machine::MockMachine;
pub use play::{Failure, Line, Report, play, play_on};
pub use troubles::{TROUBLES, Trouble};
