//! The other side: what peers have mapped, and what they see and do there.

use xen_hypercall::{DomId, GrantRef};
use xen_mock::{Host, MapError, MapMode, Mapped};

use super::pages::{SPOT, SPOTS};
use crate::adversary::CANARY;

/// What peers write: no byte of the guest's.
const SCRIBBLE: [u8; SPOT] = [0x5a; SPOT];

/// A page in a peer's hands, as long as it lives.
#[derive(Debug)]
struct Reach {
    reference: u32,
    peer: DomId,
    gfn: u64,
    /// Nothing, if it is never let go.
    mapped: Option<Mapped>,
    mode: MapMode,
}

/// All peers.
#[derive(Debug)]
pub(super) struct Peers {
    host: Host,
    reaches: Vec<Reach>,
}

impl Peers {
    pub(super) const fn new(host: Host) -> Self {
        Self { host, reaches: Vec::new() }
    }

    /// Returns Xen's marks at an entry.
    pub(super) fn bits(&self, reference: u32) -> u16 {
        self.host.grants().bits(GrantRef(reference)).unwrap_or_default()
    }

    pub(super) fn map(&mut self, peer: DomId, (reference, gfn): (u32, u64), mode: MapMode) -> Result<(), MapError> {
        let mapped = Some(self.host.peer(peer).map(GrantRef(reference), mode)?);
        self.reaches.push(Reach { reference, peer, gfn, mapped, mode });
        Ok(())
    }

    fn nth(&self, nth: usize) -> Option<usize> {
        let held: Vec<usize> = (0..self.reaches.len()).filter(|at| self.reaches[*at].mapped.is_some()).collect();
        (!held.is_empty()).then(|| held[nth % held.len()])
    }

    pub(super) fn unmap(&mut self, nth: usize) {
        self.nth(nth).map(|at| self.reaches.swap_remove(at));
    }

    /// Has one never be let go, and tells whether there was one.
    pub(super) fn pin(&mut self, nth: usize) -> bool {
        let at = self.nth(nth);
        let pinned = at.and_then(|at| self.reaches[at].mapped.take());
        pinned.map(Mapped::pin).is_some()
    }

    pub(super) fn scribble(&self, nth: usize) {
        let Some(at) = self.nth(nth) else { return };
        if let Reach { mapped: Some(mapped), mode: MapMode::Write, .. } = &self.reaches[at] {
            SPOTS.into_iter().for_each(|spot| mapped.write(spot, &SCRIBBLE));
        }
    }

    /// Copies out and in, and tells which of both Xen allowed.
    pub(super) fn copy(&self, peer: DomId, reference: u32) -> (bool, bool) {
        let peer = self.host.peer(peer);
        let read = SPOTS.map(|spot| peer.copy_from(GrantRef(reference), spot, SPOT));
        for bytes in read.iter().flatten() {
            public(bytes);
        }
        let written = SPOTS.map(|spot| peer.copy_to(GrantRef(reference), spot, &SCRIBBLE));
        (read.iter().all(Result::is_ok), written.iter().all(Result::is_ok))
    }

    pub(super) fn die(&mut self, peer: DomId) {
        self.host.peer(peer).die();
        self.reaches.retain(|reach| reach.peer != peer);
        let _reborn = self.host.peer(peer);
    }

    /// Has Xen's marks be these, where nobody has the page mapped; tells whether it was done.
    pub(super) fn feign(&self, reference: u32, bits: u16) -> bool {
        let free = !self.has(reference);
        if free {
            self.host.grants().set_bits(GrantRef(reference), bits);
        }
        free
    }

    /// Tells whether somebody has the page of an entry mapped.
    pub(super) fn has(&self, reference: u32) -> bool {
        self.reaches.iter().any(|reach| reach.reference == reference)
    }

    /// Tells whether somebody has it mapped in this way.
    pub(super) fn maps(&self, reference: u32, mode: MapMode) -> bool {
        let fits = |reach: &&Reach| reach.reference == reference && (mode == MapMode::Read || reach.mode == mode);
        self.reaches.iter().find(fits).is_some()
    }

    /// Lets all go that can be let go, and ends those who do not.
    pub(super) fn settle(&mut self, peers: &[DomId]) {
        self.reaches.retain(|reach| reach.mapped.is_none());
        peers.iter().for_each(|peer| self.die(*peer));
    }

    /// The guest's domain is another: nothing of the old one is mapped.
    pub(super) fn moved(&mut self) {
        assert!(self.reaches.iter().flat_map(|reach| &reach.mapped).all(|mapped| !mapped.is_alive()));
        self.reaches.clear();
    }

    /// A page is private from now on.
    pub(super) fn out_of_reach(&self, gfn: u64) {
        let reach = self.reaches.iter().find(|reach| reach.gfn == gfn);
        assert!(reach.is_none(), "G01: frame {gfn:#x} is back, and {reach:?}");
    }

    /// Peers see nothing that is private, and the host counts what is mapped as it is counted here.
    pub(super) fn check(&self) {
        for mapped in self.reaches.iter().flat_map(|reach| &reach.mapped) {
            SPOTS.into_iter().for_each(|spot| public(&mapped.read(spot, SPOT)));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.reaches.len()
    }
}

fn public(bytes: &[u8]) {
    assert!(!bytes.contains(&CANARY), "G27: a peer sees what is private");
}
