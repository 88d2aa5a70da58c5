//! The guest's grant table, as Xen has it.

use xen_hypercall::GrantRef;

use super::handle;

handle! {
    /// The guest's grant table, and Xen's bits in it: for tests of what happens between any two accesses of the guest's.
    Grants
}

impl Grants {
    /// Returns the version of the table, 1 or 2.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.host.world().domain.grants.version().number()
    }

    /// Returns the bytes of an entry, 8 or 16; `None` beyond the table.
    #[must_use]
    pub fn entry(&self, gref: GrantRef) -> Option<Vec<u8>> {
        let entry = self.host.world().domain.grants.entry(gref)?;
        Some(entry.bytes[..entry.version.entry_size()].to_vec())
    }

    /// Returns `GTF_reading` and `GTF_writing` of an entry, from where this version keeps them; `None` beyond the table.
    #[must_use]
    pub fn bits(&self, gref: GrantRef) -> Option<u16> {
        self.host.world().domain.grants.bits(gref)
    }

    /// Has Xen write `GTF_reading` and `GTF_writing` of an entry, whether or not somebody has it mapped: a mapping that comes
    /// and goes, or a Xen that clears them too early. What is mapped is not changed, and the guest is not blamed for what it
    /// does to an entry whose bits are not the true ones.
    pub fn set_bits(&self, gref: GrantRef, bits: u16) {
        let mut world = self.host.world();
        world.watch_grants();
        world.domain.grants.feign_bits(gref, bits);
    }
}
