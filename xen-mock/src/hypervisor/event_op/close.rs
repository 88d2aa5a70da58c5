//! Operations that close ports.

use xen_hypercall::Port;

use super::super::argument::{Argument, Fields};
use crate::errno::{Answer, EINVAL};
use crate::events::Channel;
use crate::violation::Violation;
use crate::world::World;

impl World {
    pub(super) fn close(&mut self, port: Port) -> Answer {
        if !self.domain.ports.is_usable(port) {
            let is_xens = matches!(self.domain.ports.at(port), Some(Channel::Attached { .. }));
            let told = if is_xens { Violation::ClosedToolstackPort(port) } else { Violation::ClosedTwice(port) };
            self.violation(told);
            return Err(EINVAL);
        }
        if self.domain.is_toolstacks(port) {
            self.violation(Violation::ClosedToolstackPort(port));
        }
        self.close_open(port);
        Ok(0)
    }

    /// Closes a port; the end that it was bound to waits for the guest again.
    fn close_open(&mut self, port: Port) {
        match self.domain.ports.at(port) {
            Some(Channel::Interdomain { remote, port: far }) if remote == self.domain.id => {
                self.domain.ports.set(far, Channel::Unbound { remote });
            }
            Some(Channel::Interdomain { port: far, .. }) => self.ends.peer_closed(far),
            _ => {}
        }
        self.domain.clear_pending(port);
        self.domain.ports.free(port);
    }

    /// Closes all ports, those of the toolstack too, and goes back to the 2-level ABI.
    pub(super) fn reset(&mut self, block: Argument) -> Answer {
        self.only_self(block.read::<2>()?.u16(0))?;
        let open: Vec<_> = self.domain.ports.in_use().collect();
        for (port, channel) in open {
            match channel {
                Channel::Interdomain { port: far, .. } if self.domain.is_toolstacks(port) => {
                    self.cut_off.push((port, far));
                }
                _ => {}
            }
            self.close_open(port);
        }
        self.watch_events();
        self.domain.fifo = None;
        Ok(0)
    }

    /// Notes the toolstack's ends that the guest cut off by a reset, and did not bind to again.
    pub(crate) fn watch_cut_off(&mut self) {
        for (port, far) in std::mem::take(&mut self.cut_off) {
            if self.ends.peer(far).is_none() {
                self.violation(Violation::ClosedToolstackPort(port));
            }
        }
    }
}
