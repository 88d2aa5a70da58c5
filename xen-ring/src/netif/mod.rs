//! The network protocol: packets in chains of slots, and the control ring.
//!
//! A packet takes one slot for each [`Part`] of a page that it lies in, and one for each [`Extra`] info, which stands between
//! the first part and the others. A slot does not say what it is: that is known from the flags of the one before it. So
//! packets are read by [`Links`], an iterator with a bound, and each slot is given back with what was kept for it, also
//! those of a packet that is malformed.
//!
//! | ring | protocol | front | back |
//! |---|---|---|---|
//! | transmit | [`tx::Tx`] | [`tx::packet`] makes slots | [`Back::packet`](crate::Back::packet) reads them |
//! | receive | [`rx::Rx`] | [`Front::packet`](crate::Front::packet) reads them | [`rx::packet`] makes slots |
//! | control | [`control::Control`] | [`control::Ask`] | [`control::Ask`] |
//!
//! ```
//! use xen_hypercall::GrantRef;
//! use xen_ring::netif::rx::{self, Flags, Rx};
//! use xen_ring::netif::{Extra, FragmentLimit, Links, Part, Xdp};
//!
//! let (parts, extras) = ([Part::WHOLE, Part::new(0, 60).unwrap()], [Extra::Xdp(Xdp { headroom: 64 })]);
//! let buffer = rx::Request::new(GrantRef(7)); // in truth each slot answers a buffer of its own
//! let mut slots = rx::packet(Flags::CSUM_BLANK, &parts, &extras, FragmentLimit::MIN)?.map(|piece| piece.to(&buffer));
//!
//! let mut links = Links::<Rx, _>::new(FragmentLimit::MIN, |_| Ok::<_, ()>(slots.next().map(|slot| (slot, "kept"))));
//! assert_eq!(links.by_ref().count(), 3);
//! assert_eq!(links.finish().unwrap()?.length, 4096 + 60);
//! # Ok::<(), xen_ring::netif::BadPacket>(())
//! ```
//!
//! # What it does not do
//! It does not look into packets: checksum flags, hash and segment sizes are hints of the peer's. The nodes of xenstore
//! (features, queues, addresses) are the frontend's.
//!
//! # Xen
//! `io/netif.h`.

mod bad;
mod chain;
pub mod control;
mod extra;
mod extras;
mod hash;
mod links;
mod order;
mod part;
pub mod rx;
mod status;
pub mod tx;

use crate::RequestId;

pub use bad::BadPacket;
pub use chain::{Direction, FragmentLimit, Packet, Want};
pub use extra::{BadExtra, Extra, ExtraInfo, Gso, GsoType, Mac, MulticastChange, Xdp};
pub use extras::Extras;
pub use hash::{Algorithm, Hash, HashType, HashTypes};
pub use links::{Link, Links, Next, Taken};
pub use part::Part;
pub use status::{Lost, Status};

/// Returns an id as the slots have it: ids of network rings have 16 bits.
fn low(RequestId(id): RequestId) -> u16 {
    let [a, b, ..] = id.to_le_bytes();
    u16::from_le_bytes([a, b])
}
