//! How the tests of packets say a slot, both ways.
#![allow(unreachable_pub, reason = "part of two tests")]

pub use Said::{Info, Part as P};
pub use proptest::prelude::*;
pub use xen_hypercall::GrantRef;
pub use xen_ring::netif::{
    BadExtra, BadPacket, Extra, FragmentLimit, Gso, GsoType, Link, Links, Lost, Mac, MulticastChange, Packet, Part,
    Status, Want, Xdp,
};
pub use zerocopy::{FromBytes as _, IntoBytes as _};

/// More parts follow.
pub const MORE: u16 = 4;
/// An extra info follows.
pub const EXTRA: u16 = 8;

/// Of a part its offset, flags, and length or status; of an extra info, its bytes.
#[derive(Debug, Clone, Copy)]
pub enum Said<L> {
    Part(u16, u16, L),
    Info([u8; 8]),
}
