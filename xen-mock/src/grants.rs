//! The grant table, version 1: 8 bytes an entry (flags, domain, frame), 512 entries a page.

use xen_hypercall::{DomId, Gfn, GrantRef};

use crate::memory::{Frame, PAGE};

const PER_PAGE: usize = 512;
/// Entries that the toolstack may use: the console, xenstore, and six for times to come.
pub(crate) const RESERVED: u32 = 8;

pub(crate) const TYPE_MASK: u16 = 3;
pub(crate) const PERMIT_ACCESS: u16 = 1;
pub(crate) const READONLY: u16 = 1 << 2;
pub(crate) const READING: u16 = 1 << 3;
pub(crate) const WRITING: u16 = 1 << 4;

/// An entry, as it stands in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) flags: u16,
    pub(crate) domid: u16,
    pub(crate) frame: u32,
}

/// The frames of the table. Until the guest maps one, it is where only Xen reaches it.
#[derive(Debug)]
pub(crate) struct GrantTable {
    frames: Vec<(Frame, Option<Gfn>)>,
    max: usize,
}

impl GrantTable {
    pub(crate) fn new(max: usize) -> Self {
        Self { frames: vec![(Frame::new(), None)], max }
    }

    /// Returns frames in use, and frames that there may be.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.frames.len() as u32, self.max as u32)
    }

    /// Puts frame `index` into the place of `frame`; the table grows if need be.
    pub(crate) fn map(&mut self, index: usize, to: (Frame, Gfn)) -> bool {
        if index >= self.max {
            return false;
        }
        while self.frames.len() <= index {
            self.frames.push((Frame::new(), None));
        }
        let (old, _) = self.frames[index];
        to.0.take_over(old);
        self.frames[index] = (to.0, Some(to.1));
        true
    }

    /// Returns the guest's frames where frames of the table are mapped.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = Gfn> + '_ {
        self.frames.iter().filter_map(|(_, gfn)| *gfn)
    }

    /// Returns the pages themselves.
    pub(crate) fn mapped_frames(&self) -> impl Iterator<Item = Frame> + '_ {
        self.frames.iter().filter(|(_, gfn)| gfn.is_some()).map(|(frame, _)| *frame)
    }

    fn place(&self, gref: GrantRef) -> Option<(Frame, usize)> {
        let at = gref.0 as usize;
        let (frame, _) = self.frames.get(at / PER_PAGE)?;
        Some((*frame, at % PER_PAGE * 8))
    }

    pub(crate) fn entry(&self, gref: GrantRef) -> Option<Entry> {
        let (frame, at) = self.place(gref)?;
        Some(Entry { flags: frame.u16(at), domid: frame.u16(at + 2), frame: frame.u32(at + 4) })
    }

    pub(crate) fn set_flags(&self, gref: GrantRef, flags: u16) {
        if let Some((frame, at)) = self.place(gref) {
            frame.write(at, &flags.to_le_bytes());
        }
    }

    /// Writes an entry as the toolstack seeds it.
    pub(crate) fn seed(&self, gref: GrantRef, remote: DomId, gfn: Gfn) {
        let (frame, at) = self.place(gref).expect("the first page is always there");
        frame.set_u32(at + 4, gfn.0 as u32);
        frame.write(at + 2, &remote.0.to_le_bytes());
        frame.write(at, &PERMIT_ACCESS.to_le_bytes());
    }

    /// Returns the entries in use, the reserved ones left out.
    pub(crate) fn in_use(&self) -> Vec<GrantRef> {
        let pages: Vec<[u8; PAGE]> = self.frames.iter().map(|(frame, _)| frame.bytes(0)).collect();
        let entries = (0..).zip(pages.as_flattened().as_chunks::<8>().0).skip(RESERVED as usize);
        entries.filter(|(_, entry)| entry[..2] != [0, 0]).map(|(at, _)| GrantRef(at)).collect()
    }
}
