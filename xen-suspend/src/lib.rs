//! Decides what a guest does when it is saved, checkpointed, restored or migrated, and in which order.
//!
//! # What it is for
//! A toolstack asks a guest to suspend; the guest may refuse, fail at any step, be called off, come back in the same domain
//! or in a new one. [`SuspendCoordinator`] is the state machine that takes all of this: requests and their
//! acknowledgement, deadlines, the fence of xenstore, the rendezvous, the call, the class of the resume ([`Class`]), the
//! rebuild in its fixed order ([`Stage`]), reconnection, and the way back from every step.
//!
//! # What you must supply
//! The effects, by small traits: [`Clock`], [`Policy`], [`OsQuiesce`], [`VcpuPark`], [`ArchOps`], [`Control`], a
//! [`CoreService`] each for what Xen forgets, a [`DeviceSuspend`] each for your devices, an [`Observer`]. For the services
//! of this family they are ready in [`services`]. With several processors, [`Rendezvous`] is the barrier at which the others
//! wait. [`Runner`] is the loop, or with [`Runner::step`] a step of it, for a
//! driver that is called back. A simulator drives [`SuspendCoordinator::poll`] and
//! [`SuspendCoordinator::handle`] itself.
//!
//! # Example
//! A guest with one processor, moved to another host; without [`services`] each member of the embedder is yours.
//! ```
//! # use std::cell::RefCell;
//! # use xen_evtchn::Events;
//! # use xen_hypercall::op::{hvm, memory};
//! # use xen_hypercall::{Clock, EpochCell, Nanos, NoGate, SharedInfo};
//! # use xen_mock::{Destination, Host, Outcome as Ended, Save};
//! # use xen_store::{Core, PortLink, Store};
//! # use xen_suspend::services::{
//! #     Canary, ClockService, EventService, Features, GrantService, Platform, SoleVcpu, StoreControl, StoreService, XenArch,
//! # };
//! # use xen_suspend::{
//! #     Blind, Deadlines, Embedder, Fatal, OsQuiesce, Outcome, Refusal, Runner, SuspendCoordinator, Willing,
//! # };
//! # struct Os<'e, H: xen_hypercall::Hypercall>(&'e Events<'e, H>);
//! # impl<H: xen_hypercall::Hypercall> OsQuiesce for Os<'_, H> {
//! #     fn freeze(&mut self) -> Result<(), Refusal> { Ok(()) }
//! #     fn thaw(&mut self) {}
//! #     fn wait(&mut self, _: Nanos) {}
//! # }
//! # struct Machine;
//! # impl Platform for Machine {
//! #     fn moved(&mut self) {}
//! #     fn last_words(&mut self, fatal: Fatal) { panic!("{fatal}") }
//! # }
//! # let host = Host::builder().build();
//! # let (guest, xen) = (host.guest(), host.guest().hook());
//! # let (epoch, canary, info) = (EpochCell::new(), Canary::new(), SharedInfo::new(guest.page()));
//! # memory::map_shared_info(&xen, info.page())?;
//! # let (ports, entries) = ([const { xen_evtchn::Slot::new() }; 64], [const { xen_grant::Slot::new() }; 64]);
//! # let events = Events::new(&xen, &epoch, &info, &ports);
//! # let clock = Clock::new(guest.cpu(), &info);
//! # let frames = [guest.page()];
//! # let grants = xen_grant::Table::new(&xen, &epoch, &frames, &entries);
//! # grants.rebuild()?;
//! # let mut event_service = EventService::start(&events, hvm::callback_vector(0xF3), &canary)?;
//! # let link = PortLink::new(&events, &clock);
//! # link.connect()?;
//! # let (ring, mut core) = (guest.map(xen_store::ring_gfn(&xen)?), Core::<4, 4>::new());
//! # let store = RefCell::new(Store::attach(&ring, &mut core, &link)?);
//! let mut coordinator = SuspendCoordinator::new([], Deadlines::default()); // a slot a device
//! let embedder = Embedder {
//!     clock: &clock,
//!     epoch: &epoch,
//!     policy: &mut Willing,
//!     os: &mut Os(&events),                            // yours: impl OsQuiesce
//!     park: &mut SoleVcpu,
//!     arch: &mut XenArch::new(&xen, &canary, Machine), // yours: impl Platform
//!     control: &mut StoreControl::start(&store, Features)?,
//!     core: &mut [
//!         &mut event_service,
//!         &mut GrantService(&grants),
//!         &mut ClockService(&clock),
//!         &mut StoreService::new(&store, &ring),
//!     ],
//!     devices: &mut [],                                // yours: impl DeviceSuspend
//!     observer: &mut Blind,
//! };
//! let mut runner = Runner::new(&mut coordinator, embedder, &NoGate);
//! # let move_it = host.toolstack().save(Save::Restore(Destination::default()));
//! let before = epoch.now();
//! while host.state() == xen_mock::State::Running {
//!     assert_eq!(runner.run(), Outcome::Idle);         // serves a request, if there is one
//!     # if host.toolstack().outcome(move_it).is_some() { break; }
//!     let until = guest.system_time().after(Nanos::from_millis(10));
//!     events.wait(&[], Some(until))?;                  // or halt, until the upcall
//! }
//! assert_ne!(epoch.now(), before); // all of the old domain is void, and was made anew
//! # assert!(matches!(host.toolstack().outcome(move_it), Some(Ended::Restored(_))));
//! # host.check().unwrap();
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it does not do
//! It makes no hypercall but through your [`ArchOps`], saves no device state, and knows no driver.
//!
//! # Where to read on
//! [`Runner`] and [`Embedder`] for the loop, [`DeviceSuspend`] for a driver, [`services`] for what is ready. In the
//! repository, `docs/suspend.md` tells how a guest suspends and what becomes of it when a step fails, and `docs/porting.md` how a
//! kernel, or a driver in somebody else's operating system, embeds this crate.
#![no_std]
#![forbid(unsafe_code)]

mod answer;
mod class;
mod control_word;
mod coordinator;
mod deadlines;
mod event;
mod failure;
mod hooks;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
mod poll;
mod rendezvous;
mod runner;
#[cfg(feature = "services")]
pub mod services;
mod slot;
mod state;
mod sync;

pub use class::{CallResult, Class, Witness, Witnesses};
pub use control_word::{ControlWord, Unknown};
pub use coordinator::SuspendCoordinator;
pub use deadlines::Deadlines;
pub use event::{Ack, Action, Ending, Event, Resumed};
pub use failure::{Abort, Fatal, Refusal};
pub use hooks::{
    ArchOps, Blind, Clock, Control, CoreService, Dark, DeviceSuspend, Observer, OsQuiesce, Policy, Stage, VcpuPark,
    Willing,
};
pub use rendezvous::{Duty, NoSeat, Order, Rendezvous, Seat};
pub use runner::{Embedder, Outcome, Runner, Step};
pub use slot::{DeviceSlot, DeviceSlots, Progress};
pub use state::State;
