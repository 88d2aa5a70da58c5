//! How a packet ended, as the back says.

use core::fmt;

use xen_hypercall::PAGE_SIZE;

/// What the back says of a request: of a sent packet how it ended, of a posted buffer how much is in it.
///
/// # Xen
/// `NETIF_RSP_*` of `io/netif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i16);

impl Status {
    /// It was dropped.
    pub const DROPPED: Self = Self(-2);
    /// It failed.
    pub const ERROR: Self = Self(-1);
    /// It was sent.
    pub const OKAY: Self = Self(0);
    /// No answer: the slot was an extra info. Of a buffer it is a length, as all from 0 on are.
    pub const NULL: Self = Self(1);

    /// Returns whether a packet was sent.
    ///
    /// # Errors
    /// What the status says otherwise.
    pub const fn sent(self) -> Result<(), Lost> {
        match self {
            Self::OKAY => Ok(()),
            _ => Err(self.lost()),
        }
    }

    /// Returns how many bytes are in a buffer: no more than a page has.
    ///
    /// # Errors
    /// What the status says otherwise.
    pub fn received(self) -> Result<u16, Lost> {
        let length = u16::try_from(self.0).map_err(|_| self.lost())?;
        if usize::from(length) > PAGE_SIZE { Err(self.lost()) } else { Ok(length) }
    }

    const fn lost(self) -> Lost {
        match self {
            Self::ERROR => Lost::Failed,
            Self::DROPPED => Lost::Dropped,
            Self(unknown) => Lost::UnknownStatus(unknown),
        }
    }
}

/// Why a packet did not come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The back could not.
    Failed,
    /// The back did not want it.
    Dropped,
    /// The back says something that has no meaning.
    UnknownStatus(i16),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed => f.write_str("the backend failed"),
            Self::Dropped => f.write_str("the backend dropped the packet"),
            Self::UnknownStatus(status) => write!(f, "the backend ended it with the unknown status {status}"),
        }
    }
}

impl core::error::Error for Lost {}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses() -> impl Iterator<Item = i16> {
        let step = if cfg!(miri) { 257 } else { 1 };
        (i16::MIN..=i16::MAX).step_by(step).chain([-3, -2, -1, 0, 1, 4095, 4096, 4097])
    }

    #[test]
    fn n01_a_length_is_at_most_a_page() {
        for status in statuses() {
            let expected = match status {
                0..=4096 => Ok(u16::try_from(status).unwrap()),
                -1 => Err(Lost::Failed),
                -2 => Err(Lost::Dropped),
                _ => Err(Lost::UnknownStatus(status)),
            };
            assert_eq!(Status(status).received(), expected);
        }
    }

    #[test]
    fn n11_nothing_but_zero_says_that_a_packet_was_sent() {
        for status in statuses() {
            let expected = match status {
                0 => Ok(()),
                -1 => Err(Lost::Failed),
                -2 => Err(Lost::Dropped),
                _ => Err(Lost::UnknownStatus(status)),
            };
            assert_eq!(Status(status).sent(), expected);
        }
    }
}
