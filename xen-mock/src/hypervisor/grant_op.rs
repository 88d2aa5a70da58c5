//! `grant_table_op` (`grant_table.h`).

mod copies;
mod maps;
mod tables;

use super::Args;
use super::argument::Argument;
use crate::config::GrantOps;
use crate::errno::{Answer, EINVAL, ENOSYS};
use crate::faults::GrantTwist;
use crate::world::World;

/// An operation of a batch: what it does with its block, and the status that comes of it.
type Operation = fn(&mut World, Args, Argument) -> Result<i16, isize>;

/// The block of an operation: how long it is, and where its status stands.
#[derive(Debug, Clone, Copy)]
struct Block {
    size: usize,
    status: usize,
}

const fn block(size: usize, status: usize) -> Block {
    Block { size, status }
}

impl World {
    pub(super) fn grant_op(&mut self, args: Args, blocks: Argument) -> Answer {
        let count = args.third.addr();
        let all = self.config.grant_ops == GrantOps::All;
        match args.cmd {
            // The count is a C `unsigned int`, and none has its top bit set.
            _ if count as u32 > i32::MAX as u32 => Err(EINVAL),
            2 | 6 if count != 1 => Err(EINVAL),
            9 if all && count != 1 => Err(EINVAL),
            0 => self.batch(args, blocks, (block(32, 18), Self::map_grant)),
            1 => self.batch(args, blocks, (block(24, 20), Self::unmap_grant)),
            2 => self.batch(args, blocks, (block(24, 8), Self::setup_table)),
            5 => self.batch(args, blocks, (block(40, 36), Self::copy_grant)),
            6 => self.batch(args, blocks, (block(16, 12), Self::query_size)),
            8 => self.set_version(blocks),
            9 if all => self.batch(args, blocks, (block(16, 6), Self::status_frames)),
            10 => self.version(args, blocks),
            11 => self.batch(args, blocks, (block(12, 8), Self::swap_grants)),
            12 if all => self.flush_caches(args, blocks),
            _ => Err(ENOSYS),
        }
    }

    /// Does one operation after the other. Each has a status of its own; an error of the call leaves the rest as it is.
    fn batch(&mut self, args: Args, blocks: Argument, (block, operation): (Block, Operation)) -> Answer {
        for index in 0..args.third.addr() as u32 as usize {
            let one = blocks.at(index * block.size);
            let status = match self.faults.grant(args.cmd) {
                Some(GrantTwist::Call(error)) => return Err(error),
                Some(GrantTwist::Unwritten) => continue,
                Some(GrantTwist::Status(status)) => status,
                None => operation(self, args, one)?,
            };
            one.write_at(block.status, &status.to_le_bytes())?;
        }
        Ok(0)
    }
}
