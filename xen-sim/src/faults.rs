//! The sweep: each hypercall of each lifecycle fails once in turn, and so does each answer of xenstore.
//!
//! A [`Baseline`] is a lifecycle without a fault: what the guest asked of Xen and of xenstore, in order, and how each
//! step of the toolstack ended. Each of its [`Baseline::cases`] is the same run with one fault at one of those places.
//! [`Baseline::run`] plays a case and holds it against the baseline: either the guest came through, or one operation of
//! the toolstack failed and all others went as ever, or it ended with a message where it may. Anything else is
//! [`Broken`]. The name of a case says all of it, and plays it alone.
//!
//! # Example
//! ```
//! use xen_sim::faults::{Baseline, Outcome, subject};
//!
//! let baseline = Baseline::of(subject("poweroff").unwrap()).unwrap();
//! let case = baseline.cases().into_iter().find(|case| case.operation == "EVTCHNOP_bind_ipi").unwrap();
//! // Without its canary the guest has one witness less, and goes on; the next domain gives it one again.
//! assert_eq!(baseline.run(&case).unwrap(), Outcome::Survived);
//! ```

mod baseline;
mod case;
mod driver;
mod judge;
mod operation;
mod pairs;
mod run;
#[cfg(test)]
mod tests;
mod variant;

pub use baseline::{Baseline, subject, subjects};
pub use case::{Answer, Case, Fault};
pub use judge::{Broken, Outcome};
pub use pairs::pairwise;
pub use variant::{NoVariant, Variant};
