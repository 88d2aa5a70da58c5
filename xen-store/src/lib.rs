//! A xenstore client for any guest: a sans-IO core and a blocking facade, with transactions, watches, and suspend.
//!
//! # What it is for
//! A guest finds its devices, talks to their backends and learns of a suspend through xenstore. [`Store`] waits for its
//! answers; [`Core`] is the same session without input or output, for an embedder with an event loop. Both keep their
//! watches through every resume, end every request of a connection that is over, and take nothing from the server on
//! trust: every wait has a deadline, every buffer a size, every answer is matched by id and checked before it is used.
//!
//! # What you must supply
//! The page of the store as a [`SharedPage`](xen_hypercall::SharedPage), a place for the [`Core`] (4240 bytes a request in
//! flight, 464 a watch, 4568 besides), and a [`Link`], the event port and a clock: [`PortLink`] is ready. [`Nodes`] has what
//! can be done with nodes; bring it into scope.
//!
//! A program of the control domain supplies nothing but the feature `std`: its `SocketStore` is a [`Store`] over the Unix
//! socket of the server (`examples/xenstore-ls.rs`).
//!
//! # Example
//! ```
//! use xen_store::{Attempts, Core, Nodes, Path, PortLink, Store};
//!
//! # use xen_hypercall::op::memory;
//! # let host = xen_mock::Host::builder().name("tested").build();
//! # let (guest, xen) = (host.guest(), host.guest().hook());
//! # let (epoch, info) = (xen_hypercall::EpochCell::new(), xen_hypercall::SharedInfo::new(guest.page()));
//! # memory::map_shared_info(&xen, info.page())?;
//! # let slots = [const { xen_evtchn::Slot::new() }; 32];
//! # let events = xen_evtchn::Events::new(&xen, &epoch, &info, &slots);
//! # events.mask_all();
//! # let clock = xen_hypercall::Clock::new(guest.cpu(), &info);
//! # let map = |gfn| guest.map(gfn);
//! let link = PortLink::new(&events, &clock);
//! link.connect()?;
//! let page = map(xen_store::ring_gfn(&xen)?); // a frame that the toolstack chose
//! let mut core: Core = Core::new();
//! let mut store = Store::attach(&page, &mut core, &link)?;
//!
//! assert_eq!(store.read(Path::literal("name"), &mut [0; 64])?, b"tested");
//! let seen = store.watch(Path::literal("data/seen"))?;
//! store.transaction(Attempts(3), |nodes| {
//!     let domain = nodes.read_number(Path::literal("domid"))?;
//!     nodes.write(Path::literal("data/seen"), if domain == 1 { b"first" } else { b"later" })
//! })?;
//! assert_eq!(host.store().read("data/seen").as_deref(), Some("first"));
//! // An event is a hint to read again what is watched.
//! assert_eq!(store.poll_event()?.map(|event| event.watch), Some(seen));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Across a suspend
//! Before: [`Store::fence`]. Cancelled: [`Store::unfence`], and no message at all. In a new domain: the new port to the
//! link, [`Store::rebuild`], [`Store::reregister`], [`Store::unfence`]. Where it is unclear whether the server remembers:
//! the same without `rebuild`.
//!
//! # For tasks
//! [`future::Client`] puts a [`Store`] among the tasks of an executor, whichever that is: they ask at the same time, and a
//! future that is dropped gives up what it asked for. [`Store::pipeline`] asks many things at once without any.
//!
//! # What it does not do
//! It allocates nothing, and retries nothing but transactions and lists that change while they are read. It does not connect a
//! broken ring anew by itself: all watches and transactions go with that, so it is up to the embedder, by
//! [`Store::reconnect`] where the server offers it. An answer that never comes keeps its slot until a later one was answered
//! or the connection is replaced.
//!
//! # Where to read on
//! [`Store`] and [`Nodes`] for a guest with one thread, [`future`] for tasks, [`Connection`] for the greeting of a device's two
//! ends. In the repository, `docs/porting.md` has the store's place in a kernel.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

mod argument;
mod blocking;
mod body;
mod decode;
mod depth;
mod engine;
mod error;
mod event;
mod exchange;
pub mod future;
mod kind;
mod link;
mod names;
mod nodes;
mod outgoing;
mod parser;
mod part;
mod path;
mod path_buf;
mod permission;
mod pipeline;
mod port_link;
mod refusal;
mod reply;
mod request;
mod seen;
mod slot;
#[cfg(all(feature = "std", unix))]
mod socket;
mod special;
mod text;
mod transaction;
mod transport;
mod watch;
mod watchdog;
mod wire;
mod xenbus;

pub use argument::Argument;
pub use blocking::{Attempts, Store, Watching, Within};
pub use decode::number;
pub use depth::Depth;
pub use engine::{Core, Counters};
pub use error::{Fault, Reject, StoreError};
pub use event::{BELOW_MAX, Place, WatchEvent, WatchId};
pub use kind::MessageType;
pub use link::Link;
pub use names::Names;
pub use nodes::Nodes;
pub use parser::Parser;
pub use part::{Listed, Listing, Part};
pub use path::{BadPath, Path};
pub use path_buf::PathBuf;
pub use permission::{Access, Permission, Permissions};
pub use pipeline::{Pipeline, Requests};
pub use port_link::{HostLink, LinkError, PortLink, ring_gfn};
pub use refusal::{ERROR_NAME_MAX, ErrorName, Refusal};
pub use reply::{Answer, Reply, Ticket};
pub use request::Request;
#[cfg(all(feature = "std", unix))]
pub use socket::{Socket, SocketStore};
pub use special::Special;
pub use transaction::{End, EndError, Transaction};
pub use transport::{Ring, Transport};
pub use watch::{WATCHED_PATH_MAX, WatchStatus};
pub use wire::{ABSOLUTE_PATH_MAX, HEADER_SIZE, Header, MESSAGE_MAX, PAYLOAD_MAX, RELATIVE_PATH_MAX};
pub use xen_ring::StoreFeatures as Features;
pub use xenbus::{Connection, Device, OtherEnd, Phase, Side, Unfit, XenbusError, XenbusState};
