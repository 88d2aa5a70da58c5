//! The use of an entry of the guest's: what Xen checks before, and what it counts.

use xen_hypercall::{Gfn, GrantRef};

use super::active::Active;
use super::entry::{Content, READONLY, SUB_PAGE, TYPE_MASK, Version, XEN_BITS};
use super::{Access, GrantTable, MapMode, Refusal};
use crate::memory::Frame;

impl GrantTable {
    /// Finds out what an entry gives to `access`, which wants to copy.
    ///
    /// # Errors
    /// Why Xen would refuse.
    pub(crate) fn look(&self, gref: GrantRef, access: Access) -> Result<Content, Refusal> {
        let entry = self.entry(gref).ok_or(Refusal::Beyond)?;
        let active = self.active.get(&gref.0);
        active.map_or(Ok(()), |active| active.admits(access))?;
        // Who maps as those do who have it mapped needs no leave of the entry, which may be closed by now.
        let writes = access.mode == MapMode::Write;
        if active.is_none_or(|active| writes && active.writers == 0) {
            match entry.flags() {
                flags if flags & TYPE_MASK == 0 => return Err(Refusal::Nothing),
                _ if entry.domain() != access.domain => return Err(Refusal::Another),
                flags if writes && flags & READONLY != 0 => return Err(Refusal::ReadOnly),
                _ => {}
            }
        }
        Ok(active.map_or_else(|| entry.content(), |active| active.entry.content()))
    }

    /// Notes one more mapping of an entry, and returns the page.
    ///
    /// # Errors
    /// Why Xen would refuse.
    pub(crate) fn pin(
        &mut self,
        gref: GrantRef,
        access: Access,
        find: impl FnOnce(Gfn) -> Option<Frame>,
    ) -> Result<Frame, Refusal> {
        let content = self.look(gref, access)?;
        let entry = self.entry(gref).ok_or(Refusal::Beyond)?;
        // A bit of version 2 is no business of version 1, but keeps Xen from mapping the page.
        let whole = self.active.contains_key(&gref.0) || entry.flags() & SUB_PAGE == 0;
        let Content::Page(gfn) = content else { return Err(Refusal::Nothing) };
        if !whole {
            return Err(Refusal::Nothing);
        }
        let entry = if self.version == Version::V1 { entry.with_flags(entry.flags() & !XEN_BITS) } else { entry };
        let frame = match self.active.get(&gref.0) {
            Some(active) => active.frame,
            None => find(gfn).ok_or(Refusal::BadFrame)?,
        };
        let active = self.active.entry(gref.0).or_insert_with(|| Active::new(access.domain, frame, entry));
        active.add(access.mode);
        let bits = active.bits();
        self.set_bits(gref, bits);
        Ok(frame)
    }

    /// Sets Xen's bits to what may not be true.
    pub(crate) fn feign_bits(&mut self, gref: GrantRef, bits: u16) {
        if let Some(active) = self.active.get_mut(&gref.0) {
            active.reported |= bits != active.bits();
        }
        self.set_bits(gref, bits);
    }

    /// Ends one mapping; the last one takes Xen's bits away.
    pub(crate) fn unpin(&mut self, gref: GrantRef, mode: MapMode) {
        let Some(active) = self.active.get_mut(&gref.0) else { return };
        active.take(mode);
        let bits = active.bits();
        if active.is_idle() {
            self.active.remove(&gref.0);
        }
        self.set_bits(gref, bits);
    }
}
