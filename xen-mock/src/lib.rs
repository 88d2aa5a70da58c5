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
//! A guest that serves one suspend. The toolstack's part is written beside it, with [`Host::at`] for a time and
//! [`Host::direct`] for what waits on the guest.
//! ```
//! use xen_hypercall::Nanos;
//! use xen_hypercall::op::{hvm, sched, xen_version};
//! use xen_mock::{Destination, Guest, Host, Outcome, Save, State};
//!
//! /// Stands for a guest: a real one reads and acknowledges the word over its own ring.
//! fn guest(guest: &Guest, host: &Host) -> isize {
//!     let xen = guest.hook();
//!     assert_eq!(xen_version::version(&xen).unwrap().major, 4);
//!     hvm::set_param(&xen, hvm::Param::CALLBACK_IRQ, hvm::callback_vector(0x20)).unwrap();
//!     while host.store().read("control/shutdown").as_deref() != Some("suspend") {
//!         let deadline = guest.system_time().after(Nanos::from_millis(100));
//!         sched::poll(&xen, &[], Some(deadline)).unwrap();
//!     }
//!     host.store().write("control/shutdown", "");
//!     sched::shutdown(&xen, sched::Reason::SUSPEND)
//! }
//!
//! let host = Host::builder().build();
//! let mut save = None;
//! host.direct(move |host| match save {
//!     None if host.now() >= Nanos::from_secs(1) => {
//!         save = Some(host.toolstack().save(Save::Restore(Destination::default())));
//!     }
//!     Some(operation) => match host.toolstack().outcome(operation) {
//!         None => {} // under way: look again at the next turn
//!         Some(Outcome::Restored(domid)) => assert_eq!(domid.0, 2),
//!         Some(other) => panic!("{other:?}"),
//!     },
//!     None => {}
//! });
//! assert_eq!(guest(&host.guest(), &host), 0);
//! assert_eq!(host.state(), State::Running);
//! assert!(host.ledger().holdings().ports.is_empty(), "nothing of the old domain remains");
//! host.check().unwrap();
//! ```
//!
//! # Grants
//! A [`Peer`] is another domain: it maps and copies what the guest grants to it, and grants pages of its own, which the guest
//! maps into a [`Guest::hole`].
//! ```
//! use xen_mock::{Host, MapMode};
//!
//! let host = Host::builder().build();
//! let given = host.dom0().grant(MapMode::Write); // dom0 shares a page
//! given.write(0, b"hello");
//! // The guest maps `given.gref()` of domain 0 here, by GNTTABOP_map_grant_ref.
//! let place = host.guest().hole();
//! # let _ = place;
//! assert_eq!(given.mappings(), 0, "not yet");
//! assert!(given.withdraw().is_ok(), "while it is mapped, no domain can take it back");
//! ```
//!
//! # Turns
//! The host acts when the guest makes a hypercall: daemons and timers at each, the director and scripts at those that
//! may sleep (poll, block, yield, shutdown). A daemon looks at its ring only after an event, about 30 µs later, as the
//! real ones do: a guest that forgets to notify waits for ever, and the test says so.
//!
//! # A toolstack's whole story
//! 1. [`Builder::build`] creates the domain, ready to run.
//! 2. [`Host::run`] runs the guest, and comes back when it returns or when [`Toolstack::destroy`] ends it.
//! 3. Meanwhile the director begins operations ([`Toolstack::save`], [`Toolstack::poweroff`], …), and looks at
//!    [`Toolstack::outcome`], [`Console::lines`], [`Store::read`].
//! 4. When the guest has returned and [`Host::state`] says `Shutdown(Reboot)`, [`Toolstack::create`] makes the next domain,
//!    and the guest is run again.
//!
//! # Events
//! The guest begins with the 2-level ABI, and goes over to FIFO by its first control block, if the host has it
//! ([`Builder::fifo`]). Xen's part is as in Xen: a port that a queue still holds is not given out, an event that was linked stays
//! in its queue, what was pending by a bit comes in with the page of its word. What the guest does to words and control
//! blocks is looked at whenever Xen touches them and after each hypercall. [`Host::events`] tells which processor was
//! interrupted, and lets Xen or a peer go wrong; [`Host::dom0`] has the far ends.
//! ```
//! use xen_hypercall::op::event_channel;
//! use xen_hypercall::{DomId, Vcpu};
//! use xen_mock::{Delivery, Host};
//!
//! let host = Host::builder().build();
//! let xen = host.guest().hook();
//! let port = event_channel::alloc_unbound(&xen, DomId::DOM0).unwrap();
//! let backend = host.dom0().bind(port).unwrap();
//! event_channel::send(&xen, port).unwrap();
//! assert_eq!(host.dom0().take_events(backend), 1);
//! host.dom0().notify(backend);
//! assert_eq!(host.events().delivery(Vcpu(0)), Delivery::Nothing, "it polls");
//! ```
//!
//! # What it does not do
//! No emulated devices, save that an HVM guest can unplug some, no more than one running processor, no interrupts (a guest
//! polls; [`Events::upcalls`] counts them), no image files: a save and its restore are one operation. A page that the guest
//! has at two places at once is made equal there at each hypercall, and not in between. One that it maps by a grant to itself
//! stays in its own place, too; Xen takes it away from there for good.
//!
//! # Where to read on
//! [`Host`] and [`Builder`] come first, then [`Toolstack`] for suspends, [`Peer`] for a backend, [`Faults`] for what shall go
//! wrong. In the repository, `docs/testing.md` compares the mock with the real Xen.
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
mod daemons;
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
mod platform;
mod toolstack;
mod trace;
mod violation;
mod world;
mod xenstored;

pub use builder::Builder;
pub use config::{ControlNodes, Daemon, Device, FifoAbi, GrantOps, Kind, Leaves, Vendor};
pub use domain::{Reason, State};
pub use events::Delivery;
pub use grants::{MapError, MapMode};
pub use guest::{Guest, Hook, MockCpu};
pub use handles::{
    CallFault, Console, Dom0, Events, Faults, GrantFault, Holdings, Ledger, Store, StoreFault, Toolstack,
};
pub use handles::{Granted, Grants, InUse, Mapped, Peer, Trace};
pub use host::{Destroyed, Host};
pub use memory::recycled::recycled;
pub use platform::PlatformDevice;
pub use toolstack::{Destination, Operation, Outcome, Save};
pub use trace::{Call, Mark, Request};
pub use violation::{GrantMisuse, Violation};
pub use xenstored::tree::{Access, Permission};
pub use xenstored::wire::StoreOp;
pub use xenstored::{Offers, Quotas};
