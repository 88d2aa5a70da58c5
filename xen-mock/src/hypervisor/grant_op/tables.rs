//! What a guest asks about its own table, and for it.

use xen_hypercall::{DomId, Gfn, GrantRef};

use crate::errno::{Answer, EPERM};
use crate::grants::RESERVED;
use crate::grants::status::{BAD_DOMAIN, BAD_VIRT_ADDR, GENERAL_ERROR, OKAY, PERMISSION_DENIED};
use crate::hypervisor::Args;
use crate::hypervisor::argument::{Argument, Fields};
use crate::violation::GrantMisuse;
use crate::world::World;

/// Where nothing is mapped.
const NOWHERE: u64 = u64::MAX;

impl World {
    fn status_for(&self, domain: u16) -> i16 {
        match self.only_self(domain) {
            Ok(_) => OKAY,
            Err(EPERM) => PERMISSION_DENIED,
            Err(_) if self.knows_domain(DomId(domain)) => PERMISSION_DENIED,
            Err(_) => BAD_DOMAIN,
        }
    }

    /// `GNTTABOP_query_size`.
    pub(super) fn query_size(&mut self, args: Args, block: Argument) -> Result<i16, isize> {
        let fields = block.read::<16>()?;
        self.padding(args, u64::from(fields.u16(2) | fields.u16(14)));
        let status = self.status_for(fields.u16(0));
        if status == OKAY {
            let (frames, max) = self.faults.grant_size.unwrap_or_else(|| self.domain.grants.size());
            block.write_at(4, &frames.to_le_bytes())?;
            block.write_at(8, &max.to_le_bytes())?;
        }
        Ok(status)
    }

    /// `GNTTABOP_setup_table`: grows the table, and tells where its frames are.
    pub(super) fn setup_table(&mut self, args: Args, block: Argument) -> Result<i16, isize> {
        let fields = block.read::<16>()?;
        self.padding(args, u64::from(fields.u16(2) | fields.u16(10)) | u64::from(fields.u32(12)));
        let status = self.status_for(fields.u16(0));
        if status != OKAY {
            return Ok(status);
        }
        let wanted = fields.u32(4) as usize;
        let grown = self.domain.grants.grow(wanted);
        let places = self.domain.grants.places(wanted).filter(|_| grown);
        self.list(places, block.pointer_at(16)?)
    }

    /// `GNTTABOP_get_status_frames`.
    pub(super) fn status_frames(&mut self, _args: Args, block: Argument) -> Result<i16, isize> {
        let fields = block.read::<8>()?;
        let status = self.status_for(fields.u16(4));
        if status != OKAY {
            return Ok(status);
        }
        let places = self.domain.grants.status_places(fields.u32(0) as usize);
        self.list(places, block.pointer_at(8)?)
    }

    /// Writes the frames' numbers: all of them, or as many as a fault leaves.
    fn list(&self, places: Option<Vec<Option<Gfn>>>, to: Argument) -> Result<i16, isize> {
        let Some(places) = places else { return Ok(GENERAL_ERROR) };
        let most = self.faults.grant_frames_written.unwrap_or(usize::MAX);
        for (index, place) in places.into_iter().enumerate().take(most) {
            if to.write_at(index * 8, &place.map_or(NOWHERE, |gfn| gfn.0).to_le_bytes()).is_err() {
                return Ok(BAD_VIRT_ADDR);
            }
        }
        Ok(OKAY)
    }

    /// `GNTTABOP_swap_grant_ref`. The toolstack's entries are to stay where its daemons look for them.
    pub(super) fn swap_grants(&mut self, args: Args, block: Argument) -> Result<i16, isize> {
        let fields = block.read::<12>()?;
        self.padding(args, fields.u16(10).into());
        let pair = [fields.u32(0), fields.u32(4)].map(GrantRef);
        let status = self.domain.grants.swap(pair[0], pair[1]);
        if status == OKAY && pair[0] != pair[1] {
            let touched = pair.into_iter().filter(|gref| gref.0 < RESERVED);
            touched.for_each(|gref| self.misuse(GrantMisuse::ReservedTouched(gref)));
        }
        Ok(status)
    }

    /// `GNTTABOP_get_version`.
    pub(super) fn version(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        self.padding(args, u64::from(fields.u16(2)));
        self.only_self(fields.u16(0))?;
        block.write_at(4, &self.domain.grants.version().number().to_le_bytes()).map(|()| 0)
    }

    /// `GNTTABOP_set_version`: the version in force comes back in any case.
    pub(super) fn set_version(&mut self, block: Argument) -> Answer {
        let wanted = block.read::<4>()?.u32(0);
        let before = (self.domain.grants.version(), self.domain.grants.in_use());
        let set = self.domain.grants.set_version(wanted);
        if self.domain.grants.version() != before.0 {
            before.1.into_iter().for_each(|gref| self.misuse(GrantMisuse::Wiped(gref)));
        }
        block.write_at(0, &self.domain.grants.version().number().to_le_bytes())?;
        set.map(|()| 0)
    }
}
