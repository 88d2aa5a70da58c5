//! Grant tables: offer pages to another domain and take them back, and reach what others offer.
//!
//! # What it is for
//! [`Table::offer_read`] and [`Table::offer_write`] take a page and return an [`Offer`]; [`Offer::end`] gives the page back, but
//! never as long as the peer has it mapped. What is dropped while mapped goes to quarantine, counted, and limited for each peer;
//! [`Table::poll_quarantine`] gives the page back when the peer has let go. A queue of many requests has a [`Pool`] of
//! entries for itself. [`Table::account`] offers in the name of an [`Owner`], and [`Table::holdings`] tells who holds what.
//!
//! [`Table::map_read`] and [`Table::map_write`] map pages that others offer to us, as [`Mapping`] guards; [`Table::copy`] has Xen copy
//! without mapping.
//!
//! # What you must supply
//! A hook, places for the table's frames, the [`EpochCell`](xen_hypercall::EpochCell) that the suspend coordinator
//! advances, and storage: one [`Slot`] for each entry. With interrupts, a gate too; for version 2, places for the status
//! words ([`Table::with_status`]). Pages of your own are [`SharedPage`](xen_hypercall::SharedPage) or
//! [`LentPage`](xen_hypercall::LentPage), places for foreign ones [`Hole`](xen_hypercall::Hole).
//!
//! # Example
//! ```
//! use xen_grant::{Owner, Pool, Slot, Table};
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
//!
//! // A queue of a disk: the same, by entries of its own.
//! let mut pool: Pool<'_> = table.account(Owner(1)).pool(DomId::DOM0)?;
//! let offer = pool.offer_read(page).map_err(|error| error.refusal)?;
//! # let mapped = host.dom0().map(offer.reference(), xen_mock::MapMode::Read).unwrap();
//! // Dropped too early, the page is in quarantine until the backend has let go.
//! drop(offer);
//! assert!(table.poll_quarantine(1).is_none());
//! # drop(mapped);
//! assert!(table.poll_quarantine(1).is_some());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # After a suspend
//! [`Table::rebuild`] in a new domain: all offers and mappings of before are void, pages come back at once, and the table is as
//! large as Xen lets it be. [`Table::reconcile`] in the old one: all is as it was. The coordinator's `GrantService` of
//! `xen-suspend` calls the right one.
//!
//! # What it does not do
//! No transfers, no grants of parts of a page, none handed on (transitive): those have had the most holes in Xen. No mapping
//! in PV guests. It cannot find out that Xen forgot a mapping (XSA-230): a page whose bytes must never be seen has them
//! overwritten before it is used for anything else.
//!
//! # Where to read on
//! [`Table`] for offers, [`Mapping`] for the pages of others, [`Pool`] for a queue. In the repository, `docs/porting.md` has the
//! table's place in a kernel, and `SECURITY.md` what a hostile peer can do with a page that it was given.
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
