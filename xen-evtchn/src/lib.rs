//! Event channels: bind, mask, scan, dispatch and wait, in the 2-level ABI.
//!
//! # What it is for
//! [`Events`] is the table of a guest's ports; a [`BoundPort`] guards one of them and closes it when dropped, but never in
//! a later epoch: a number remembered from before a resume may be a stranger's port by then. [`Events::poll_pending`]
//! is the body of an upcall handler; [`Events::wait`] serves a guest that has none. Each further processor has a
//! [`Scanner`], and [`Events::poll_pending_on`] names the ports that are its own.
//!
//! # What you must supply
//! A hook, the mapped [`SharedInfo`](xen_hypercall::SharedInfo), the [`EpochCell`](xen_hypercall::EpochCell) that the
//! suspend coordinator advances, and storage: one [`Slot`] for each port number. With interrupts, a gate too.
//!
//! # Example
//! ```
//! use xen_evtchn::{Events, Slot};
//! use xen_hypercall::{DomId, EpochCell, SharedInfo, op::memory};
//!
//! # let host = xen_mock::Host::builder().build();
//! # let (xen, page) = (host.guest().hook(), host.guest().page());
//! let (epoch, info) = (EpochCell::new(), SharedInfo::new(page));
//! memory::map_shared_info(&xen, info.page())?;
//! let slots = [const { Slot::new() }; 32];
//! let events = Events::new(&xen, &epoch, &info, &slots);
//! events.mask_all();
//!
//! let port = events.alloc_unbound(DomId::DOM0)?;
//! # let backend = host.dom0().bind(port.number()).unwrap();
//! port.unmask()?;
//! port.notify()?;
//! # host.dom0().notify(backend);
//! events.wait(&[port.number()], None)?;
//! assert_eq!(events.poll_pending(), Some(port.number()));
//!
//! epoch.advance(); // the suspend coordinator does, in a new domain
//! assert!(port.notify().is_err());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it does not do
//! No FIFO event channels. It dispatches to nobody: it names the port, and the owner of the
//! guard knows its number. It maps no page.
#![no_std]

mod abi;
mod bind;
mod bits;
mod delivery;
mod dispatch;
mod error;
mod events;
mod fifo;
mod late;
mod port;
mod resume;
mod scan;
mod sleeper;
mod slot;
mod two_level;
mod word;

pub use bits::MAX_PORTS;
pub use delivery::{Acknowledge, CallbackLine, CallbackVector, Delivery, Ppi, Trigger, VcpuVector};
pub use error::{BindError, CloseError, PortError};
pub use events::Events;
pub use fifo::{Abi, AbiError, Fifo, MAX_FIFO_PORTS};
pub use late::{Late, LatePort, Patience, Taken};
pub use port::BoundPort;
pub use scan::Scanner;
pub use sleeper::{Event, Sleep, Sleeper};
pub use slot::Slot;

/// What is done to words that Xen changes, too: for the models of `tests/loom.rs`.
#[doc(hidden)]
pub mod model {
    pub use crate::bits::{Bit, claim};
    pub use crate::fifo::{Queues, Shared, Step, Unmasked, take_pending, unmask};
    pub use crate::word::Word;
}
