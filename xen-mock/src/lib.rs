//! A deterministic mock of a Xen host, to test guest code with: hypervisor, xenstored, console, toolstack, backends.
//!
//! # What it is for
//! The tests of drivers and of whole guests, on a laptop, with plain `cargo test`. The code under test makes real hypercalls
//! through [`Hypercall`](xen_hypercall::Hypercall) with real argument blocks, and writes real rings; the mock decodes
//! the bytes by the public headers of Xen, with no code in common with the crates that it tests. It is stricter than
//! Xen: see [`Violation`] and [`Host::check`].
//!
//! # What you must supply
//! The code under test, generic over the hook and the processor. All runs on one thread in virtual time: each
//! hypercall takes 1 µs, each look at the TSC 20 ns, and a guest that sleeps jumps to the next thing that happens. When
//! nothing can ever happen, the test fails and says so.
//!
//! # Example
//! ```
//! use xen_hypercall::op::{hvm, sched, xen_version};
//! use xen_hypercall::{Nanos, Port};
//! use xen_mock::{Host, Outcome, Save};
//!
//! let host = Host::builder().build();
//! let xen = host.guest().hook();
//! assert_eq!(xen_version::version(&xen)?.major, 4);
//! hvm::set_param(&xen, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0x20))?;
//!
//! // After a second, the toolstack takes a checkpoint. This guest finds the word, acknowledges, and suspends.
//! host.at(Nanos::from_secs(1), |host| {
//!     host.toolstack().save(Save::Checkpoint);
//! });
//! let store = Port(u32::try_from(hvm::param(&xen, hvm::Param::STORE_EVTCHN)?)?);
//! # let _ = store;
//! while host.store().read("control/shutdown").as_deref() != Some("suspend") {
//!     sched::poll(&xen, &[], Some(Nanos(host.guest().system_time().0 + 100_000_000)))?;
//! }
//! host.store().write("control/shutdown", ""); // a real guest does this over its ring
//! assert_eq!(sched::shutdown(&xen, sched::Reason::SUSPEND), 1);
//! host.check().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//! No emulated devices, no more than one running processor, no interrupts (a guest polls), no FIFO event channels, no
//! grant table version 2, no image files: a save and its restore are one operation.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::std_instead_of_core,
    reason = "a test tool: a panic is a failed test"
)]

mod builder;
mod clock;
mod config;
mod console;
mod dom0;
mod domain;
mod errno;
mod events;
mod faults;
mod grants;
mod guest;
mod handles;
mod host;
mod hypervisor;
mod memory;
mod toolstack;
mod trace;
mod violation;
mod world;
mod xenstored;

pub use builder::Builder;
pub use config::{ControlNodes, Daemon, Device, Kind, Leaves, Vendor};
pub use dom0::{MapError, MapMode};
pub use domain::{Reason, State};
pub use guest::{Guest, Hook, MockCpu};
pub use handles::{CallFault, Console, Dom0, Faults, Holdings, Ledger, Mapped, Store, StoreFault, Toolstack, Trace};
pub use host::{Destroyed, Host};
pub use toolstack::{Destination, Operation, Outcome, Save};
pub use trace::{Call, Mark, Request};
pub use violation::Violation;
pub use xenstored::Quotas;
pub use xenstored::tree::{Access, Permission};
pub use xenstored::wire::StoreOp;
