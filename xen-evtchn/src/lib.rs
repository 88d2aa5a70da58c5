//! Event channels: bind, mask, dispatch and wait, by bitmaps (2-level) or by queues (FIFO).
//!
//! # What it is for
//! [`Events`] is the table of a guest's ports; a [`BoundPort`] guards one of them and closes it when dropped, but never in
//! a later epoch: a number remembered from before a resume may be a stranger's port by then. One type serves both ABIs of Xen;
//! which one is in force is chosen at run time, again in each new domain ([`Events::choose`], [`Events::rebuild`]).
//!
//! | to | there is |
//! |---|---|
//! | handle an upcall | [`Events::dispatch`], with a budget; [`Events::poll_pending`] for one event at a time |
//! | do so on further processors | a [`Scanner`] each, [`Events::join`], [`Events::dispatch_on`] |
//! | have upcalls made | a [`Delivery`]: [`VcpuVector`], [`CallbackVector`], [`CallbackLine`], [`Ppi`] |
//! | keep a peer's storm off | [`LatePort`]: masked while its events are served, and longer if there was nothing to serve |
//! | wait for one port | [`BoundPort::wait`] by the embedder's [`Sleep`], [`BoundPort::poll_until`] by Xen, [`BoundPort::event`] as a future |
//! | go on after a resume | [`Events::rebuild`] in a new domain, [`Events::reconcile`] in the same one |
//!
//! # What you must supply
//! A hook, the mapped [`SharedInfo`](xen_hypercall::SharedInfo), the [`EpochCell`](xen_hypercall::EpochCell) that the
//! suspend coordinator advances, and storage: one [`Slot`] for each port number. With interrupts, a gate too. For the FIFO ABI
//! pages ([`Fifo`]), for futures one [`Sleeper`] for each port number.
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
//! events.wait(&[port.number()], None)?; // or halt, until the upcall
//! let served = events.dispatch(64, |came| assert_eq!(came, port.number()));
//! assert_eq!(served, 1);
//!
//! epoch.advance(); // the suspend coordinator does, in a new domain
//! assert!(port.notify().is_err());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//! The same by queues, with the pages that they take:
//! ```
//! # use xen_evtchn::{Abi, Events, Fifo, Slot};
//! # use xen_hypercall::{EpochCell, SharedInfo, op::event_channel::ControlBlock, op::memory};
//! # let host = xen_mock::Host::builder().build();
//! # let xen = host.guest().hook();
//! # let (epoch, info) = (EpochCell::new(), SharedInfo::new(host.guest().page()));
//! # memory::map_shared_info(&xen, info.page())?;
//! # let (words, controls) = ([host.guest().page()], host.guest().page());
//! # let slots = [const { Slot::new() }; 32];
//! let control = ControlBlock::new(&controls, 0).expect("a place in the page");
//! let events = Events::new(&xen, &epoch, &info, &slots).with_fifo(Fifo::new(&words, control));
//! assert_eq!(events.choose()?, Abi::Fifo); // or 2-level, where Xen has no other
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it does not do
//! It has no table of handlers: it names the port, and the owner of the guard knows its number. It maps no page, routes no
//! interrupt, and binds no physical one ([`bind_pirq`](xen_hypercall::op::event_channel::bind_pirq) does).
//!
//! # Where to read on
//! [`Events`] and [`BoundPort`] come first; [`Delivery`] compares the kinds of interrupts. In the repository, `docs/porting.md` has the
//! interrupt handler of a kernel, with one processor and with several.
#![no_std]

mod abi;
mod bind;
mod bits;
mod claim;
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
mod sync;
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

/// What is done to words that Xen changes, too, and what is loom's then: for the models of `tests/loom.rs`.
#[doc(hidden)]
pub mod model {
    pub use crate::bits::{Bit, claim};
    pub use crate::fifo::{Ahead, Next, Queues, Shared, Step, Unmasked, Whose, take_pending, unmask};
    #[cfg(loom)]
    pub use crate::sync::{AtomicBool, AtomicU8, AtomicU64, Bitmaps, Lack, lack};
    pub use crate::word::Word;
}
