//! Extra infos: what is said of a packet beside its bytes.

use core::fmt;
use core::num::NonZeroU16;

use zerocopy::{FromBytes, Immutable, IntoBytes, transmute};

use super::hash::{Algorithm, Hash, HashType};

/// What is said of a packet beside its bytes; a hint of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// How it is to be cut into segments.
    Gso(Gso),
    /// An address to begin or to stop listening to; the packet itself may be empty.
    Multicast(MulticastChange, Mac),
    /// Its hash.
    Hash(Hash),
    /// How much room is in front of it.
    Xdp(Xdp),
}

/// How a packet is to be cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gso {
    /// Bytes of payload of a segment.
    pub size: NonZeroU16,
    /// By which protocol.
    pub kind: GsoType,
    /// Further features, of which none is defined.
    pub features: u16,
}

/// By which protocol packets are cut.
///
/// # Xen
/// `XEN_NETIF_GSO_TYPE_*` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GsoType(pub u8);

impl GsoType {
    /// By none; not said of a packet.
    pub const NONE: Self = Self(0);
    /// TCP in IPv4.
    pub const TCPV4: Self = Self(1);
    /// TCP in IPv6.
    pub const TCPV6: Self = Self(2);
}

/// The address of a network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

/// What becomes of a multicast address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MulticastChange {
    /// It is listened to.
    Add,
    /// It is not listened to any more.
    Delete,
}

/// How much room is in front of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xdp {
    /// In bytes.
    pub headroom: u16,
}

const GSO: u8 = 1;
const MCAST_ADD: u8 = 2;
const MCAST_DEL: u8 = 3;
const HASH: u8 = 4;
/// Of Linux's copy of the header; Xen's has none.
const XDP: u8 = 5;

/// Another extra info follows.
const FLAG_MORE: u8 = 1;

/// A slot that is an extra info.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 1 | `type` | which of those below |
/// | 1 | 1 | `flags` | 1: another follows |
/// | 2 | 6 | `u` | by type |
///
/// | type | offset | size | field | meaning |
/// |---|---|---|---|---|
/// | 1, [`Gso`] | 2 | 2 | `size` | bytes of payload of a segment, not 0 |
/// | | 4 | 1 | `type` | [`GsoType`] |
/// | | 5 | 1 | `pad` | 0 |
/// | | 6 | 2 | `features` | |
/// | 2 and 3, [`Mac`] | 2 | 6 | `addr` | to add, to delete |
/// | 4, [`struct@Hash`] | 2 | 1 | `type` | [`HashType`] |
/// | | 3 | 1 | `algorithm` | [`Algorithm`] |
/// | | 4 | 4 | `value` | lowest byte first |
/// | 5, [`Xdp`] | 2 | 2 | `headroom` | in bytes |
///
/// # Xen
/// `struct netif_extra_info` of `io/netif.h`; type 5 is of Linux's copy of the header alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct ExtraInfo {
    kind: u8,
    flags: u8,
    body: [u8; 6],
}
const _: () = assert!(size_of::<ExtraInfo>() == 8);

/// See [`ExtraInfo`].
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct GsoBody {
    size: u16,
    kind: u8,
    pad: u8,
    features: u16,
}
const _: () = assert!(size_of::<GsoBody>() == 6);

/// See [`ExtraInfo`].
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct HashBody {
    kind: u8,
    algorithm: u8,
    value: [u8; 4],
}
const _: () = assert!(size_of::<HashBody>() == 6);

/// See [`ExtraInfo`].
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct XdpBody {
    headroom: u16,
    pad: [u16; 2],
}
const _: () = assert!(size_of::<XdpBody>() == 6);

/// Why an extra info is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadExtra {
    /// There is no such type.
    Type(u8),
    /// There are no such flags.
    Flags(u8),
    /// Segments without payload.
    GsoSize,
    /// Packets cannot be cut by such a protocol.
    GsoType(GsoType),
    /// The packet has one of this type already.
    Repeated(u8),
}

impl fmt::Display for BadExtra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(kind) => write!(f, "an extra info of type {kind}"),
            Self::Flags(flags) => write!(f, "an extra info with flags {flags:#x}"),
            Self::GsoSize => f.write_str("segments without payload"),
            Self::GsoType(kind) => write!(f, "segments by protocol {}", kind.0),
            Self::Repeated(kind) => write!(f, "a second extra info of type {kind}"),
        }
    }
}

impl core::error::Error for BadExtra {}

impl Extra {
    /// Returns the number of its type, as a slot has it.
    pub(super) const fn kind(&self) -> u8 {
        match self {
            Self::Gso(_) => GSO,
            Self::Multicast(MulticastChange::Add, _) => MCAST_ADD,
            Self::Multicast(MulticastChange::Delete, _) => MCAST_DEL,
            Self::Hash(_) => HASH,
            Self::Xdp(_) => XDP,
        }
    }
}

impl ExtraInfo {
    /// Makes the last extra info of a packet.
    #[must_use]
    pub fn last(extra: &Extra) -> Self {
        let body = match *extra {
            Extra::Gso(Gso { size, kind, features }) => {
                transmute!(GsoBody { size: size.get(), kind: kind.0, pad: 0, features })
            }
            Extra::Multicast(_, Mac(address)) => address,
            Extra::Hash(Hash { kind, algorithm, value }) => {
                transmute!(HashBody { kind: kind.0, algorithm: algorithm.0, value: value.to_le_bytes() })
            }
            Extra::Xdp(Xdp { headroom }) => transmute!(XdpBody { headroom, pad: [0; 2] }),
        };
        Self { kind: extra.kind(), flags: 0, body }
    }

    /// Makes an extra info that is followed by another.
    #[must_use]
    pub fn followed(extra: &Extra) -> Self {
        Self { flags: FLAG_MORE, ..Self::last(extra) }
    }

    /// Tells whether another follows.
    #[must_use]
    pub const fn is_followed(&self) -> bool {
        self.flags & FLAG_MORE != 0
    }

    /// Checks what it says.
    ///
    /// # Errors
    /// If it is none.
    pub fn check(&self) -> Result<Extra, BadExtra> {
        if self.flags & !FLAG_MORE != 0 {
            return Err(BadExtra::Flags(self.flags));
        }
        Ok(match self.kind {
            GSO => {
                let GsoBody { size, kind, features, .. } = transmute!(self.body);
                Extra::Gso(Gso { size: NonZeroU16::new(size).ok_or(BadExtra::GsoSize)?, kind: cuts(kind)?, features })
            }
            MCAST_ADD => Extra::Multicast(MulticastChange::Add, Mac(self.body)),
            MCAST_DEL => Extra::Multicast(MulticastChange::Delete, Mac(self.body)),
            HASH => {
                let HashBody { kind, algorithm, value } = transmute!(self.body);
                let value = u32::from_le_bytes(value);
                Extra::Hash(Hash { kind: HashType(kind), algorithm: Algorithm(algorithm), value })
            }
            XDP => {
                let XdpBody { headroom, .. } = transmute!(self.body);
                Extra::Xdp(Xdp { headroom })
            }
            unknown => return Err(BadExtra::Type(unknown)),
        })
    }
}

fn cuts(kind: u8) -> Result<GsoType, BadExtra> {
    match GsoType(kind) {
        known @ (GsoType::TCPV4 | GsoType::TCPV6) => Ok(known),
        unknown => Err(BadExtra::GsoType(unknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: u8, flags: u8, body: [u8; 6]) -> Result<Extra, BadExtra> {
        ExtraInfo { kind, flags, body }.check()
    }

    #[test]
    fn n07_types_and_flags_that_there_are_not() {
        let body = [1, 0, 1, 0, 0, 0];
        for kind in 0..=255 {
            match info(kind, 0, body) {
                Ok(extra) => assert!((1..=5).contains(&kind) && extra.kind() == kind),
                Err(why) => assert!(!(1..=5).contains(&kind) && why == BadExtra::Type(kind)),
            }
        }
        for flags in 0..=255 {
            assert_eq!(info(1, flags, body).err(), (flags > 1).then_some(BadExtra::Flags(flags)));
        }
    }

    #[test]
    fn n08_segments_have_payload_and_a_protocol() {
        assert_eq!(info(1, 0, [0, 0, 1, 0, 0, 0]), Err(BadExtra::GsoSize));
        for size in [1, 0x5b4, u16::MAX] {
            let [low, high] = size.to_le_bytes();
            let gso = Gso { size: size.try_into().unwrap(), kind: GsoType::TCPV6, features: 0x0807 };
            assert_eq!(info(1, 0, [low, high, 2, 0, 7, 8]), Ok(Extra::Gso(gso)));
        }
        for kind in (0..=255).filter(|kind| ![1, 2].contains(kind)) {
            assert_eq!(info(1, 0, [1, 0, kind, 0, 0, 0]), Err(BadExtra::GsoType(GsoType(kind))));
        }
    }

    #[test]
    fn n21_an_unknown_hash_is_kept() {
        let hash = Hash { kind: HashType(200), algorithm: Algorithm(99), value: 0x0403_0201 };
        assert_eq!(info(4, 0, [200, 99, 1, 2, 3, 4]), Ok(Extra::Hash(hash)));
    }

    #[test]
    fn bytes_are_by_the_header() {
        let gso = Gso { size: 0x102.try_into().unwrap(), kind: GsoType::TCPV4, features: 0x304 };
        let hash = Hash { kind: HashType::IPV6, algorithm: Algorithm::TOEPLITZ, value: 0x0102_0304 };
        for (extra, bytes) in [
            (Extra::Gso(gso), [1, 0, 2, 1, 1, 0, 4, 3]),
            (Extra::Multicast(MulticastChange::Add, Mac([1, 2, 3, 4, 5, 6])), [2, 0, 1, 2, 3, 4, 5, 6]),
            (Extra::Multicast(MulticastChange::Delete, Mac([1, 2, 3, 4, 5, 6])), [3, 0, 1, 2, 3, 4, 5, 6]),
            (Extra::Hash(hash), [4, 0, 2, 1, 4, 3, 2, 1]),
            (Extra::Xdp(Xdp { headroom: 0x100 }), [5, 0, 0, 1, 0, 0, 0, 0]),
        ] {
            assert_eq!(ExtraInfo::last(&extra).as_bytes(), bytes);
            assert_eq!(ExtraInfo::last(&extra).check(), Ok(extra));
            let followed = ExtraInfo::followed(&extra);
            assert!(followed.is_followed() && !ExtraInfo::last(&extra).is_followed());
            assert_eq!(followed.check(), Ok(extra));
        }
    }
}
