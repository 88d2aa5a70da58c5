//! `event_channel_op` (`event_channel.h`).

mod bind;
mod close;
mod fifo;

use xen_hypercall::{DomId, Port};

use super::Args;
use super::argument::{Argument, Fields};
use crate::errno::{Answer, EINVAL, ENOENT, ENOSYS};
use crate::events::Channel;
use crate::violation::Violation;
use crate::world::World;

/// Virtual interrupts that there are.
const VIRQS: u32 = 24;
/// Those that each processor has of its own: timer, debug, xenoprof, xenpmu.
const PER_VCPU: [u32; 4] = [0, 1, 7, 13];

impl World {
    pub(super) fn event_op(&mut self, args: Args, block: Argument) -> Answer {
        match args.cmd {
            0 => self.bind_interdomain(args, block),
            1 => self.bind_virq(block),
            2 => self.bind_pirq(args, block),
            3 => self.close(Port(block.read::<4>()?.u32(0))),
            4 => self.send(Port(block.read::<4>()?.u32(0))),
            5 => self.status(args, block),
            6 => self.alloc_unbound(block),
            7 => self.bind_ipi(block),
            8 => self.bind_vcpu(block),
            9 => self.unmask(Port(block.read::<4>()?.u32(0))),
            10 => self.reset(block),
            11..=13 => self.fifo_op(args, block),
            _ => Err(ENOSYS),
        }
    }

    fn send(&mut self, port: Port) -> Answer {
        match self.domain.ports.at(port) {
            Some(Channel::Interdomain { remote, port: far }) if remote == self.domain.id => self.notify_guest(far),
            Some(Channel::Interdomain { port: far, .. }) => {
                if !self.faults.drops_event(port) {
                    let service = self.ends.event(far);
                    self.wake(service);
                }
            }
            Some(Channel::Ipi { .. }) => self.notify_guest(port),
            Some(Channel::Unbound { .. }) => {}
            _ => {
                self.violation(Violation::SentByWrongPort(port));
                return Err(EINVAL);
            }
        }
        Ok(0)
    }

    fn status(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<24>()?;
        self.padding(args, u64::from(fields.u16(2)));
        self.only_self(fields.u16(0))?;
        let port = Port(fields.u32(4));
        let channel = self.domain.ports.at(port).ok_or(EINVAL)?;
        let (status, first, second) = match channel {
            Channel::Free | Channel::Reserved => (0, 0, 0),
            Channel::Unbound { remote } => (1, u32::from(remote.0), 0),
            Channel::Attached { port } => (2, u32::from(DomId::DOM0.0), port.0),
            Channel::Interdomain { remote, port } => (2, u32::from(remote.0), port.0),
            Channel::Pirq { pirq } => (3, pirq, 0),
            Channel::Virq { virq, .. } => (4, virq, 0),
            Channel::Ipi { .. } => (5, 0, 0),
        };
        let status = self.faults.wrong_states.get(&port.0).copied().unwrap_or(status);
        let words = [status, self.domain.notified(port), first, second];
        let bytes: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        block.write_at(8, &bytes).map(|()| 0)
    }

    fn bind_vcpu(&mut self, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        let (port, vcpu) = (Port(fields.u32(0)), fields.u32(4));
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        let slot = self.domain.ports.slot_mut(port).ok_or(EINVAL)?;
        match slot.channel {
            Channel::Unbound { .. } | Channel::Interdomain { .. } | Channel::Pirq { .. } => {}
            Channel::Virq { virq, .. } if !PER_VCPU.contains(&virq) => {}
            _ => return Err(EINVAL),
        }
        slot.vcpu = vcpu;
        Ok(0)
    }

    /// Of a port that is not open, nothing comes; Xen does not say so.
    fn unmask(&mut self, port: Port) -> Answer {
        let channel = self.domain.ports.at(port).ok_or(EINVAL)?;
        if channel.is_usable() {
            self.domain.unmask(port);
        }
        Ok(0)
    }

    fn own_or(&self, domain: u16) -> DomId {
        if domain == DomId::SELF.0 { self.domain.id } else { DomId(domain) }
    }
}
