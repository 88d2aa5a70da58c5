//! The backends' side.

use xen_hypercall::{DomId, GrantRef};

use super::handle;
use crate::dom0::{MapError, MapMode};
use crate::memory::Frame;

handle! {
    /// Event channels and grants of the guest, as a backend in dom0 uses them.
    Dom0
}

impl Dom0 {
    /// Maps a page that the guest granted to dom0.
    ///
    /// # Errors
    /// What Xen finds wrong with the grant.
    pub fn map(&self, gref: GrantRef, mode: MapMode) -> Result<Mapped, MapError> {
        self.map_as(DomId::DOM0, gref, mode)
    }

    /// Maps a page that the guest granted to `domain`, a driver domain.
    ///
    /// # Errors
    /// What Xen finds wrong with the grant.
    pub fn map_as(&self, domain: DomId, gref: GrantRef, mode: MapMode) -> Result<Mapped, MapError> {
        let mut world = self.host.world();
        let world = &mut *world;
        let memory = &world.memory;
        let handle = world.backends.map(&world.domain.grants, (domain, gref, mode), |gfn| memory.frame(gfn))?;
        Ok(Mapped { host: self.host.clone(), handle, mode })
    }
}

/// A page of the guest that a backend has mapped. Dropping it unmaps.
#[derive(Debug)]
pub struct Mapped {
    host: crate::Host,
    handle: u64,
    mode: MapMode,
}

impl Mapped {
    fn frame(&self) -> Frame {
        let mapping = self.host.world().backends.mapping(self.handle);
        mapping.expect("the mapping went with the guest's domain").frame
    }

    /// Tells whether the guest's domain, and with it the mapping, is still there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.host.world().backends.mapping(self.handle).is_some()
    }

    /// Reads bytes of the page.
    ///
    /// # Panics
    /// If they are not within the page, or the domain is gone.
    #[must_use]
    pub fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.frame().copy_to(offset, &mut bytes);
        bytes
    }

    /// Writes bytes of the page.
    ///
    /// # Panics
    /// If they are not within the page, it is mapped for reading only, or the domain is gone.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(self.mode == MapMode::Write, "the page is mapped for reading only");
        self.frame().write(offset, bytes);
    }

    /// Reads a word of 32 bits.
    ///
    /// # Panics
    /// As [`Mapped::read`].
    #[must_use]
    pub fn u32(&self, offset: usize) -> u32 {
        self.frame().u32(offset)
    }

    /// Writes a word of 32 bits.
    ///
    /// # Panics
    /// As [`Mapped::write`].
    pub fn set_u32(&self, offset: usize, value: u32) {
        self.write(offset, &value.to_le_bytes());
    }

    /// Unmaps the page: the same as dropping it.
    pub fn unmap(self) {}
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let mut world = self.host.world();
        let world = &mut *world;
        world.watch_mapped_grants();
        let _gone_with_the_domain: Option<()> = world.backends.unmap(&world.domain.grants, self.handle);
    }
}
