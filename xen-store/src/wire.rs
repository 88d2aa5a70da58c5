//! The header and the limits of the wire.

/// Size of a message's header, in bytes.
pub const HEADER_SIZE: usize = 16;
/// The longest body of a message, in bytes.
///
/// # Xen
/// `XENSTORE_PAYLOAD_MAX` of `io/xs_wire.h`.
pub const PAYLOAD_MAX: usize = 4096;
/// The longest absolute path, in bytes.
///
/// # Xen
/// `XENSTORE_ABS_PATH_MAX` of `io/xs_wire.h`.
pub const ABSOLUTE_PATH_MAX: usize = 3072;
/// The longest path relative to the domain's home, in bytes.
///
/// # Xen
/// `XENSTORE_REL_PATH_MAX` of `io/xs_wire.h`.
pub const RELATIVE_PATH_MAX: usize = 2048;

/// The longest message, in bytes.
pub const MESSAGE_MAX: usize = HEADER_SIZE + PAYLOAD_MAX;

/// The first bytes of every message, as plain numbers: a peer may have written any.
///
/// # Xen
/// `struct xsd_sockmsg` of `io/xs_wire.h`; every guest that Xen runs is little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Header {
    /// The type; [`MessageType`](crate::MessageType) names it.
    pub kind: u32,
    /// The request's id, which its reply repeats.
    pub request: u32,
    /// The transaction's id; 0 outside of any.
    pub transaction: u32,
    /// The length of the body, in bytes.
    pub len: u32,
}

// The codec below writes the fields in their order.
const _: () = assert!(size_of::<Header>() == HEADER_SIZE);

impl Header {
    /// Reads the bytes of the wire.
    #[must_use]
    #[inline]
    pub fn decode(bytes: &[u8; HEADER_SIZE]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
        Self {
            kind: u32::from_le_bytes([a, b, c, d]),
            request: u32::from_le_bytes([e, f, g, h]),
            transaction: u32::from_le_bytes([i, j, k, l]),
            len: u32::from_le_bytes([m, n, o, p]),
        }
    }

    /// Writes the bytes of the wire.
    #[must_use]
    #[inline]
    pub fn encode(self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let words = [self.kind, self.request, self.transaction, self.len];
        for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// Writes the bytes of the wire before a body that stands in its place already, and returns the message.
    #[inline]
    pub(crate) fn put_before(self, message: &mut [u8; MESSAGE_MAX]) -> &[u8] {
        let (head, _) = message.split_at_mut(HEADER_SIZE);
        head.copy_from_slice(&self.encode());
        message.get(..HEADER_SIZE.saturating_add(wide(self.len))).unwrap_or_default()
    }
}

/// Widens a length of the wire; no platform of Xen has pointers of fewer than 32 bits.
pub(crate) fn wide(len: u32) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Narrows a length of ours.
pub(crate) fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_wire() {
        let header = Header { kind: 2, request: 0x0102_0304, transaction: 7, len: 4096 };
        assert_eq!(header.encode(), [2, 0, 0, 0, 4, 3, 2, 1, 7, 0, 0, 0, 0, 16, 0, 0]);
        assert_eq!(Header::decode(&header.encode()), header);
    }
}
