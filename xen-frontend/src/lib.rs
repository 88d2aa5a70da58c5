//! Frontends of Xen's split devices, on top of the other crates; each one is a suspend device.
//!
//! # What it is for
//! [`console`]: the guest's primary console. It is buffered while the guest is suspended, bounded towards a backend that
//! does not read, and silent where there is none.
//!
//! # What you must supply
//! The hook, the [`Events`](xen_evtchn::Events), and the page of the ring.
//!
//! # Example
//! ```
//! use core::fmt::Write;
//! use xen_evtchn::Events;
//! use xen_frontend::console::Console;
//! use xen_hypercall::{Hypercall, SharedPage};
//!
//! fn greet<'c, H: Hypercall>(events: &'c Events<'c, H>, ring: &'c SharedPage) -> Console<'c, H> {
//!     let console = Console::new(events, Some(ring));
//!     if console.connect().is_ok() {
//!         let _ = writeln!(&console, "hello");
//!     }
//!     console
//! }
//! ```
//!
//! # What it does not do
//! Disks and network cards are not here yet.
#![no_std]
#![forbid(unsafe_code)]

pub mod console;
