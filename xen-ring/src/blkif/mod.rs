//! The block protocol: what the front asks of a disk, and what the back answers.
//!
//! [`Request`] is what is asked, checked and private; it is also what a front keeps with each request, to ask again. A slot
//! of the ring is one of three layouts, by [`Abi`]: [`X86_64`], [`X86_32`], and [`Native`], which is that of this machine. A
//! front speaks [`Native`]; a back speaks the one that its front names.
//!
//! ```
//! use xen_hypercall::GrantRef;
//! use xen_ring::blkif::{Blkif, Access, Disk, Request, Sector, SegmentLimit, Segment, Segments, Transfer, X86_32};
//!
//! let read = Request::Transfer(Transfer {
//!     access: Access::Read,
//!     disk: Disk(51712),
//!     start: Sector(8),
//!     segments: Segments::new(&[Segment::whole(GrantRef(7))])?,
//! });
//! let slot = Blkif::<X86_32>::request(&read)?; // `Front::vacancy`, `Vacancy::stage`
//! assert_eq!(Blkif::<X86_32>::asked(&slot, SegmentLimit::MAX).what, Ok(read));
//! # Ok::<(), xen_ring::blkif::BadRequest>(())
//! ```
//!
//! # What it does not do
//! Of a disk it knows what stands in the slots. The nodes of xenstore (capacity, sector size, features) are the frontend's.
//!
//! # Xen
//! `io/blkif.h`.

mod abi;
mod answer;
mod codec;
mod indirect;
mod info;
mod request;
mod sector;
mod segment;
mod x86_32;
mod x86_64;

pub use abi::{Abi, Asked, AskedFor, Blkif, Native};
pub use answer::{IoError, Response, Status};
pub use indirect::{Indirect, SEGMENTS_IN_PAGE, SegmentLimit};
pub use info::Info;
pub use request::{Access, BadRequest, Discard, DiscardFlags, Disk, Operation, Request, Transfer};
pub use sector::{SECTOR_SIZE, Sector, Sectors};
pub use segment::{BadSegment, MAX_SEGMENTS, Segment, Segments};
pub use x86_32::X86_32;
pub use x86_64::X86_64;

/// Slots and answers as they lie in the ring.
pub mod wire {
    pub use super::x86_32::{Answer as Answer32, Slot as Slot32};
    pub use super::x86_64::{Answer as Answer64, Slot as Slot64};
}
