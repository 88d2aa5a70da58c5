//! `memory_op` (`memory.h`).

use xen_hypercall::Gfn;

use super::Args;
use super::argument::{Argument, Fields};
use crate::errno::{Answer, EINVAL, ENOSYS, EPERM};
use crate::grants::Version;
use crate::memory::Frame;
use crate::violation::Violation;
use crate::world::World;

const SHARED_INFO: u32 = 0;
const GRANT_TABLE: u32 = 1;
const GRANT_TABLE_STATUS: u32 = 0x8000_0000;

impl World {
    pub(super) fn memory_op(&mut self, args: Args, block: Argument) -> Answer {
        match args.cmd {
            7 => self.add_to_physmap(args, block),
            _ => Err(ENOSYS),
        }
    }

    fn add_to_physmap(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<24>()?;
        self.only_self(fields.u16(0))?;
        self.padding(args, u64::from(fields.u16(2)));
        let (space, index, gfn) = (fields.u32(4), fields.u64(8), Gfn(fields.u64(16)));
        let Some(frame) = self.frame(gfn).or_else(|| self.memory.place(gfn)) else {
            self.violation(Violation::NoSuchFrame(gfn));
            return Err(EINVAL);
        };
        match space {
            SHARED_INFO if index == 0 => Ok(self.map_shared_info(frame)),
            GRANT_TABLE if self.map_grant_frame(index, (frame, gfn)) => Ok(0),
            SHARED_INFO | GRANT_TABLE => Err(EINVAL),
            2..=5 => Err(EPERM),
            _ => Err(ENOSYS),
        }
    }

    /// Only in version 2 the index has a bit for the status; else it is far beyond the table.
    fn map_grant_frame(&mut self, index: u64, to: (Frame, Gfn)) -> bool {
        let Ok(index) = u32::try_from(index) else { return false };
        let grants = &mut self.domain.grants;
        match grants.version() {
            Version::V2 if index & GRANT_TABLE_STATUS != 0 => {
                grants.map_status((index & !GRANT_TABLE_STATUS) as usize, to)
            }
            _ => grants.map(index as usize, to),
        }
    }

    fn map_shared_info(&mut self, frame: Frame) -> isize {
        frame.take_over(self.domain.shared_info);
        self.domain.shared_info = frame;
        self.domain.shared_info_mapped = true;
        0
    }
}
