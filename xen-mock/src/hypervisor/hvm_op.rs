//! `hvm_op` (`hvm/hvm_op.h`, `hvm/params.h`).

use super::Args;
use super::argument::{Argument, Fields};
use crate::domain::{CALLBACK_IRQ, CONSOLE_EVTCHN, CONSOLE_PFN, STORE_EVTCHN, STORE_PFN};
use crate::errno::{Answer, EEXIST, EINVAL, ENOENT, ENOSYS, EPERM};
use crate::world::World;

const VM86_TSS: usize = 15;
const ACPI_IOPORTS: usize = 19;
const GENERATION_ID: usize = 34;
const ALTP2M: usize = 35;
const FIP_WIDTH: usize = 36;
const VM86_TSS_SIZED: usize = 37;
/// Parameters whose meaning is undefined by now.
const DEPRECATED: [usize; 10] = [4, 13, 20, 21, 22, 23, 24, 25, 26, 30];
/// The lowest vector that an upcall may have.
const LOWEST_VECTOR: u8 = 16;

impl World {
    pub(super) fn hvm_op(&mut self, args: Args, block: Argument) -> Answer {
        match args.cmd {
            0 => self.set_param(args, block),
            1 => self.param(args, block),
            23 => self.set_upcall_vector(args, block),
            _ => Err(ENOSYS),
        }
    }

    fn named_param(&mut self, args: Args, block: Argument) -> Result<(usize, u64), isize> {
        let fields = block.read::<16>()?;
        let index = fields.u32(4) as usize;
        if index >= self.domain.params.len() {
            return Err(EINVAL);
        }
        self.only_self(fields.u16(0))?;
        self.padding(args, u64::from(fields.u16(2)));
        Ok((index, fields.u64(8)))
    }

    fn set_param(&mut self, args: Args, block: Argument) -> Answer {
        let (index, value) = self.named_param(args, block)?;
        match index {
            CALLBACK_IRQ | STORE_EVTCHN | CONSOLE_EVTCHN | VM86_TSS | VM86_TSS_SIZED => {}
            ACPI_IOPORTS | GENERATION_ID | FIP_WIDTH => {}
            ALTP2M => return Err(EEXIST),
            _ if DEPRECATED.contains(&index) => return Err(EINVAL),
            _ => return Err(EPERM),
        }
        self.domain.params[index] = value;
        if index == CALLBACK_IRQ {
            self.domain.tell_again();
        }
        Ok(0)
    }

    fn param(&mut self, args: Args, block: Argument) -> Answer {
        let (index, _) = self.named_param(args, block)?;
        match index {
            CALLBACK_IRQ | STORE_PFN | STORE_EVTCHN | CONSOLE_PFN | CONSOLE_EVTCHN => {}
            VM86_TSS | VM86_TSS_SIZED | ACPI_IOPORTS | GENERATION_ID | ALTP2M | FIP_WIDTH => {}
            _ if DEPRECATED.contains(&index) => return Err(EINVAL),
            _ => return Err(EPERM),
        }
        block.write_at(8, &self.domain.params[index].to_le_bytes()).map(|()| 0)
    }

    fn set_upcall_vector(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        self.padding(args, fields.u64(0) >> 40);
        if fields[4] < LOWEST_VECTOR {
            return Err(EINVAL);
        }
        let vcpu = fields.u32(0);
        self.domain.vcpus.get_mut(vcpu as usize).ok_or(ENOENT)?.vector = Some(fields[4]);
        // Whether an upcall is pending or not.
        self.domain.interrupt(vcpu);
        Ok(0)
    }
}
