//! The change of a table's version.

use xen_hypercall::GrantRef;

use super::GrantTable;
use super::entry::{Content, Version, XEN_BITS};
use super::table::{RESERVED, entry_at};
use crate::errno::{EBUSY, EINVAL, ENOSYS, ERANGE};
use crate::memory::PAGE;

impl GrantTable {
    /// Changes the version, as a guest may while nothing but reserved entries is in use. These are kept, all else is wiped.
    ///
    /// # Errors
    /// `ENOSYS` where there is no such version, `EINVAL` for one that nobody knows, `EBUSY` for entries in use, `ERANGE` for
    /// a reserved entry that version 1 cannot hold.
    pub(crate) fn set_version(&mut self, wanted: u32) -> Result<(), isize> {
        let wanted = Version::from_number(wanted).ok_or(EINVAL)?;
        if wanted > self.limits.version {
            return Err(ENOSYS);
        }
        if wanted == self.version {
            return Ok(());
        }
        if self.active.keys().any(|gref| *gref >= RESERVED) {
            return Err(EBUSY);
        }
        let kept = (0..RESERVED).map(|gref| self.kept(GrantRef(gref), wanted)).collect::<Result<Vec<_>, _>>()?;
        self.wipe(wanted);
        for (gref, (bytes, bits)) in (0..).map(GrantRef).zip(kept) {
            let (index, at) = self.place(gref).expect("reserved entries are in the first page");
            self.shared[index].write(at, &bytes[..wanted.entry_size()]);
            self.set_bits(gref, bits);
        }
        for (gref, active) in &mut self.active {
            let entry = entry_at(self.version, &self.shared[0].seen, *gref as usize * self.version.entry_size());
            active.entry = entry.with_flags(active.entry.flags());
        }
        Ok(())
    }

    /// Begins the table anew in another version; the status of the old one is no more.
    fn wipe(&mut self, wanted: Version) {
        for slot in &mut self.shared {
            slot.write(0, &[0; PAGE]);
        }
        self.status.iter().filter(|slot| slot.gfn.is_some()).for_each(|slot| slot.frame.vanish());
        self.status.clear();
        self.version = wanted;
        self.grow(self.shared.len());
    }

    /// Returns a reserved entry as another version writes it, and Xen's bits of it.
    fn kept(&self, gref: GrantRef, wanted: Version) -> Result<([u8; 16], u16), isize> {
        let (entry, bits) = (self.entry(gref).ok_or(EINVAL)?, self.bits(gref).ok_or(EINVAL)?);
        let mut bytes = [0; 16];
        match entry.content() {
            Content::Page(gfn) | Content::Part { gfn, .. } => {
                bytes[..4].copy_from_slice(&entry.with_flags(entry.flags() & !XEN_BITS).bytes[..4]);
                match wanted {
                    Version::V1 => bytes[4..8].copy_from_slice(&u32::try_from(gfn.0).or(Err(ERANGE))?.to_le_bytes()),
                    Version::V2 => bytes[8..].copy_from_slice(&gfn.0.to_le_bytes()),
                }
                Ok((bytes, bits))
            }
            Content::Through { .. } => Err(ERANGE),
            Content::Nothing | Content::Transfer => Ok((bytes, 0)),
        }
    }
}
