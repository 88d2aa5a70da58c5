//! Operations of the FIFO ABI.

use xen_hypercall::{Gfn, Port};

use super::super::Args;
use super::super::argument::{Argument, Fields};
use crate::config::FifoAbi;
use crate::errno::{Answer, EACCES, EINVAL, ENOENT, ENOSPC, ENOSYS, EOPNOTSUPP};
use crate::events::{Fifo, LINK_BITS, PRIORITY_MIN, Place};
use crate::memory::{CONSOLE_GFN, Frame, PAGE, STORE_GFN};
use crate::violation::Violation;
use crate::world::World;

/// Size of a control block; where the last one in a page may start.
const BLOCK: usize = 72;
const LAST_PLACE: u32 = 4096 - 72;
/// What a fresh word may hold: a guest may begin with all ports masked.
const MASKED: u32 = 1 << 30;
/// Size of `vcpu_info`.
const VCPU_INFO: usize = 64;

impl World {
    pub(super) fn fifo_op(&mut self, args: Args, block: Argument) -> Answer {
        match (self.fifo, args.cmd) {
            (FifoAbi::Unknown, _) => Err(ENOSYS),
            (_, 13) => self.set_priority(block),
            (FifoAbi::Disabled, _) => Err(EOPNOTSUPP),
            (FifoAbi::Present, 11) => self.init_control(args, block),
            (FifoAbi::Present, _) => self.expand_array(block),
        }
    }

    fn init_control(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<24>()?;
        self.padding(args, fields.u64(16) >> 8);
        let (gfn, offset, vcpu) = (Gfn(fields.u64(0)), fields.u32(8), fields.u32(12));
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        if offset > LAST_PLACE || offset % 8 != 0 {
            return Err(EINVAL);
        }
        if self.domain.fifo.as_ref().is_some_and(|fifo| fifo.has_block(vcpu)) {
            return Err(EINVAL);
        }
        let frame = self.frame_for_events(gfn)?;
        let place = Place { frame, offset: offset as usize };
        self.judge_memory(gfn, (place, BLOCK));
        if frame.bytes::<BLOCK>(place.offset) != [0; BLOCK] {
            self.violation(Violation::FifoMemoryStale(gfn));
        }
        if self.domain.fifo.is_none() {
            self.domain.begin_fifo(Fifo::new(self.domain.vcpus.len()));
        }
        if let Some(fifo) = &mut self.domain.fifo {
            fifo.add_block(vcpu, place);
        }
        block.write_at(16, &[LINK_BITS]).map(|()| 0)
    }

    fn expand_array(&mut self, block: Argument) -> Answer {
        let gfn = Gfn(block.read::<8>()?.u64(0));
        match &self.domain.fifo {
            None => return Err(EOPNOTSUPP),
            Some(fifo) if fifo.is_full() => return Err(ENOSPC),
            Some(_) => {}
        }
        let frame = self.frame_for_events(gfn)?;
        self.judge_memory(gfn, (Place { frame, offset: 0 }, PAGE));
        let is_fresh = |word: &[u8]| word == [0; 4] || word == MASKED.to_le_bytes();
        if !frame.bytes::<PAGE>(0).chunks_exact(4).all(is_fresh) {
            self.violation(Violation::FifoMemoryStale(gfn));
        }
        let ports = self.domain.fifo.as_mut().map(|fifo| fifo.add_page(frame)).unwrap_or_default();
        self.domain.deliver_saved(ports);
        Ok(0)
    }

    fn set_priority(&mut self, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        let (port, priority) = (Port(fields.u32(0)), fields.u32(4));
        let has_priorities = self.domain.fifo.is_some();
        let slot = self.domain.ports.slot_mut(port).ok_or(EINVAL)?;
        if !has_priorities {
            return Err(ENOSYS);
        }
        if !slot.channel.is_usable() {
            return Err(EACCES);
        }
        if priority > PRIORITY_MIN {
            self.violation(Violation::NoSuchPriority(port, priority));
            return Err(EINVAL);
        }
        slot.priority = priority as u8;
        Ok(0)
    }

    fn frame_for_events(&mut self, gfn: Gfn) -> Result<Frame, isize> {
        self.frame(gfn).ok_or_else(|| {
            self.violation(Violation::NoSuchFrame(gfn));
            EINVAL
        })
    }

    /// Notes memory that is given for events while it serves another purpose, which Xen does not look at.
    fn judge_memory(&mut self, gfn: Gfn, (place, len): (Place, usize)) {
        let domain = &self.domain;
        let shared = domain.grants.mapped_frames().any(|frame| frame == place.frame)
            || (domain.shared_info_mapped && domain.shared_info == place.frame)
            || [CONSOLE_GFN, STORE_GFN].contains(&gfn);
        let within = |(frame, at): &(Frame, usize)| {
            *frame == place.frame && *at < place.offset + len && place.offset < at + VCPU_INFO
        };
        let in_vcpu_info = domain.registered.iter().flatten().any(within);
        let again = domain.fifo.as_ref().is_some_and(|fifo| fifo.overlaps(place, len));
        if shared || in_vcpu_info || again {
            self.violation(Violation::FifoMemoryInUse(gfn));
        }
    }
}
