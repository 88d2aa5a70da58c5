//! Grant tables: offer pages to another domain and take them back.
//!
//! # What it is for
//! [`Table::offer_read`] and [`Table::offer_write`] take a page and return an [`Offer`]; [`Offer::end`] gives the page back,
//! but never as long as the peer has it mapped. What is dropped while mapped is set aside, counted, and limited per peer.
//!
//! # What you must supply
//! A hook, places for the table's frames, the [`EpochCell`](xen_hypercall::EpochCell) that the suspend coordinator
//! advances, and storage: one [`Slot`] for each entry. With interrupts, a gate too.
//!
//! # Example
//! ```
//! use xen_grant::{Slot, Table};
//! use xen_hypercall::{DomId, EpochCell};
//!
//! # let host = xen_mock::Host::builder().build();
//! # let (xen, frame, page) = (host.guest().hook(), host.guest().page(), host.guest().page());
//! let (epoch, frames, slots) = (EpochCell::new(), [frame], [const { Slot::new() }; 512]);
//! let table = Table::new(&xen, &epoch, &frames, &slots);
//! table.rebuild()?;
//!
//! let offer = table.offer_write(page, DomId::DOM0).map_err(|error| error.refusal)?;
//! # let mapped = host.dom0().map(offer.reference(), xen_mock::MapMode::Write).unwrap();
//! // The backend maps offer.reference(): the page does not come back.
//! let offer = offer.end().unwrap_err().offer;
//! # drop(mapped);
//! // It has unmapped: now it does.
//! let page = offer.end().unwrap();
//! # let _ = page;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What it does not do
//! No version 2, no mapping or copying of other domains' pages, no transfers. A page in quarantine is lost to the guest; its
//! entry comes back when the peer lets go.
#![no_std]

mod account;
mod aside;
mod entries;
mod entry;
mod error;
mod frames;
mod ledger;
mod mapping;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
mod offer;
mod page;
mod pool;
mod queue;
mod rebuild;
mod shape;
mod slot;
mod sync;
mod table;
mod word;

pub use account::Account;
pub use aside::DEFAULT_CAP;
pub use entry::{Flags, RESERVED_ENTRIES};
pub use error::{OfferError, Refusal, StillMapped, TableError};
pub use ledger::{Hold, Holding, Ledger, Owner};
pub use mapping::{Backoff, CopyError, FlushError, Foreign, MapError, MapManyError, Mapping, UnmapError};
pub use offer::{Access, Offer, Read, Write};
pub use page::{Grantable, Page};
pub use pool::Pool;
pub use shape::Version;
pub use slot::Slot;
pub use table::Table;
