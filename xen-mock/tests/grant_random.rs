//! Random uses of a few entries by a few domains: what is counted here is what stands in the table.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a panic fails the test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic fails the test")]
#![allow(clippy::as_conversions, clippy::std_instead_of_core, reason = "hosted; small numbers")]

mod common;

use common::grant::*;
use xen_hypercall::{DomId, GrantRef, SharedPage};
use xen_mock::{Host, MapError, MapMode, Mapped, Peer};

const SEED: u64 = 0x5eed_0005;
const ENTRIES: u32 = 4;

/// A generator that anybody can write down: Knuth's, the upper half of it.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// An entry as this test believes it to be.
struct Entry {
    page: SharedPage,
    granted: Option<(u16, u16)>,
    /// Who has it mapped: all of one domain.
    mapped: Vec<(DomId, MapMode, Mapped)>,
}

struct Model {
    host: Host,
    entries: Vec<Entry>,
    table: SharedPage,
    /// The status, where there is one.
    status: Option<SharedPage>,
    peers: [Peer; 2],
}

impl Model {
    fn new(version: u32) -> Self {
        let host = Host::builder().build();
        let guest = host.guest();
        let (table, status) = if version == 2 {
            let (table, status) = table_v2(&guest);
            (table, Some(status))
        } else {
            (table(&guest), None)
        };
        let entries = (0..ENTRIES).map(|_| Entry { page: guest.page(), granted: None, mapped: Vec::new() }).collect();
        let peers = [host.peer(DomId::DOM0), host.peer(DomId(3))];
        Self { host, entries, table, status, peers }
    }

    fn write(&self, at: usize, (flags, domain): (u16, u16)) {
        let (gref, gfn) = (8 + at as u32, self.entries[at].page.gfn());
        match self.status {
            Some(_) => v2(&self.table, gref, (flags, domain, 0, gfn.0)),
            None => v1(&self.table, gref, (flags, domain, gfn)),
        };
    }

    /// The guest grants, or ends what nobody has mapped.
    fn guest_acts(&mut self, at: usize, random: &mut Random) {
        if !self.entries[at].mapped.is_empty() {
            return;
        }
        let granted = match self.entries[at].granted {
            Some(_) => None,
            None => Some((PERMIT | [0, READONLY][random.below(2)], self.peers[random.below(2)].domain().0)),
        };
        self.write(at, granted.unwrap_or((0, 0)));
        self.entries[at].granted = granted;
    }

    fn peer_maps(&mut self, at: usize, random: &mut Random) {
        let (peer, mode) = (&self.peers[random.below(2)], [MapMode::Read, MapMode::Write][random.below(2)]);
        let expected = match self.entries[at].granted {
            None => Err(MapError::BadRef),
            Some((_, domain)) if domain != peer.domain().0 => Err(MapError::Denied),
            Some((flags, _)) if flags & READONLY != 0 && mode == MapMode::Write => Err(MapError::Denied),
            Some(_) => Ok(()),
        };
        let mapped = peer.map(GrantRef(8 + at as u32), mode);
        assert_eq!(mapped.as_ref().map(|_| ()).map_err(|error| *error), expected);
        self.entries[at].mapped.extend(mapped.ok().map(|mapped| (peer.domain(), mode, mapped)));
    }

    fn peer_unmaps(&mut self, at: usize, random: &mut Random) {
        let mapped = &mut self.entries[at].mapped;
        if !mapped.is_empty() {
            drop(mapped.swap_remove(random.below(mapped.len())));
        }
    }

    fn check(&self) {
        for (at, entry) in self.entries.iter().enumerate() {
            let writes = entry.mapped.iter().any(|(_, mode, _)| *mode == MapMode::Write);
            let bits = [0, READING][usize::from(!entry.mapped.is_empty())] | [0, WRITING][usize::from(writes)];
            let own = entry.granted.map_or(0, |(flags, _)| flags);
            let found = match &self.status {
                Some(status) => (flags(&self.table, 128 + 16 * at), flags(status, 16 + 2 * at)),
                None => (flags(&self.table, 64 + 8 * at) & !(READING | WRITING), flags(&self.table, 64 + 8 * at) & 24),
            };
            assert_eq!(found, (own, bits), "entry {at}");
        }
        let held = self.host.ledger().holdings();
        assert_eq!(held.mappings, self.entries.iter().map(|entry| entry.mapped.len()).sum::<usize>());
        assert_eq!(held.grants.len(), self.entries.iter().filter(|entry| entry.granted.is_some()).count());
        self.host.check().unwrap();
    }
}

fn play(version: u32, steps: usize) {
    println!("seed {SEED:#x}, version {version}");
    let (mut model, mut random) = (Model::new(version), Random(SEED));
    for _ in 0..steps {
        let at = random.below(ENTRIES as usize);
        match random.below(5) {
            0 => model.guest_acts(at, &mut random),
            1 | 2 => model.peer_maps(at, &mut random),
            _ => model.peer_unmaps(at, &mut random),
        }
        model.check();
    }
}

#[test]
fn version_1() {
    play(1, if cfg!(miri) { 50 } else { 5000 });
}

#[test]
fn version_2() {
    play(2, if cfg!(miri) { 50 } else { 5000 });
}
