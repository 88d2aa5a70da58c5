//! Another domain, at the guest's grants.

use xen_hypercall::{DomId, GrantRef};

use super::{Granted, Mapped};
use crate::grants::{Access, Foreign, MapError, MapMode, Mapping, Shape};
use crate::hypervisor::uses::{Span, Steps};
use crate::memory::{Frame, PAGE};
use crate::world::World;

/// Another domain: a backend in dom0, a driver domain, or a stranger. It uses what the guest grants to it, and grants pages of
/// its own to the guest.
#[derive(Debug, Clone)]
pub struct Peer {
    host: crate::Host,
    domain: DomId,
}

impl Peer {
    pub(crate) fn new(host: crate::Host, domain: DomId) -> Self {
        host.world().peers.meet(domain);
        Self { host, domain }
    }

    /// Returns the number of the domain.
    #[must_use]
    pub const fn domain(&self) -> DomId {
        self.domain
    }

    fn access(&self, mode: MapMode) -> Access {
        Access { domain: self.domain, mode }
    }

    /// Maps a page that the guest granted to this domain.
    ///
    /// # Errors
    /// What Xen finds wrong with the grant.
    pub fn map(&self, gref: GrantRef, mode: MapMode) -> Result<Mapped, MapError> {
        let mut world = self.host.world();
        world.watch_grants();
        let (guest, access) = (world.domain.id, self.access(mode));
        let frame = world.pin(guest, gref, access)?;
        let handle = world.peers.add(Mapping { gref, access, frame });
        Ok(Mapped::new(self.host.clone(), handle, mode))
    }

    /// Copies bytes out of what the guest granted, as `GNTTABOP_copy` does.
    ///
    /// # Errors
    /// The status that Xen gives.
    pub fn copy_from(&self, gref: GrantRef, offset: usize, len: usize) -> Result<Vec<u8>, i16> {
        let mut world = self.host.world();
        let frame = self.span(&mut world, (gref, MapMode::Read), (offset, len))?;
        let mut bytes = vec![0; len];
        frame.copy_to(offset, &mut bytes);
        Ok(bytes)
    }

    /// Copies bytes into what the guest granted, as `GNTTABOP_copy` does.
    ///
    /// # Errors
    /// The status that Xen gives.
    pub fn copy_to(&self, gref: GrantRef, offset: usize, bytes: &[u8]) -> Result<(), i16> {
        let mut world = self.host.world();
        let frame = self.span(&mut world, (gref, MapMode::Write), (offset, bytes.len()))?;
        frame.write(offset, bytes);
        world.watch_grants();
        Ok(())
    }

    fn span(&self, world: &mut World, (gref, mode): (GrantRef, MapMode), range: (usize, usize)) -> Result<Frame, i16> {
        world.watch_grants();
        let guest = world.domain.id;
        let span = world.reach((guest, gref), self.access(mode), Steps::One).map_err(|refusal| refusal.status())?;
        span.check(range.0, range.1).map(|()| span.frame)
    }

    /// Grants the guest a page, zeroed.
    #[must_use]
    pub fn grant(&self, mode: MapMode) -> Granted {
        self.give(Frame::new(), (mode, Shape::Page))
    }

    /// Grants the guest bytes of a page, which can be copied only.
    ///
    /// # Panics
    /// If they are not within the page.
    #[must_use]
    pub fn grant_part(&self, mode: MapMode, offset: u16, length: u16) -> Granted {
        let part = Span::part(Frame::new(), offset, length);
        assert!(part.end <= PAGE, "bytes {offset}.. of length {length} are not within a page");
        self.give(part.frame, (mode, Shape::Part { offset, length }))
    }

    /// Grants the guest what another domain granted to this one, which can be copied only. That grant is one of
    /// [`Peer::grant_to`], or one of the guest's own.
    #[must_use]
    pub fn pass_on(&self, mode: MapMode, owner: DomId, gref: GrantRef) -> Granted {
        self.give(Frame::new(), (mode, Shape::Through { domain: owner, gref }))
    }

    fn give(&self, frame: Frame, what: (MapMode, Shape)) -> Granted {
        let guest = self.host.world().domain.id;
        self.give_to(guest, frame, what)
    }

    /// Grants a page, zeroed, to another domain than the guest, which may pass it on.
    #[must_use]
    pub fn grant_to(&self, to: DomId, mode: MapMode) -> Granted {
        self.give_to(to, Frame::new(), (mode, Shape::Page))
    }

    fn give_to(&self, to: DomId, frame: Frame, what: (MapMode, Shape)) -> Granted {
        let gref = self.host.world().peers.give(self.domain, Foreign::new(to, frame, what));
        Granted::new(self.host.clone(), (self.domain, gref), frame)
    }

    /// Ends the domain, and with it all of its ports: the guest's ends wait for a domain that there is not. What it had mapped of the guest is free again; what the guest has mapped of it stays until the guest
    /// unmaps it, and nothing more can be mapped.
    pub fn die(self) {
        let mut world = self.host.world();
        world.watch_grants();
        world.end_peer(self.domain);
        let world = &mut *world;
        world.peers.end(&mut world.domain.grants, self.domain);
    }
}
