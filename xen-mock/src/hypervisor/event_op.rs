//! `event_channel_op` (`event_channel.h`).

use xen_hypercall::{DomId, Port};

use super::Args;
use super::argument::{Argument, Fields};
use crate::errno::{Answer, EEXIST, EINVAL, ENOENT, ENOSPC, ENOSYS, ESRCH};
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
            3 => self.close(Port(block.read::<4>()?.u32(0))),
            4 => self.send(Port(block.read::<4>()?.u32(0))),
            5 => self.status(args, block),
            6 => self.alloc_unbound(block),
            7 => self.bind_ipi(block),
            8 => self.bind_vcpu(block),
            9 => self.unmask(Port(block.read::<4>()?.u32(0))),
            _ => Err(ENOSYS),
        }
    }

    fn own_or(&self, domain: u16) -> DomId {
        if domain == DomId::SELF.0 { self.domain.id } else { DomId(domain) }
    }

    fn open_port(&mut self, channel: Channel) -> Result<Port, isize> {
        self.domain.ports.open(channel).ok_or(ENOSPC)
    }

    fn alloc_unbound(&mut self, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        self.only_self(fields.u16(0))?;
        let remote = self.own_or(fields.u16(2));
        let port = self.open_port(Channel::Unbound { remote })?;
        block.write_at(4, &port.0.to_le_bytes()).map(|()| 0)
    }

    fn bind_interdomain(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<12>()?;
        self.padding(args, u64::from(fields.u16(2)));
        let (remote, remote_port) = (self.own_or(fields.u16(0)), Port(fields.u32(4)));
        let local = if remote == self.domain.id {
            self.bind_loopback(remote_port)?
        } else if remote == DomId::DOM0 {
            let guest = self.domain.id;
            if !self.backends.offers(remote_port, guest) {
                return Err(EINVAL);
            }
            let local = self.open_port(Channel::Interdomain { remote, port: remote_port })?;
            self.backends.accept(remote_port, local);
            local
        } else {
            return Err(ESRCH);
        };
        // What the other end sent before it was bound may be lost, so the new end looks once.
        self.domain.raise(local);
        block.write_at(8, &local.0.to_le_bytes()).map(|()| 0)
    }

    fn bind_loopback(&mut self, remote_port: Port) -> Result<Port, isize> {
        let own = self.domain.id;
        if self.domain.ports.at(remote_port) != Some(Channel::Unbound { remote: own }) {
            return Err(EINVAL);
        }
        let local = self.open_port(Channel::Interdomain { remote: own, port: remote_port })?;
        self.domain.ports.set(remote_port, Channel::Interdomain { remote: own, port: local });
        Ok(local)
    }

    fn bind_virq(&mut self, block: Argument) -> Answer {
        let fields = block.read::<12>()?;
        let (virq, vcpu) = (fields.u32(0), fields.u32(4));
        if virq >= VIRQS || (vcpu != 0 && !PER_VCPU.contains(&virq)) {
            return Err(EINVAL);
        }
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        if self.domain.ports.of_virq(virq, vcpu).is_some() {
            return Err(EEXIST);
        }
        let port = self.open_port(Channel::Virq { virq, vcpu })?;
        block.write_at(8, &port.0.to_le_bytes()).map(|()| 0)
    }

    fn bind_ipi(&mut self, block: Argument) -> Answer {
        let vcpu = block.read::<8>()?.u32(0);
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        let port = self.open_port(Channel::Ipi { vcpu })?;
        block.write_at(4, &port.0.to_le_bytes()).map(|()| 0)
    }

    fn close(&mut self, port: Port) -> Answer {
        match self.domain.ports.at(port) {
            None | Some(Channel::Free | Channel::Reserved) => {
                self.violation(Violation::ClosedTwice(port));
                return Err(EINVAL);
            }
            Some(Channel::Interdomain { remote, port: far }) if remote == self.domain.id => {
                self.domain.ports.set(far, Channel::Unbound { remote });
            }
            Some(Channel::Interdomain { port: far, .. }) => self.backends.peer_closed(far),
            Some(_) => {}
        }
        if self.domain.is_toolstacks(port) {
            self.violation(Violation::ClosedToolstackPort(port));
        }
        self.domain.ports.set(port, Channel::Free);
        self.domain.clear_pending(port);
        Ok(0)
    }

    fn send(&mut self, port: Port) -> Answer {
        match self.domain.ports.at(port) {
            Some(Channel::Interdomain { remote, port: far }) if remote == self.domain.id => self.notify_guest(far),
            Some(Channel::Interdomain { port: far, .. }) => {
                if !self.faults.drops_event(port) {
                    let service = self.backends.event(far);
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
            Channel::Interdomain { remote, port } => (2, u32::from(remote.0), port.0),
            Channel::Virq { virq, .. } => (4, virq, 0),
            Channel::Ipi { .. } => (5, 0, 0),
        };
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
        match self.domain.ports.at(port) {
            Some(Channel::Unbound { .. } | Channel::Interdomain { .. }) => {}
            Some(Channel::Virq { virq, .. }) if !PER_VCPU.contains(&virq) => {}
            _ => return Err(EINVAL),
        }
        self.domain.ports.tell(port, vcpu);
        Ok(0)
    }

    fn unmask(&mut self, port: Port) -> Answer {
        self.domain.ports.at(port).ok_or(EINVAL)?;
        self.domain.unmask(port);
        Ok(0)
    }
}
