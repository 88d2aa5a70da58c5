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
//! ```
//! use xen_hypercall::Nanos;
//! use xen_suspend::{Action, ControlWord, Deadlines, Event, Refusal, State, SuspendCoordinator};
//!
//! let mut coordinator = SuspendCoordinator::new([], Deadlines::default());
//! coordinator.handle(Nanos::ZERO, Event::Word(ControlWord::Suspend));
//! assert_eq!(coordinator.poll(), Action::Admit);
//! // The policy refuses: nothing is acknowledged, and the guest goes on.
//! coordinator.handle(Nanos::ZERO, Event::Admitted(Err(Refusal::Policy)));
//! assert!(matches!(coordinator.poll(), Action::Finish(_)));
//! ```
//!
//! # What it does not do
//! It makes no hypercall but through your [`ArchOps`], saves no device state, and knows no driver.
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
