//! The extra infos of a packet.

use super::extra::{BadExtra, Extra, Gso, Mac, MulticastChange, Xdp};
use super::hash::Hash;

/// The extra infos of a packet, one of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// How it is to be cut; only if it is longer than one segment.
    pub gso: Option<Gso>,
    /// An address to listen to.
    pub add: Option<Mac>,
    /// An address not to listen to.
    pub delete: Option<Mac>,
    /// Its hash.
    pub hash: Option<Hash>,
    /// How much room is in front of it.
    pub xdp: Option<Xdp>,
}

impl Extras {
    pub(super) fn put(&mut self, extra: Extra) -> Result<(), BadExtra> {
        let repeated = match extra {
            Extra::Gso(gso) => self.gso.replace(gso).is_some(),
            Extra::Multicast(MulticastChange::Add, address) => self.add.replace(address).is_some(),
            Extra::Multicast(MulticastChange::Delete, address) => self.delete.replace(address).is_some(),
            Extra::Hash(hash) => self.hash.replace(hash).is_some(),
            Extra::Xdp(xdp) => self.xdp.replace(xdp).is_some(),
        };
        if repeated { Err(BadExtra::Repeated(extra.kind())) } else { Ok(()) }
    }

    pub(super) const fn changes_addresses(&self) -> bool {
        self.add.is_some() || self.delete.is_some()
    }
}
