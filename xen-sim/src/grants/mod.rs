//! A grant table in use, and peers that map what they are offered, hold it, copy, die, and are replaced; on a host whose
//! hypercalls fail, and that the guest leaves for another.
//!
//! [`Run`] does what it is told, one [`Act`] at a time, and holds each outcome against books of its own, written from what the
//! documentation promises, and against what the mock host knows. The guest's private pages are full of one byte: no
//! peer may ever see it, nor overwrite it.

mod act;
mod book;
mod foreign;
mod held;
mod pages;
mod peers;
mod resume;
mod run;
mod site;
mod verdict;

pub use act::{Act, Ask, Fault, How, Pooling, Resume, Unmap, Way};
pub use run::{Run, Sum};
pub use site::{Shape, Site};

/// Peers: dom0, and two domains whose numbers the guest never gets.
pub const PEERS: [xen_hypercall::DomId; 3] =
    [xen_hypercall::DomId(0), xen_hypercall::DomId(30000), xen_hypercall::DomId(30001)];
/// Pages that a peer may have in quarantine, and all peers together.
const CAP: u32 = 2;
const TOTAL_CAP: u32 = 3;
