//! `sched_op` (`sched.h`): what may sleep, and so gives the host its turns.

use xen_hypercall::{Nanos, Port, Vcpu, Word};

use super::Args;
use super::argument::{Argument, Fields};
use crate::domain::{Reason, State};
use crate::errno::{Answer, EINVAL, ENOSPC, ENOSYS};
use crate::host::Host;
use crate::violation::Violation;
use crate::world::{Task, World};

/// How long a yield takes.
const YIELD_TIME: Nanos = Nanos(50_000);
/// Most ports that a poll may name.
const MOST_PORTS: u32 = 128;

/// What a sleeping guest waits for.
struct Wait {
    ports: Vec<Port>,
    until: Option<Nanos>,
    /// Events that are not masked wake it, whatever their ports: a block.
    upcall: Upcall,
}

#[derive(PartialEq, Eq)]
enum Upcall {
    Wakes,
    Ignored,
}

impl Host {
    pub(crate) fn sched_op(&self, args: Args) -> isize {
        let block = Argument::new(args.second);
        let answer = match args.cmd {
            0 => {
                self.world().clock.advance(YIELD_TIME);
                self.wait(&Wait { ports: Vec::new(), until: Some(Nanos::ZERO), upcall: Upcall::Ignored });
                Ok(0)
            }
            1 => {
                self.wait(&Wait { ports: Vec::new(), until: None, upcall: Upcall::Wakes });
                Ok(0)
            }
            2 => self.shutdown(block, args.third),
            3 => self.poll(args, block),
            5 => self.latch(block),
            6 => self.world().watchdog(block),
            _ => Err(ENOSYS),
        };
        answer.unwrap_or_else(|error| error)
    }

    /// Lets the time of a guest pass that was frozen or destroyed between two hypercalls.
    pub(crate) fn stand_still(&self) {
        self.leave_if_gone();
        if self.state() == State::Shutdown(Reason::Suspend) {
            self.wait(&Wait { ports: Vec::new(), until: Some(Nanos::ZERO), upcall: Upcall::Ignored });
        }
    }

    fn poll(&self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<24>()?;
        let (count, timeout) = (fields.u32(8), fields.u64(16));
        self.world().padding(args, u64::from(fields.u32(12)));
        if count > MOST_PORTS {
            return Err(EINVAL);
        }
        let array = block.pointer_at(0)?;
        let mut ports = Vec::new();
        for at in 0..count as usize {
            let port = Port(array.read_at::<4>(at * 4)?.u32(0));
            let (is_usable, is_pending) = self.world().domain.look_at(port);
            if !is_usable {
                return Err(EINVAL);
            }
            ports.push(port);
            if is_pending {
                break;
            }
        }
        let until = (timeout != 0).then(|| self.world().clock.when(timeout));
        self.wait(&Wait { ports, until, upcall: Upcall::Ignored });
        Ok(0)
    }

    /// Sleeps; time jumps from one thing that happens to the next.
    fn wait(&self, wait: &Wait) {
        if std::thread::panicking() {
            // What a guest does while it is unwound gets no sleep, so that the first panic is the one seen.
            return;
        }
        let incarnation = self.world().incarnation;
        loop {
            self.turn();
            self.leave_if_gone();
            let mut world = self.world();
            // In another domain the guest comes out of the hypercall.
            if world.is_awake(wait) || (world.domain.state == State::Running && world.incarnation != incarnation) {
                return;
            }
            let Some(next) = self.next_due(&world, wait.until) else {
                let (now, state) = (world.now().0, world.domain.state);
                drop(world);
                panic!("the guest sleeps for ever: at {now} ns, {state:?}, nothing can wake it any more");
            };
            world.clock.jump(next);
        }
    }

    fn shutdown(&self, block: Argument, _start_info: Word) -> Answer {
        let code = block.read::<4>()?.u32(0);
        let asked = Reason::from_code(code).ok_or(EINVAL)?;
        let reason = self.world().domain.latched.unwrap_or(asked);
        let current = self.world().current;
        if reason == Reason::Suspend && current != 0 {
            self.world().violation(Violation::SuspendedElsewhere(Vcpu(current)));
        }
        if matches!(reason, Reason::Poweroff | Reason::Reboot) {
            self.world().stopped_with_grants();
        }
        self.world().domain.state = State::Shutdown(reason);
        if reason != Reason::Suspend {
            self.turn();
            return Ok(0);
        }
        self.world().suspended_in_call();
        self.wait(&Wait { ports: Vec::new(), until: Some(Nanos::ZERO), upcall: Upcall::Ignored });
        Ok(self.world().take_resume_code())
    }

    fn latch(&self, block: Argument) -> Answer {
        let reason = Reason::from_code(block.read::<4>()?.u32(0)).ok_or(EINVAL)?;
        let mut world = self.world();
        world.domain.latched = world.domain.latched.or(Some(reason));
        Ok(0)
    }
}

impl World {
    /// Arms, pokes or disarms a watchdog; its time is real time, also while the domain is suspended.
    fn watchdog(&mut self, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        let (id, timeout) = (fields.u32(0) as usize, fields.u32(4));
        let dogs = &mut self.domain.watchdogs;
        let (slot, answer) = match id {
            0 if timeout == 0 => return Err(EINVAL),
            0 => {
                let slot = dogs.iter().position(Option::is_none).ok_or(ENOSPC)?;
                (slot, slot as isize + 1)
            }
            _ if dogs.get(id - 1).is_some_and(Option::is_some) => (id - 1, 0),
            _ => return Err(EINVAL),
        };
        self.cancel(Task::Watchdog(slot));
        let at = self.now().after(Nanos::from_secs(u64::from(timeout)));
        self.domain.watchdogs[slot] = (timeout != 0).then_some(at);
        if timeout != 0 {
            self.schedule(at, Task::Watchdog(slot));
        }
        Ok(answer)
    }

    fn is_awake(&mut self, wait: &Wait) -> bool {
        let event = wait.ports.iter().any(|port| self.domain.is_pending(*port));
        let upcall = wait.upcall == Upcall::Wakes && self.domain.upcall_pending(0);
        let late = wait.until.is_some_and(|until| until <= self.now());
        // It runs when this one comes out of its sleep, which it may at any time.
        let other = self.domain.others_wake();
        self.domain.state == State::Running && (event || upcall || late || other)
    }
}
