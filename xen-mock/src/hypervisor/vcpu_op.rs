//! `vcpu_op` (`vcpu.h`).

use xen_hypercall::{Gfn, Vcpu};

use super::Args;
use super::argument::{Argument, Fields};
use crate::errno::{Answer, EBUSY, EEXIST, EINVAL, ENOENT, ENOSYS, ENXIO, ETIME};
use crate::violation::Violation;
use crate::world::{Task, World};

/// Size of `vcpu_info`, and where the last one in a page may start.
const LAST_PLACE: u32 = 4096 - 64;

/// CR0: protection and paging; CR4: PAE; EFER: long mode on and active.
const PAGED: u64 = 1 << 31 | 1;
const PAE: u64 = 1 << 5;
const LONG: u64 = 1 << 8 | 1 << 10;

impl World {
    pub(super) fn vcpu_op(&mut self, args: Args) -> Answer {
        let vcpu = u32::try_from(args.second.addr()).unwrap_or(u32::MAX);
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        let block = Argument::new(args.third);
        match args.cmd {
            0 => self.initialise(vcpu, (args, block)),
            1 if !self.domain.vcpus[vcpu as usize].initialised => Err(EINVAL),
            1 | 2 => {
                self.domain.vcpus[vcpu as usize].up = args.cmd == 1;
                Ok(0)
            }
            3 => Ok(isize::from(self.domain.vcpus[vcpu as usize].up)),
            7..=9 if vcpu != self.current => Err(EINVAL),
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

    fn initialise(&mut self, vcpu: u32, (args, block): (Args, Argument)) -> Answer {
        let fields = block.read::<128>()?;
        self.padding(args, u64::from(fields.u32(4)) | fields.u64(120));
        let (mode, cr0, cr4, efer) = (fields.u32(0), fields.u64(88), fields.u64(104), fields.u64(112));
        // Paging and protection, PAE, long mode on and active.
        let fits = mode == 1 && cr0 & PAGED == PAGED && cr4 & PAE != 0 && efer & LONG == LONG;
        let placed = vcpu < 32 || self.domain.registered[vcpu as usize].is_some();
        if !fits || !placed {
            return Err(EINVAL);
        }
        let state = &mut self.domain.vcpus[vcpu as usize];
        if std::mem::replace(&mut state.initialised, true) { Err(EEXIST) } else { Ok(0) }
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
        if vcpu != self.current && self.domain.vcpus[vcpu as usize].up {
            self.violation(Violation::RegisteredForAnother(Vcpu(vcpu)));
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
