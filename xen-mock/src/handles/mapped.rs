//! A page of the guest's in the hands of a peer.

use crate::grants::MapMode;
use crate::memory::Frame;

/// A page of the guest that another domain has mapped. Dropping it unmaps.
#[derive(Debug)]
pub struct Mapped {
    host: crate::Host,
    handle: u64,
    mode: MapMode,
}

impl Mapped {
    pub(crate) const fn new(host: crate::Host, handle: u64, mode: MapMode) -> Self {
        Self { host, handle, mode }
    }

    fn frame(&self) -> Frame {
        let mut world = self.host.world();
        world.watch_grants();
        let mapping = world.peers.mapping(self.handle);
        mapping.expect("the mapping went with its domain, or with the guest's").frame
    }

    /// Tells whether the mapping is still there: it goes with the guest's domain, and with its own.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.host.world().peers.mapping(self.handle).is_some()
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
        self.host.world().watch_grants();
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

    /// Keeps the page mapped until the domain, or the guest's, is no more: a peer that never lets go.
    pub fn pin(self) {
        std::mem::forget(self);
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let mut world = self.host.world();
        let world = &mut *world;
        world.watch_grants();
        world.peers.unmap(&mut world.domain.grants, self.handle);
    }
}
