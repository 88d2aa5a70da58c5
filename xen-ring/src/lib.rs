//! Shared-memory rings, front and back: slot rings and byte rings.
//!
//! # What it is for
//! A front and a back share a page and believe nothing that is in it. [`Front`] and [`Back`] speak the slot rings of
//! block, network and most other devices; [`ByteSender`] and [`ByteReceiver`] speak the byte rings of xenstore, console and
//! the flex rings of 9pfs and PV calls ([`flex_front`]); [`Vchan`] is an end of a channel of libxenvchan. A peer that breaks the protocol poisons one object, which from then on returns the same [`Misbehaved`] and
//! reads nothing more; everything outstanding comes back once through [`Front::abort_all`].
//!
//! A [`Front`] parts into two halves for two CPUs ([`Front::split`]), is drained ([`Front::quiesce`]), and what it had
//! outstanding is submitted again on the ring that replaces it ([`ReplaySet`]).
//!
//! # What you must supply
//! A [`SharedPage`](xen_hypercall::SharedPage) or several as [`SharedPages`](xen_hypercall::SharedPages), the event channel
//! that a [`Notify`] speaks of, and for a slot ring a [`Protocol`] and [`Requests`], the storage of what was asked. Protocols
//! of disks and network cards are in [`blkif`] and [`netif`]; that of another device is yours: the wire types, and where the
//! id lies in them. A ring, or half of one, is for one thread at a time; what runs beside a suspend belongs into a gate
//! section.
//!
//! # Example
//! ```
//! use xen_hypercall::{Gfn, SharedPage};
//! use xen_ring::{xenstore_back, xenstore_front};
//!
//! #[repr(align(4096))]
//! struct Page([u8; 4096]);
//!
//! let memory = core::ptr::NonNull::from(Box::leak(Box::new(Page([0; 4096]))));
//! // Safe, for it is leaked, aligned, zeroed, and reached through this value alone.
//! let page = unsafe { SharedPage::new(memory.cast(), Gfn(7)) };
//!
//! let (mut requests, _replies) = xenstore_front(&page)?;
//! let (_, mut daemon) = xenstore_back(&page)?;
//! assert_eq!(requests.send(b"ping")?, 4); // more than none: notify the peer
//! let mut got = [0; 16];
//! assert_eq!(daemon.receive(&mut got)?, 4);
//! assert_eq!(&got[..4], b"ping");
//! # Ok::<(), xen_ring::Misbehaved>(())
//! ```
//!
//! # What it does not do
//! It makes no hypercall, sends no event, grants no page, waits for nothing and reads no clock.
#![no_std]

mod at;
mod back;
pub mod blkif;
mod bytes;
mod complete;
mod ends;
mod entry;
mod flex;
mod front;
mod index;
mod layout;
mod misbehaved;
pub mod netif;
mod notify;
mod outstanding;
mod peer;
mod protocol;
mod quiesce;
mod replay;
mod slot;
mod store_page;
mod stream;
mod submit;
mod sync;
mod table;
mod track;
mod vchan;
mod words;

#[doc(hidden)]
pub use at::At;
pub use back::{Back, Debt};
pub use bytes::{ByteReceiver, ByteSender};
pub use complete::{Answer, Complete};
pub use ends::{Bytes, console_back, console_front, xenstore_back, xenstore_front};
pub use flex::{FlexOrder, UnsupportedOrder, flex_accept, flex_back, flex_front, flex_offer};
pub use front::Front;
pub use layout::{Layout, console, xenstore};
pub use misbehaved::Misbehaved;
pub use notify::{More, Moved, Notify};
pub use outstanding::{Outstanding, Unanswered};
pub use protocol::{Protocol, RequestId};
pub use quiesce::{Drain, Quiesced};
pub use replay::{Policy, Replay, ReplaySet, Undrained};
pub use slot::{MAX_ORDER, Slots};
pub use store_page::{StoreConnection, StoreFeatures, StoreWords};
pub use submit::{Submit, Vacancy};
#[cfg(loom)]
#[doc(hidden)]
pub use sync::{Passing, model};
pub use table::Requests;
pub use vchan::{BadShape, Transfer, Vchan, VchanMemory, VchanPeer, VchanShape};
#[doc(hidden)]
pub use words::{Area, Flags, Word, Words};
