//! The backends' side.

use xen_hypercall::{DomId, GrantRef};

use super::{Granted, Mapped, handle};
use crate::grants::{MapError, MapMode};

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
        self.host.peer(DomId::DOM0).map(gref, mode)
    }

    /// Maps a page that the guest granted to `domain`, a driver domain.
    ///
    /// # Errors
    /// What Xen finds wrong with the grant.
    pub fn map_as(&self, domain: DomId, gref: GrantRef, mode: MapMode) -> Result<Mapped, MapError> {
        self.host.peer(domain).map(gref, mode)
    }

    /// Grants the guest a page of dom0's, zeroed; see [`Peer`](crate::Peer) for more.
    #[must_use]
    pub fn grant(&self, mode: MapMode) -> Granted {
        self.host.peer(DomId::DOM0).grant(mode)
    }
}
