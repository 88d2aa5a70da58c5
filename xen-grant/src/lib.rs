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
//! use xen_grant::{Offer, OfferError, Table, Write};
//! use xen_hypercall::{DomId, Hypercall, SharedPage};
//!
//! fn share<'t, H: Hypercall>(table: &'t Table<'t, H>, page: SharedPage) -> Result<Offer<'t, Write>, OfferError> {
//!     page.zero();
//!     table.offer_write(page, DomId::DOM0)
//! }
//! ```
//!
//! # What it does not do
//! No version 2, no mapping or copying of other domains' pages, no transfers. A page in quarantine is lost to the guest; its
//! entry comes back when the peer lets go.
#![no_std]

mod entries;
mod entry;
mod error;
mod free;
mod offer;
mod table;

pub use entry::{ENTRIES_PER_FRAME, Flags, RESERVED_ENTRIES};
pub use error::{OfferError, Refusal, StillMapped, TableError};
pub use free::{Ledger, Slot};
pub use offer::{Access, Offer, Read, Write};
pub use table::{DEFAULT_CAP, Table};
