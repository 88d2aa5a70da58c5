//! What hashes are calculated of packets, and how.

/// What a hash was calculated over; unknown values are kept.
///
/// # Xen
/// `_XEN_NETIF_CTRL_HASH_TYPE_*` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashType(pub u8);

impl HashType {
    /// The addresses of an IPv4 header.
    pub const IPV4: Self = Self(0);
    /// The addresses of an IPv4 header and the ports of a TCP header.
    pub const IPV4_TCP: Self = Self(1);
    /// The addresses of an IPv6 header.
    pub const IPV6: Self = Self(2);
    /// The addresses of an IPv6 header and the ports of a TCP header.
    pub const IPV6_TCP: Self = Self(3);
}

bitflags::bitflags! {
    /// A set of [`HashType`]s, a bit each; unknown bits are kept.
    ///
    /// # Xen
    /// `XEN_NETIF_CTRL_HASH_TYPE_*` of `io/netif.h`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct HashTypes: u32 {
        /// [`HashType::IPV4`].
        const IPV4 = 1 << 0;
        /// [`HashType::IPV4_TCP`].
        const IPV4_TCP = 1 << 1;
        /// [`HashType::IPV6`].
        const IPV6 = 1 << 2;
        /// [`HashType::IPV6_TCP`].
        const IPV6_TCP = 1 << 3;
    }
}

/// How a hash is calculated; unknown values are kept.
///
/// # Xen
/// `XEN_NETIF_CTRL_HASH_ALGORITHM_*` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Algorithm(pub u8);

impl Algorithm {
    /// None: the back chooses queues as it likes.
    pub const NONE: Self = Self(0);
    /// By Toeplitz's matrix.
    pub const TOEPLITZ: Self = Self(1);
}

/// The hash of a packet, as the peer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash {
    /// Of what it is.
    pub kind: HashType,
    /// How it was calculated.
    pub algorithm: Algorithm,
    /// The hash.
    pub value: u32,
}
