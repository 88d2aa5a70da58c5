//! `grant_table_op`: sharing pages between domains (`grant_table.h`).
//!
//! Operations on many blocks fill in a status a block: [`GrantStatus::UNWRITTEN`] until Xen writes it, and only 0 is success.

mod copy;
mod flush;
mod frames;
mod map;
mod size;
mod status;
mod swap;
mod unmap;
mod version;

pub use copy::{BadSpan, Copy, Place, copy};
pub use flush::{Flush, cache_flush};
pub use frames::{UNLISTED, setup_table, status_frames};
pub use map::{BusAddr, GrantHandle, Map, MapMode, Mapped, map};
pub use size::{Size, query_size};
pub use status::{GrantError, GrantStatus};
pub use swap::{Swap, swap};
pub use unmap::{Unmap, unmap};
pub use version::{set_version, version};
