//! `vcpu_op` (`vcpu.h`).

use xen_hypercall::Gfn;

use super::Args;
use super::argument::{Argument, Fields};
use crate::domain::State;
use crate::errno::{Answer, EBUSY, EINVAL, ENOENT, ENOSYS, ENXIO, ETIME};
use crate::violation::Violation;
use crate::world::{Task, World};

/// Size of `vcpu_info`, and where the last one in a page may start.
const LAST_PLACE: u32 = 4096 - 64;

impl World {
    pub(super) fn vcpu_op(&mut self, args: Args) -> Answer {
        let vcpu = u32::try_from(args.second.addr()).unwrap_or(u32::MAX);
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        let block = Argument::new(args.third);
        match args.cmd {
            3 => Ok(isize::from(vcpu == 0 && self.domain.state == State::Running)),
            7 => Ok(0),
            8 => self.set_timer(vcpu, (args, block)),
            9 => {
                self.domain.timers[vcpu as usize] = None;
                self.cancel(Task::Timer(vcpu));
                Ok(0)
            }
            10 => self.register_info(vcpu, block),
            _ => Err(ENOSYS),
        }
    }

    fn set_timer(&mut self, vcpu: u32, (args, block): (Args, Argument)) -> Answer {
        let fields = block.read::<16>()?;
        self.padding(args, u64::from(fields.u32(12)));
        let (timeout, flags) = (fields.u64(0), fields.u32(8));
        if flags & 1 != 0 && timeout < self.clock.system() {
            return Err(ETIME);
        }
        let at = self.clock.when(timeout);
        self.cancel(Task::Timer(vcpu));
        self.domain.timers[vcpu as usize] = Some(at);
        self.schedule(at, Task::Timer(vcpu));
        Ok(0)
    }

    fn register_info(&mut self, vcpu: u32, block: Argument) -> Answer {
        let fields = block.read::<16>()?;
        let (gfn, offset) = (Gfn(fields.u64(0)), fields.u32(8));
        if offset > LAST_PLACE {
            return Err(ENXIO);
        }
        if self.domain.registered[vcpu as usize].is_some() {
            return Err(if self.version >= (4, 17) { EBUSY } else { EINVAL });
        }
        let Some(frame) = self.frame(gfn) else {
            self.violation(Violation::NoSuchFrame(gfn));
            return Err(EINVAL);
        };
        let (old, base) = self.domain.vcpu_info(vcpu);
        let place = (frame, offset as usize);
        frame.write(place.1, &old.bytes::<64>(base));
        self.domain.registered[vcpu as usize] = Some(place);
        self.domain.mark_all(vcpu);
        Ok(0)
    }
}
