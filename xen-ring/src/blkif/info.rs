//! What kind of disk it is.

bitflags::bitflags! {
    /// The bits of a disk's `info` node; unknown ones are kept.
    ///
    /// # Xen
    /// `VDISK_*` of `io/blkif.h`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Info: u32 {
        /// A compact disc.
        const CDROM = 0x1;
        /// Its medium can be taken out.
        const REMOVABLE = 0x2;
        /// It cannot be written.
        const READONLY = 0x4;
    }
}

#[cfg(test)]
mod tests {
    use super::Info;

    #[test]
    fn unknown_bits_are_kept_and_ignored() {
        let junk = Info::from_bits_retain(0xdead_beed);
        assert!(junk.contains(Info::CDROM | Info::READONLY) && !junk.contains(Info::REMOVABLE));
        assert_eq!(junk.bits(), 0xdead_beed, "kept");
        let known = Info::from_bits_retain(5);
        assert_eq!(known, Info::CDROM | Info::READONLY);
    }
}
