//! The table made, made anew, and made larger.

use xen_hypercall::op::grant_table;
use xen_hypercall::{Errno, Hypercall, IrqGate, SharedPage};

use crate::frames::{Array, Listed, Physmap, Places};
use crate::{Table, TableError, Version};

impl<H: Hypercall, G: IrqGate> Table<'_, H, G> {
    /// Maps the table and makes all its entries free: at the start, and in a new domain. Returns the frames mapped.
    ///
    /// All grants of before are void. If Xen has fewer frames for us than there are places, the table is smaller. No other
    /// processor is within a call to the table or a pool meanwhile: in a suspend, they are parked outside of the gate's sections.
    ///
    /// # Errors
    /// [`TableError`]: no table is mapped, and no page can be offered.
    ///
    /// # Xen
    /// `GNTTABOP_set_version`, `GNTTABOP_query_size` of `grant_table.h`; `XENMEM_add_to_physmap` of `memory.h` for each frame,
    /// the highest first.
    #[doc(alias("GNTTABOP_set_version", "gnttab_resume", "gnttab_init"))]
    pub fn rebuild(&self) -> Result<usize, TableError> {
        self.remake(&mut Physmap(&self.hook))
    }

    /// As [`Table::rebuild`], in a PV guest, where `map` has a place show a machine frame.
    ///
    /// `list` is room for the numbers of the frames: there are no more than it is long.
    ///
    /// # Errors
    /// As [`Table::rebuild`], and what `map` returns.
    ///
    /// # Xen
    /// `GNTTABOP_set_version`, `GNTTABOP_query_size`, `GNTTABOP_setup_table`, `GNTTABOP_get_status_frames` of `grant_table.h`.
    #[doc(alias = "GNTTABOP_setup_table")]
    pub fn rebuild_listed(
        &self,
        list: &mut [u64],
        map: impl FnMut(&SharedPage, u64) -> Result<(), Errno>,
    ) -> Result<usize, TableError> {
        self.remake(&mut Listed { hook: &self.hook, list, map })
    }

    /// Goes on in the same domain, where all grants are as they were.
    ///
    /// Offers of before may be ended, and fail to as long as the page is mapped.
    ///
    /// # Errors
    /// [`TableError::Changed`] if the table has another version than it had, by whatever hand. No page can be offered then, and no
    /// offer ends.
    ///
    /// # Xen
    /// `GNTTABOP_get_version` of `grant_table.h`.
    pub fn reconcile(&self) -> Result<(), TableError> {
        let Some(version) = self.version() else { return Ok(()) };
        match grant_table::version(&self.hook) {
            Ok(found) if found != version.number() => {
                self.core.lose();
                Err(TableError::Changed(found))
            }
            // No answer says nothing: where the operation is missing, there is no other version.
            Ok(_) | Err(_) => {
                // It is another epoch.
                self.core.aside.turn();
                Ok(())
            }
        }
    }

    /// Makes the table as large as `frames`, if it is smaller and there are the places for it; returns the frames mapped.
    ///
    /// # Errors
    /// [`TableError`]; the table is as it was.
    ///
    /// # Xen
    /// As [`Table::rebuild`], without the version.
    pub fn grow(&self, frames: usize) -> Result<usize, TableError> {
        self.enlarge(frames, &mut Physmap(&self.hook))
    }

    /// As [`Table::grow`], in a PV guest; as [`Table::rebuild_listed`].
    ///
    /// # Errors
    /// As [`Table::grow`].
    ///
    /// # Xen
    /// As [`Table::rebuild_listed`], without the version.
    pub fn grow_listed(
        &self,
        frames: usize,
        list: &mut [u64],
        map: impl FnMut(&SharedPage, u64) -> Result<(), Errno>,
    ) -> Result<usize, TableError> {
        self.enlarge(frames, &mut Listed { hook: &self.hook, list, map })
    }

    fn remake(&self, places: &mut impl Places) -> Result<usize, TableError> {
        // As large as it had become, if it had, also if it was not to be had at the last attempt.
        let wanted = self.first.max(self.core.shape.most());
        // Nothing is given out, and no guard reaches an entry, before all is well.
        self.core.close();
        let version = self.negotiate()?;
        let (frames, limit) = self.place(places, version, (0, wanted))?;
        self.core.open(version, frames, limit);
        Ok(frames)
    }

    fn enlarge(&self, wanted: usize, places: &mut impl Places) -> Result<usize, TableError> {
        let (life, before) = (self.core.shape.life(), self.core.shape.frames());
        let Some(version) = self.version().filter(|_| wanted > before) else { return Ok(before) };
        let (frames, limit) = self.place(places, version, (before, wanted))?;
        Ok(self.core.extend(life, (frames, limit)))
    }

    /// Maps frames beyond those that are mapped, up to as many as are wanted, and returns how many there are, and entries.
    fn place(
        &self,
        places: &mut impl Places,
        version: Version,
        (before, wanted): (usize, usize),
    ) -> Result<(usize, u32), TableError> {
        // Whatever Xen says, or if it says nothing: it has the last word when the frames are mapped.
        let size = grant_table::query_size(&self.hook).ok();
        let max = size.and_then(|size| usize::try_from(size.max_frames).ok()).unwrap_or(usize::MAX).max(1);
        let upto = |pages: &'_ [SharedPage], count: usize| pages.len().min(count);
        let (pages, status) = (self.core.frames, self.core.status);
        let (pages, _) = pages.split_at(upto(pages, wanted.min(max)));
        let frames = if pages.len() > before { places.put(Array::Shared, pages, before)? } else { before };
        let (status, _) = status.split_at(upto(status, version.status_frames(frames)));
        let have = version.status_frames(before);
        let words = if status.len() > have { places.put(Array::Status, status, have)? } else { status.len() };
        let entries = version.entries(frames, words).min(self.core.slots.len());
        Ok((frames, u32::try_from(entries).unwrap_or(u32::MAX)))
    }

    /// Chooses the version: the second if there are places for its status words and Xen has it, else the first.
    fn negotiate(&self) -> Result<Version, TableError> {
        if !self.core.status.is_empty() {
            match grant_table::set_version(&self.hook, Version::V2.number()) {
                Ok(2) => return Ok(Version::V2),
                // There is but version 1 here, or it is not for us.
                Ok(_) | Err(Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM | Errno::EINVAL) => {}
                Err(errno) => return Err(TableError::Version(errno)),
            }
        }
        match grant_table::set_version(&self.hook, Version::V1.number()) {
            // Where there is no such operation there is no other version.
            Ok(1) | Err(Errno::ENOSYS) => Ok(Version::V1),
            Ok(found) => Err(TableError::Changed(found)),
            Err(errno) => Err(TableError::Version(errno)),
        }
    }
}
