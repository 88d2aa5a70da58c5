//! Shared-memory rings, front and back: slot rings and byte rings.
//!
//! # What it is for
//! A front and a back share a page and believe nothing that is in it.
//!
//! | ring | ends |
//! |---|---|
//! | slot rings, of block, network and most other devices | [`Front`] and [`Back`] |
//! | byte rings of xenstore and console | [`xenstore_front`], [`console_front`]: a [`ByteSender`] and a [`ByteReceiver`] |
//! | flex rings, of 9pfs and PV calls | [`flex_front`], [`flex_back`]: the same |
//! | a channel of libxenvchan | [`Vchan`] |
//!
//! A peer that breaks the protocol poisons one object, which from then on returns the same [`Misbehaved`] and reads nothing
//! more; everything outstanding comes back once through [`Front::abort_all`]. A [`Front`] parts into two halves for two CPUs
//! ([`Front::split`]), is drained ([`Front::quiesce`]), and what it had outstanding is submitted again on the ring that replaces
//! it ([`ReplaySet`]).
//!
//! # What you must supply
//! A [`SharedPage`](xen_hypercall::SharedPage) or several as [`SharedPages`](xen_hypercall::SharedPages), the event channel
//! that a [`Notify`] speaks of, and for a slot ring a [`Protocol`] and [`Requests`], the storage of what was asked. Protocols
//! of disks and network cards are in [`blkif`] and [`netif`]; that of another device is yours: the wire types, and where the
//! id lies in them. A ring, or half of one, is for one thread at a time; what runs beside a suspend belongs into a
//! section of your gate ([`IrqGate`](xen_hypercall::IrqGate)).
//!
//! # Example
//! ```
//! use xen_ring::blkif::{Access, Blkif, Disk, Request, Response, Sector, Transfer};
//! use xen_ring::blkif::{Segment, SegmentLimit, Segments, Status};
//! use xen_ring::{Back, Front, Notify, Requests, Slots};
//!
//! # let host = xen_mock::Host::builder().build();
//! # let (page, buffer) = (host.guest().page(), xen_hypercall::GrantRef(9));
//! let mut requests: Requests<Blkif, &str, 32> = Requests::new();
//! let mut front = Front::new(&page, Slots::FULL, &mut requests);
//! let segments = Segments::new(&[Segment::whole(buffer)])?;
//! let read = Transfer { access: Access::Read, disk: Disk(0), start: Sector(0), segments };
//! let slot = front.vacancy()?.expect("an empty ring");
//! slot.stage(<Blkif>::request(&Request::Transfer(read))?, "the boot sector");
//! assert_eq!(front.publish()?, Notify::Yes); // send the event
//!
//! // The other domain takes a copy of the request, and answers.
//! let mut back: Back<'_, Blkif> = Back::attach(&page, Slots::FULL)?;
//! let asked = <Blkif>::asked(&back.poll_request()?.expect("a request"), SegmentLimit::MAX);
//! let done = Response { id: asked.id, operation: asked.operation, status: Status::OKAY };
//! back.debt()?.expect("one is owed").stage(&<Blkif>::answer(&done));
//! assert_eq!(back.publish()?, Notify::Yes);
//!
//! let answer = front.poll_answer()?.expect("an answer");
//! assert_eq!(answer.payload, "the boot sector");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//! Bytes, here those of a xenstore page:
//! ```
//! # let host = xen_mock::Host::builder().build();
//! # let page = host.guest().page();
//! let (mut requests, _replies) = xen_ring::xenstore_front(&page)?;
//! let (_, mut daemon) = xen_ring::xenstore_back(&page)?;
//! assert_eq!(requests.send(b"ping")?, 4); // more than none: notify the peer
//! let mut got = [0; 16];
//! assert_eq!(daemon.receive(&mut got)?, 4);
//! assert_eq!(&got[..4], b"ping");
//! # Ok::<(), xen_ring::Misbehaved>(())
//! ```
//!
//! # What it does not do
//! It makes no hypercall, sends no event, grants no page, waits for nothing and reads no clock.
//!
//! # Where to read on
//! [`Front`], then [`Protocol`] for a device of your own. In the repository, `docs/rings.md` has the order of memory, draining and
//! replay, and the wire types; `SECURITY.md` what a hostile peer can do.
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
