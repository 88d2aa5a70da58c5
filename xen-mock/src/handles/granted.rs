//! A page of a peer's, granted to the guest.

use xen_hypercall::{DomId, GrantRef};

use crate::grants::Foreign;
use crate::memory::Frame;
use crate::world::World;

/// A page that another domain granted to the guest. It stays granted when this is dropped.
#[derive(Debug)]
pub struct Granted {
    host: crate::Host,
    key: (DomId, GrantRef),
    frame: Frame,
}

/// The guest has the page mapped: the grant cannot be taken back.
#[derive(Debug)]
pub struct InUse(pub Granted);

impl Granted {
    pub(crate) const fn new(host: crate::Host, key: (DomId, GrantRef), frame: Frame) -> Self {
        Self { host, key, frame }
    }

    /// Returns the domain that granted it.
    #[must_use]
    pub const fn domain(&self) -> DomId {
        self.key.0
    }

    /// Returns the reference that the guest is told.
    #[must_use]
    pub const fn gref(&self) -> GrantRef {
        self.key.1
    }

    fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.host.world();
        world.watch_grants();
        let result = work(&mut world);
        world.watch_grants();
        result
    }

    /// Reads bytes of the page.
    ///
    /// # Panics
    /// If they are not within the page.
    #[must_use]
    pub fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.with(|_| self.frame.copy_to(offset, &mut bytes));
        bytes
    }

    /// Writes bytes of the page.
    ///
    /// # Panics
    /// If they are not within the page.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.with(|_| self.frame.write(offset, bytes));
    }

    /// Reads a word of 32 bits.
    ///
    /// # Panics
    /// As [`Granted::read`].
    #[must_use]
    pub fn u32(&self, offset: usize) -> u32 {
        self.with(|_| self.frame.u32(offset))
    }

    /// Writes a word of 32 bits.
    ///
    /// # Panics
    /// As [`Granted::write`].
    pub fn set_u32(&self, offset: usize, value: u32) {
        self.write(offset, &value.to_le_bytes());
    }

    /// Returns how often the guest has it mapped.
    #[must_use]
    pub fn mappings(&self) -> u32 {
        self.host.world().peers.given.get(&self.key).map_or(0, Foreign::mappings)
    }

    /// Takes the grant back, after which the reference is that of nothing.
    ///
    /// # Errors
    /// [`InUse`] if the guest has it mapped: no domain can take that away.
    pub fn withdraw(self) -> Result<(), InUse> {
        if self.mappings() > 0 {
            return Err(InUse(self));
        }
        self.host.world().peers.given.remove(&self.key);
        Ok(())
    }

    /// Has the next `times` uses told to try again (`GNTST_eagain`), as for a page that is on a disk.
    pub fn absent(&self, times: u64) {
        if let Some(foreign) = self.host.world().peers.given.get_mut(&self.key) {
            foreign.absent = times;
        }
    }
}
