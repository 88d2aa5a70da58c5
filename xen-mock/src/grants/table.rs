//! The guest's grant table: frames of entries, and of status in version 2.

use std::collections::BTreeMap;

use xen_hypercall::{DomId, Gfn, GrantRef};

use super::active::Active;
use super::entry::{Entry, PERMIT_ACCESS, Version, XEN_BITS};
use crate::memory::{Frame, PAGE};

/// Entries that the toolstack may use: the console, xenstore, and six for times to come.
pub(crate) const RESERVED: u32 = 8;
/// Bytes of status an entry of version 2 has.
const STATUS_SIZE: usize = 2;

/// How much a domain may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Frames of its table.
    pub(crate) frames: usize,
    /// Version of its table.
    pub(crate) version: Version,
    /// Pages of others that it may have mapped.
    pub(crate) mappings: usize,
}

/// A frame of the table. Until the guest maps it, it is where only Xen reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) frame: Frame,
    pub(crate) gfn: Option<Gfn>,
    /// The bytes when they were last looked at.
    pub(crate) seen: Box<[u8; PAGE]>,
}

impl Slot {
    fn new() -> Self {
        Self { frame: Frame::new(), gfn: None, seen: Box::new([0; PAGE]) }
    }

    /// Writes as Xen: nobody takes it for the guest's doing.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        self.frame.write(at, bytes);
        self.seen[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put(&mut self, frame: Frame, gfn: Gfn) {
        frame.take_over(self.frame);
        (self.frame, self.gfn) = (frame, Some(gfn));
    }
}

#[derive(Debug)]
pub(crate) struct GrantTable {
    pub(super) version: Version,
    pub(super) shared: Vec<Slot>,
    pub(super) status: Vec<Slot>,
    pub(super) active: BTreeMap<u32, Active>,
    pub(super) limits: Limits,
}

impl GrantTable {
    pub(crate) fn new(limits: Limits) -> Self {
        let shared = vec![Slot::new()];
        Self { version: Version::V1, shared, status: Vec::new(), active: BTreeMap::new(), limits }
    }

    /// Returns frames in use, and frames that there may be.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.shared.len() as u32, self.limits.frames as u32)
    }

    pub(crate) const fn version(&self) -> Version {
        self.version
    }

    /// Returns the number of entries.
    pub(super) fn entries(&self) -> usize {
        self.shared.len() * PAGE / self.version.entry_size()
    }

    /// Grows the table to so many frames at least, and the status with it.
    pub(crate) fn grow(&mut self, frames: usize) -> bool {
        if frames > self.limits.frames {
            return false;
        }
        while self.shared.len() < frames {
            self.shared.push(Slot::new());
        }
        if self.version == Version::V2 {
            let wanted = (self.entries() * STATUS_SIZE).div_ceil(PAGE);
            self.status.resize_with(wanted.max(self.status.len()), Slot::new);
        }
        true
    }

    /// Puts frame `index` of the entries into the place of `to`; the table grows if need be.
    pub(crate) fn map(&mut self, index: usize, to: (Frame, Gfn)) -> bool {
        index < self.limits.frames && self.grow(index + 1) && {
            self.shared[index].put(to.0, to.1);
            true
        }
    }

    /// Puts frame `index` of the status into the place of `to`; the table grows if need be.
    pub(crate) fn map_status(&mut self, index: usize, to: (Frame, Gfn)) -> bool {
        let entries = PAGE / STATUS_SIZE * index;
        let frames = entries * self.version.entry_size() / PAGE + 1;
        self.version == Version::V2 && (index < self.status.len() || self.grow(frames)) && {
            self.status[index].put(to.0, to.1);
            true
        }
    }

    /// Returns where the first `frames` frames of entries are in the guest.
    pub(crate) fn places(&self, frames: usize) -> Option<Vec<Option<Gfn>>> {
        Some(self.shared.get(..frames)?.iter().map(|slot| slot.gfn).collect())
    }

    /// Returns where the first `frames` frames of status are in the guest.
    pub(crate) fn status_places(&self, frames: usize) -> Option<Vec<Option<Gfn>>> {
        Some(self.status.get(..frames)?.iter().map(|slot| slot.gfn).collect())
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.shared.iter().chain(&self.status)
    }

    /// Returns the guest's frames where frames of the table are mapped.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = Gfn> + '_ {
        self.slots().filter_map(|slot| slot.gfn)
    }

    /// Returns the pages themselves.
    pub(crate) fn mapped_frames(&self) -> impl Iterator<Item = Frame> + '_ {
        self.slots().filter(|slot| slot.gfn.is_some()).map(|slot| slot.frame)
    }

    pub(super) fn place(&self, gref: GrantRef) -> Option<(usize, usize)> {
        let at = (gref.0 as usize).checked_mul(self.version.entry_size())?;
        (at / PAGE < self.shared.len()).then_some((at / PAGE, at % PAGE))
    }

    const fn status_place(gref: GrantRef) -> (usize, usize) {
        let at = gref.0 as usize * STATUS_SIZE;
        (at / PAGE, at % PAGE)
    }

    pub(crate) fn entry(&self, gref: GrantRef) -> Option<Entry> {
        let (index, at) = self.place(gref)?;
        Some(entry_at(self.version, &self.shared[index].frame.bytes::<PAGE>(0), at))
    }

    /// Returns Xen's bits of an entry: from the entry itself, or from its status.
    pub(crate) fn bits(&self, gref: GrantRef) -> Option<u16> {
        let flags = self.entry(gref)?.flags();
        Some(match self.version {
            Version::V1 => flags & XEN_BITS,
            Version::V2 => {
                let (index, at) = Self::status_place(gref);
                self.status[index].frame.u16(at)
            }
        })
    }

    /// Sets Xen's bits of an entry.
    pub(crate) fn set_bits(&mut self, gref: GrantRef, bits: u16) {
        let (Some(entry), Some((index, at))) = (self.entry(gref), self.place(gref)) else { return };
        match self.version {
            Version::V1 => self.shared[index].write(at, &(entry.flags() & !XEN_BITS | bits).to_le_bytes()),
            Version::V2 => {
                let (index, at) = Self::status_place(gref);
                self.status[index].write(at, &bits.to_le_bytes());
            }
        }
    }

    /// Writes an entry as the toolstack seeds it.
    pub(crate) fn seed(&mut self, gref: GrantRef, remote: DomId, gfn: Gfn) {
        let (index, at) = self.place(gref).expect("the first page is always there");
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&PERMIT_ACCESS.to_le_bytes());
        bytes[2..4].copy_from_slice(&remote.0.to_le_bytes());
        bytes[4..].copy_from_slice(&(gfn.0 as u32).to_le_bytes());
        self.shared[index].write(at, &bytes);
    }

    /// Returns the entries in use, the reserved ones left out.
    pub(crate) fn in_use(&self) -> Vec<GrantRef> {
        let size = self.version.entry_size();
        let pages: Vec<[u8; PAGE]> = self.shared.iter().map(|slot| slot.frame.bytes(0)).collect();
        let entries = (0..).zip(pages.as_flattened().chunks_exact(size)).skip(RESERVED as usize);
        let used = |at: u32, entry: &[u8]| entry[..2] != [0, 0] || self.active.contains_key(&at);
        entries.filter(|(at, entry)| used(*at, entry)).map(|(at, _)| GrantRef(at)).collect()
    }
}

/// Returns the entry at byte `at` of a page.
pub(super) fn entry_at(version: Version, page: &[u8; PAGE], at: usize) -> Entry {
    let mut bytes = [0; 16];
    let size = version.entry_size();
    bytes[..size].copy_from_slice(&page[at..at + size]);
    Entry { version, bytes }
}
