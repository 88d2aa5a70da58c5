//! Grants: the guest's table as Xen reads it, what peers do with it, and what peers grant to the guest.
//!
//! Written from `grant_table.h`; where the header leaves open which status a wrong use is given, Xen's own answer is taken.

mod active;
mod entry;
mod foreign;
mod peers;
mod refusal;
pub(crate) mod status;
mod swap;
mod table;
mod tracks;
mod usage;
mod version;
mod watch;

pub use peers::{MapError, MapMode};

pub(crate) use entry::{Content, Version};
pub(crate) use foreign::{Foreign, Shape};
pub(crate) use peers::{Mapping, Peers};
pub(crate) use refusal::Refusal;
pub(crate) use table::{GrantTable, Limits, RESERVED};
pub(crate) use tracks::{Track, Tracks};

use xen_hypercall::DomId;

/// Who uses a grant, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) domain: DomId,
    pub(crate) mode: MapMode,
}
