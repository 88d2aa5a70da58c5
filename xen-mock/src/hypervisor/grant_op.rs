//! `grant_table_op` (`grant_table.h`): what a guest asks about its own table.

use super::Args;
use super::argument::{Argument, Fields};
use crate::errno::{Answer, EINVAL, ENOSYS};
use crate::world::World;

/// `GNTST_bad_domain` and `GNTST_permission_denied`.
const BAD_DOMAIN: i16 = -2;
const DENIED: i16 = -8;

impl World {
    pub(super) fn grant_op(&mut self, args: Args, block: Argument) -> Answer {
        match args.cmd {
            6 | 8 | 10 if args.third.addr() != 1 => Err(EINVAL),
            6 => self.query_size(args, block),
            8 => set_version(block),
            10 => self.version(args, block),
            _ => Err(ENOSYS),
        }
    }

    fn status_for(&self, domain: u16) -> i16 {
        match self.only_self(domain) {
            Ok(_) => 0,
            Err(crate::errno::EPERM) => DENIED,
            Err(_) => BAD_DOMAIN,
        }
    }

    fn query_size(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<16>()?;
        self.padding(args, u64::from(fields.u16(2) | fields.u16(14)));
        let status = self.status_for(fields.u16(0));
        if status == 0 {
            let (frames, max) = self.domain.grants.size();
            block.write_at(4, &frames.to_le_bytes())?;
            block.write_at(8, &max.to_le_bytes())?;
        }
        block.write_at(12, &status.to_le_bytes()).map(|()| 0)
    }

    fn version(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        self.padding(args, u64::from(fields.u16(2)));
        self.only_self(fields.u16(0))?;
        block.write_at(4, &1_u32.to_le_bytes()).map(|()| 0)
    }
}

/// As a Xen with `gnttab=max-ver:1`: the version in force comes back in any case.
fn set_version(block: Argument) -> Answer {
    let wanted = block.read::<4>()?.u32(0);
    block.write_at(0, &1_u32.to_le_bytes())?;
    match wanted {
        1 => Ok(0),
        2 => Err(ENOSYS),
        _ => Err(EINVAL),
    }
}
