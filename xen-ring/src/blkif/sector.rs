//! Places and lengths on a disk.

/// Bytes of a sector, the unit of every place and length in the protocol, whatever the disk's own sectors are.
///
/// Peers that agreed on `feature-large-sector-size` count otherwise; that is not supported.
pub const SECTOR_SIZE: usize = 512;

/// A place on a disk, in sectors from its start.
///
/// # Xen
/// `blkif_sector_t` of `io/blkif.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sector(pub u64);

/// A length, in sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sectors(pub u64);

impl Sector {
    /// Returns the place so much further on, or `None` if there is no number for it.
    #[must_use]
    pub const fn after(self, length: Sectors) -> Option<Self> {
        match self.0.checked_add(length.0) {
            Some(end) => Some(Self(end)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sector, Sectors};

    #[test]
    fn places_do_not_wrap() {
        assert_eq!(Sector(8).after(Sectors(8)), Some(Sector(16)));
        assert_eq!(Sector(u64::MAX).after(Sectors(0)), Some(Sector(u64::MAX)));
        assert_eq!(Sector(u64::MAX).after(Sectors(1)), None);
    }
}
