//! The hypervisor: decodes hypercalls at the raw boundary.

pub(crate) mod argument;
mod event_op;
mod grant_op;
mod hvm_op;
mod memory_op;
pub(crate) mod sched_op;
pub(crate) mod uses;
mod vcpu_op;
mod version_op;

use xen_hypercall::{DomId, Nanos, Number, Vcpu, Word};

use crate::domain::State;
use crate::errno::{Answer, ENOSYS, EPERM, ESRCH};
use crate::trace::Call;
use crate::violation::Violation;
use crate::world::World;
use argument::Argument;

/// How long a hypercall takes.
const CALL_TIME: Nanos = Nanos(1000);

/// A hypercall's arguments: the command, and two more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args {
    pub(crate) number: Number,
    pub(crate) cmd: usize,
    pub(crate) second: Word,
    pub(crate) third: Word,
}

impl World {
    /// Begins a hypercall; the answer, if it is given without the hypercall being made.
    pub(crate) fn enter(&mut self, number: Number, cmd: usize) -> Option<isize> {
        self.clock.advance(CALL_TIME);
        self.watch_grants();
        let at = self.now();
        let vcpu = Vcpu(self.current);
        self.records.calls.push(Call { number, cmd, result: None, at, vcpu });
        let made = self.records.calls.len() as u64;
        let within = made <= self.config.budget || std::thread::panicking();
        assert!(within, "the guest made {made} hypercalls: an endless loop? (Builder::budget)");
        if self.domain.state != State::Running {
            if !std::thread::panicking() {
                self.violation(Violation::CallAfterStop(number, cmd));
            }
            return Some(ESRCH);
        }
        let fault = self.faults.call(number, cmd);
        if fault.is_none() {
            self.run_due();
        }
        self.storm_on();
        fault
    }

    /// Ends the hypercall with index `index` of the trace.
    pub(crate) fn leave(&mut self, index: usize, result: isize) {
        self.records.calls[index].result = Some(result);
        if self.domain.state == State::Running {
            self.write_times();
        }
        self.watch_grants();
        self.watch_events();
    }

    /// Makes a hypercall that does not sleep.
    pub(crate) fn dispatch(&mut self, args: Args) -> isize {
        let block = Argument::new(args.second);
        let answer = match args.number {
            Number::XEN_VERSION => self.version_op(args, block),
            Number::MEMORY_OP => self.memory_op(args, block),
            Number::EVENT_CHANNEL_OP => self.event_op(args, block),
            Number::HVM_OP => self.hvm_op(args, block),
            Number::GRANT_TABLE_OP => self.grant_op(args, block),
            Number::VCPU_OP => self.vcpu_op(args),
            Number::CONSOLE_IO => Err(EPERM),
            _ => Err(ENOSYS),
        };
        answer.unwrap_or_else(|error| error)
    }

    /// Takes the domain that a block names, which may only be the caller.
    pub(crate) fn only_self(&self, domain: u16) -> Answer {
        if domain == DomId::SELF.0 || domain == self.domain.id.0 {
            return Ok(0);
        }
        if self.peers.knows(DomId(domain)) { Err(EPERM) } else { Err(ESRCH) }
    }

    /// Notes padding that is not zero.
    pub(crate) fn padding(&mut self, args: Args, value: u64) {
        if value != 0 {
            self.violation(Violation::Padding(args.number, args.cmd));
        }
    }
}
