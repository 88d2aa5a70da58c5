//! The record of what the guest holds.

use xen_hypercall::{Gfn, GrantRef, Port};

use super::handle;
use crate::events::Fifo;
use crate::world::World;

handle! {
    /// What the guest holds of Xen and of xenstored at this moment.
    Ledger
}

/// What a guest holds. Two of them compare, so a test can see that all was given back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holdings {
    /// Open ports, those of xenstore and the console left out.
    pub ports: Vec<Port>,
    /// Control blocks of the FIFO ABI that Xen was given.
    pub control_blocks: usize,
    /// Pages of its event array.
    pub event_pages: usize,
    /// Entries of the grant table that are not 0, the reserved ones left out.
    pub grants: Vec<GrantRef>,
    /// Watches, by path and token.
    pub watches: Vec<(String, String)>,
    /// Open transactions.
    pub transactions: Vec<u32>,
    /// Frames in whose place pages of the grant table are mapped.
    pub grant_frames: Vec<Gfn>,
    /// Whether `shared_info` is mapped.
    pub shared_info: bool,
    /// Processors whose `vcpu_info` the guest has moved.
    pub vcpu_infos: usize,
    /// Pages that backends have mapped.
    pub mappings: usize,
    /// Handles of pages of other domains, or of its own, that the guest has mapped.
    pub foreign: Vec<u32>,
}

impl Ledger {
    /// Returns all that the guest holds.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let world = self.host.world();
        let (control_blocks, event_pages) = world.domain.fifo.as_ref().map_or((0, 0), Fifo::held);
        Holdings {
            ports: open_ports(&world),
            control_blocks,
            event_pages,
            grants: world.domain.grants.in_use(),
            watches: world.store.guest.watches.iter().map(|w| (w.path.clone(), w.token.clone())).collect(),
            transactions: world.store.guest.transactions.keys().copied().collect(),
            grant_frames: world.domain.grants.mapped().collect(),
            shared_info: world.domain.shared_info_mapped,
            vcpu_infos: world.domain.registered.iter().flatten().count(),
            mappings: world.peers.mappings(),
            foreign: world.tracks.all().map(|(handle, _)| handle).collect(),
        }
    }

    /// Returns how many nodes of xenstore the guest owns, those that the toolstack made for it among them.
    #[must_use]
    pub fn nodes(&self) -> usize {
        let world = self.host.world();
        world.store.tree.owned_by(world.domain.id)
    }

    /// Returns how many pages of RAM the guest has taken so far.
    #[must_use]
    pub fn pages_taken(&self) -> u64 {
        self.host.world().memory.pages_taken()
    }
}

fn open_ports(world: &World) -> Vec<Port> {
    let ports = world.domain.ports.in_use().map(|(port, _)| port);
    ports.filter(|port| !world.domain.is_toolstacks(*port)).collect()
}
