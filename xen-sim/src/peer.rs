//! The guest's peer on the mock host: dom0, which obeys as a second guest would.

use guest::peer::{Answer, Message, Order};
use xen_hypercall::{Errno, Port};
use xen_mock::Host;

/// What dom0 does in the place of a second guest.
///
/// Other than a domain it does not end: all that the guest sees of an end is that what it shared is let go.
#[derive(Debug)]
pub(crate) struct Peer {
    /// How many there have been.
    count: u32,
    /// The number of the last order.
    last: u32,
    ports: Vec<Port>,
}

impl Peer {
    pub(crate) const fn new() -> Self {
        Self { count: 0, last: 0, ports: Vec::new() }
    }

    /// Comes, or comes again.
    pub(crate) fn appear(&mut self, host: &Host) {
        self.count += 1;
        self.name(host);
    }

    fn name(&self, host: &Host) {
        host.store().write("data/peer", format!("0 {}", self.count));
    }

    /// Does what there is to do.
    pub(crate) fn turn(&mut self, host: &Host) {
        if self.count == 0 {
            return;
        }
        if host.store().read("data/peer").is_none() {
            // In a new domain, too.
            self.name(host);
        }
        let Some(message) = host.store().read_bytes("data/ask").and_then(|text| Message::parse(&text)) else { return };
        if message.number != self.last {
            self.last = message.number;
            let result = self.obey(host, message.order);
            host.store().write("data/answer", Answer { number: message.number, result }.to_string());
        }
    }

    fn obey(&mut self, host: &Host, order: Order) -> Result<u32, i32> {
        let dom0 = host.dom0();
        match order {
            Order::Bind(port) => Ok(self.keep(dom0.bind(port).ok_or_else(|| code(Errno::EINVAL))?)),
            Order::Open => Ok(self.keep(dom0.offer())),
            Order::Notify(port, times) => {
                (0..times).for_each(|_| dom0.notify(port));
                Ok(times)
            }
            Order::Heard(port) => Ok(u32::from(dom0.take_events(port) > 0)),
            Order::Close(port) => {
                self.ports.retain(|held| *held != port);
                dom0.close(port);
                Ok(0)
            }
            Order::Page(_) => Err(code(Errno::ENOSYS)),
            Order::Die => {
                self.ports.drain(..).for_each(|port| dom0.close(port));
                Ok(0)
            }
        }
    }

    fn keep(&mut self, port: Port) -> u32 {
        self.ports.push(port);
        port.0
    }
}

fn code(errno: Errno) -> i32 {
    i32::try_from(errno.raw()).unwrap_or(i32::MIN)
}
