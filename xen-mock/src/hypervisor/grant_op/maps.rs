//! Mapping pages of others, and unmapping them.

use xen_hypercall::{DomId, Gfn, GrantRef};

use crate::grants::status::{BAD_DOMAIN, BAD_GNTREF, BAD_HANDLE, GENERAL_ERROR, NO_SPACE, OKAY};
use crate::grants::{Access, MapMode, Track};
use crate::hypervisor::Args;
use crate::hypervisor::argument::{Argument, Fields};
use crate::memory::PAGE;
use crate::violation::GrantMisuse;
use crate::world::World;

const DEVICE_MAP: u32 = 1 << 0;
const HOST_MAP: u32 = 1 << 1;
const MAP_READONLY: u32 = 1 << 2;
const APPLICATION_MAP: u32 = 1 << 3;
const CONTAINS_PTE: u32 = 1 << 4;

const fn frame_of(address: u64) -> Gfn {
    Gfn(address / PAGE as u64)
}

impl World {
    /// `GNTTABOP_map_grant_ref`, of a guest whose memory is translated: the address is one of guest-physical memory.
    pub(super) fn map_grant(&mut self, args: Args, block: Argument) -> Result<i16, isize> {
        let fields = block.read::<32>()?;
        let (address, flags) = (fields.u64(0), fields.u32(8));
        let known = DEVICE_MAP | HOST_MAP | MAP_READONLY | APPLICATION_MAP | CONTAINS_PTE;
        self.padding(args, u64::from(flags & !known) | (address % PAGE as u64));
        let mode = if flags & MAP_READONLY == 0 { MapMode::Write } else { MapMode::Read };
        if flags & (DEVICE_MAP | HOST_MAP) == 0 {
            return Ok(BAD_GNTREF);
        }
        if flags & (DEVICE_MAP | APPLICATION_MAP | CONTAINS_PTE) != 0 {
            return Ok(GENERAL_ERROR);
        }
        let (owner, gref) = (DomId(fields.u16(16)), GrantRef(fields.u32(12)));
        if !self.knows_domain(owner) {
            return Ok(BAD_DOMAIN);
        }
        match self.map_at(frame_of(address), (owner, gref), mode) {
            Ok((handle, track)) => {
                block.write_at(20, &handle.to_le_bytes())?;
                block.write_at(24, &track.bus_address().to_le_bytes()).map(|()| OKAY)
            }
            Err(status) => Ok(status),
        }
    }

    fn map_at(&mut self, place: Gfn, (owner, gref): (DomId, GrantRef), mode: MapMode) -> Result<(u32, Track), i16> {
        if !self.tracks.has_space() {
            return Err(NO_SPACE);
        }
        let domain = self.domain.id;
        let frame = self.pin(owner, gref, Access { domain, mode }).map_err(|refusal| refusal.status())?;
        let Some(hole) = self.memory.place(place).filter(|_| !self.memory.mirrors.is_taken(place)) else {
            self.misuse(GrantMisuse::NoSuchPlace(place));
            self.unpin(owner, gref, mode);
            return Err(GENERAL_ERROR);
        };
        self.memory.mirrors.attach(frame, (place, hole), mode);
        let track = Track { owner, gref, mode, frame, place };
        Ok((self.tracks.add(track), track))
    }

    /// `GNTTABOP_unmap_grant_ref`.
    pub(super) fn unmap_grant(&mut self, args: Args, block: Argument) -> Result<i16, isize> {
        let fields = block.read::<24>()?;
        self.padding(args, u64::from(fields.u16(22)));
        let (address, handle) = (fields.u64(0), fields.u32(16));
        let Some(track) = self.tracks.at(handle) else {
            let twice = self.tracks.was_used(handle);
            self.misuse(if twice { GrantMisuse::UnmappedTwice(handle) } else { GrantMisuse::NoSuchHandle(handle) });
            return Ok(BAD_HANDLE);
        };
        if address == 0 {
            // Xen does nothing, and says that all is well.
            self.misuse(GrantMisuse::UnmappedNothing(handle));
            return Ok(OKAY);
        }
        if frame_of(address) != track.place {
            self.misuse(GrantMisuse::UnmappedElsewhere(handle, frame_of(address)));
            return Ok(GENERAL_ERROR);
        }
        self.unmap(handle);
        Ok(OKAY)
    }

    fn unmap(&mut self, handle: u32) {
        if let Some(track) = self.tracks.take(handle) {
            self.memory.mirrors.detach(track.place);
            self.unpin(track.owner, track.gref, track.mode);
        }
    }
}
