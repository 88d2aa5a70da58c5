//! Copies by Xen, and the flush of caches.

use xen_hypercall::{DomId, Gfn, GrantRef};

use crate::errno::{Answer, EINVAL};
use crate::grants::status::{BAD_COPY_ARG, BAD_DOMAIN, BAD_PAGE, OKAY, PERMISSION_DENIED};
use crate::grants::{Access, MapMode};
use crate::hypervisor::Args;
use crate::hypervisor::argument::{Argument, Fields};
use crate::hypervisor::uses::{Span, Steps};
use crate::memory::PAGE;
use crate::world::World;

const SOURCE_GREF: u16 = 1 << 0;
const DEST_GREF: u16 = 1 << 1;

const CLEAN: u32 = 1 << 0;
const INVAL: u32 = 1 << 1;

/// One side of a copy, as the block names it.
#[derive(Debug, Clone, Copy)]
struct Side {
    domain: DomId,
    /// A reference or a frame.
    number: u64,
    offset: usize,
    is_gref: bool,
    mode: MapMode,
}

impl Side {
    fn new(fields: &[u8; 40], at: usize, (is_gref, mode): (bool, MapMode)) -> Self {
        let number = if is_gref { u64::from(fields.u32(at)) } else { fields.u64(at) };
        Self { domain: DomId(fields.u16(at + 8)), number, offset: fields.u16(at + 10).into(), is_gref, mode }
    }
}

impl World {
    /// `GNTTABOP_copy`.
    pub(super) fn copy_grant(&mut self, args: Args, block: Argument) -> Result<i16, isize> {
        let fields = block.read::<40>()?;
        let (length, flags) = (usize::from(fields.u16(32)), fields.u16(34));
        let unknown = u32::from(flags & !(SOURCE_GREF | DEST_GREF)) | u32::from(fields.u16(38));
        self.padding(args, u64::from(fields.u32(12) | fields.u32(28) | unknown));
        let source = Side::new(&fields, 0, (flags & SOURCE_GREF != 0, MapMode::Read));
        let dest = Side::new(&fields, 16, (flags & DEST_GREF != 0, MapMode::Write));
        // Xen looks at nothing else of a copy of nothing.
        Ok(if length == 0 { OKAY } else { self.copy(source, dest, length).err().unwrap_or(OKAY) })
    }

    fn copy(&mut self, source: Side, dest: Side, length: usize) -> Result<(), i16> {
        self.check_side(source)?;
        self.check_side(dest)?;
        let (from, to) = (self.claim(source)?, self.claim(dest)?);
        if source.offset + length > PAGE || dest.offset + length > PAGE {
            return Err(BAD_COPY_ARG);
        }
        from.check(source.offset, length)?;
        to.check(dest.offset, length)?;
        let mut bytes = vec![0; length];
        from.frame.copy_to(source.offset, &mut bytes);
        to.frame.write(dest.offset, &bytes);
        Ok(())
    }

    fn check_side(&self, side: Side) -> Result<(), i16> {
        match side.domain {
            DomId::SELF => Ok(()),
            _ if !side.is_gref => Err(PERMISSION_DENIED),
            other if self.knows_domain(other) => Ok(()),
            _ => Err(BAD_DOMAIN),
        }
    }

    fn claim(&mut self, side: Side) -> Result<Span, i16> {
        if !side.is_gref {
            return self.memory.frame(Gfn(side.number)).map(Span::whole).ok_or(BAD_PAGE);
        }
        let own = self.domain.id;
        let owner = if side.domain == DomId::SELF { own } else { side.domain };
        let gref = GrantRef(side.number as u32);
        self.reach((owner, gref), Access { domain: own, mode: side.mode }, Steps::One)
            .map_err(|refusal| refusal.status())
    }

    /// `GNTTABOP_cache_flush`: there are no caches, but all else is checked. It has no status: an error ends the call.
    pub(super) fn flush_caches(&mut self, args: Args, blocks: Argument) -> Answer {
        (0..args.third.addr()).try_for_each(|index| self.flush_cache(blocks.at(index * 16))).map(|()| 0)
    }

    fn flush_cache(&self, block: Argument) -> Result<(), isize> {
        let fields = block.read::<16>()?;
        let (offset, length) = (usize::from(fields.u16(8)), usize::from(fields.u16(10)));
        let op = fields.u32(12);
        // No Xen takes a reference here, `GNTTAB_CACHE_SOURCE_GREF` of the header, either.
        if offset >= PAGE || offset + length > PAGE || op & !(CLEAN | INVAL) != 0 {
            return Err(EINVAL);
        }
        let is_mapped = |(_, track): (u32, crate::grants::Track)| track.bus_address() == fields.u64(0);
        if length == 0 || op == 0 || self.tracks.all().any(is_mapped) { Ok(()) } else { Err(EINVAL) }
    }
}
