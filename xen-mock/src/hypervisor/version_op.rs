//! `xen_version` (`version.h`).

use super::Args;
use super::argument::{Argument, Fields};
use crate::errno::{Answer, EINVAL, ENOSYS};
use crate::world::World;

/// `XENFEAT_*` of a PVH or HVM guest: auto-translated physmap, callback vector, safe pvclock, vnodes.
const FEATURES: u32 = 1 << 2 | 1 << 8 | 1 << 9 | 1 << 13;

impl World {
    pub(super) fn version_op(&mut self, args: Args, block: Argument) -> Answer {
        match args.cmd {
            0 => Ok((isize::from(self.version.0 as i16)) << 16 | isize::from(self.version.1 as i16)),
            1 => block.write_at(0, b".0-mock\0\0\0\0\0\0\0\0\0").map(|()| 0),
            6 => {
                let submap = block.read::<8>()?.u32(0);
                if submap != 0 {
                    return Err(EINVAL);
                }
                block.write_at(4, &FEATURES.to_le_bytes()).map(|()| 0)
            }
            7 => Ok(4096),
            _ => Err(ENOSYS),
        }
    }
}
