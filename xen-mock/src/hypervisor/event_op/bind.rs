//! Operations that open a port.

use xen_hypercall::Port;

use super::super::Args;
use super::super::argument::{Argument, Fields};
use super::{PER_VCPU, VIRQS};
use crate::errno::{Answer, EBUSY, EEXIST, EINVAL, ENOENT, ENOSPC, ESRCH};
use crate::events::Channel;
use crate::world::World;

/// VIRQ_ARGO, which each domain has, though none of its processors.
const ARGO: u32 = 11;
/// The Xen from which on a guest may not take the virtual interrupts of the host.
const GUARDED: (u16, u16) = (4, 21);
/// Physical interrupts that a guest can name: the lines of one I/O APIC, and 32 more.
const PIRQS: u32 = 24 + 32;
/// `BIND_PIRQ__WILL_SHARE`.
const WILL_SHARE: u32 = 1;

impl World {
    /// Opens a port and writes its number to the block; none if Xen was told to name a wrong one, which opens nothing.
    fn open(&mut self, (block, at): (Argument, usize), channel: Channel) -> Result<Option<Port>, isize> {
        let wrong = self.faults.wrong_ports.pop_front();
        let opened = match wrong {
            Some(_) => None,
            None => Some(self.domain.open_port(channel).ok_or(ENOSPC)?),
        };
        let port = wrong.or(opened).unwrap_or(Port(0));
        block.write_at(at, &port.0.to_le_bytes())?;
        Ok(opened)
    }

    pub(super) fn alloc_unbound(&mut self, block: Argument) -> Answer {
        let fields = block.read::<8>()?;
        self.only_self(fields.u16(0))?;
        let remote = self.own_or(fields.u16(2));
        self.open((block, 4), Channel::Unbound { remote }).map(|_| 0)
    }

    pub(super) fn bind_interdomain(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<12>()?;
        self.padding(args, u64::from(fields.u16(2)));
        let (remote, far) = (self.own_or(fields.u16(0)), Port(fields.u32(4)));
        let own = self.domain.id;
        if remote != own && !self.peers.knows(remote) {
            return Err(ESRCH);
        }
        let Some(local) = self.open((block, 8), Channel::Interdomain { remote, port: far })? else {
            return Ok(0);
        };
        let waits = if remote == own {
            self.domain.ports.at(far) == Some(Channel::Unbound { remote: own })
        } else {
            self.ends.offers(remote, far, own)
        };
        if !waits {
            self.domain.ports.free(local);
            return Err(EINVAL);
        }
        if remote == own {
            self.domain.ports.set(far, Channel::Interdomain { remote: own, port: local });
        } else {
            self.ends.accept(far, local);
        }
        // What the other end sent before it was bound may be lost, so the new end looks once.
        self.domain.raise(local);
        Ok(0)
    }

    pub(super) fn bind_virq(&mut self, block: Argument) -> Answer {
        let fields = block.read::<12>()?;
        let (virq, vcpu) = (fields.u32(0), fields.u32(4));
        let is_own = PER_VCPU.contains(&virq);
        if virq >= VIRQS || (vcpu != 0 && !is_own) {
            return Err(EINVAL);
        }
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        if !is_own && virq != ARGO && self.version >= GUARDED {
            return Err(EBUSY);
        }
        if self.domain.ports.of_virq(virq, vcpu).is_some() {
            return Err(EEXIST);
        }
        self.open((block, 8), Channel::Virq { virq, vcpu }).map(|_| 0)
    }

    /// Binds a physical interrupt. Xen asks no guest with hardware virtualisation for a right to it; what it has mapped
    /// there (nothing, without passthrough) decides whether an event ever comes.
    pub(super) fn bind_pirq(&mut self, args: Args, block: Argument) -> Answer {
        let fields = block.read::<12>()?;
        self.padding(args, u64::from(fields.u32(4) & !WILL_SHARE));
        let pirq = fields.u32(0);
        if pirq >= PIRQS {
            return Err(EINVAL);
        }
        if self.domain.ports.of_pirq(pirq).is_some() {
            return Err(EEXIST);
        }
        self.open((block, 8), Channel::Pirq { pirq }).map(|_| 0)
    }

    pub(super) fn bind_ipi(&mut self, block: Argument) -> Answer {
        let vcpu = block.read::<8>()?.u32(0);
        if !self.domain.has_vcpu(vcpu) {
            return Err(ENOENT);
        }
        self.open((block, 4), Channel::Ipi { vcpu }).map(|_| 0)
    }
}
